"""`telecine ledger disputes`, `decide` and `adjust` as an operator runs them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.store.store import Store
from tests.cli.telecine import configured, telecine
from tests.store.samples import PRICE, Clock, admission, apply, attempt, closed, following, seed, simulated, video
from tests.support.gateway import until
from tests.support.redis import RedisServer


@pytest.fixture
def folder(tmp_path: Path, empty_redis: RedisServer) -> Path:
    """Three videos: one is disputed by a dollar, one was presumed lost, one still runs."""
    asyncio.run(_books(empty_redis.url))
    return configured(tmp_path, empty_redis.url)


async def _books(url: str) -> None:
    async with simulated(url, Clock()) as store:
        await seed(store)
        for number in (1, 2, 3):
            await _admitted(store, number, lost=number == 2, runs=number == 3)


async def _admitted(store: Store, number: int, *, lost: bool, runs: bool) -> None:
    made = video(number, attempts=(attempt(),))
    await store.admit(admission(made))
    one = made.attempts[0]
    settle = ledger.settle(made, one, PRICE, presumed=lost, reason="ended", on_house=lost)
    beyond = 0 if lost else 1_000_000
    end = replace(
        closed(made).attempts[0], cost_micros=PRICE, spared=settle.spared, disputed_micros=beyond, closed_ms=1
    )
    dispute = ledger.dispute(made, one, 1_000_000, reason="80 s were charged as 10,272")
    if not runs:
        change = following(replace(made, attempts=(end,)), *((settle,) if lost else (settle, dispute)))
        await apply(store, change)


def test_a_dispute_is_listed_until_it_is_decided(folder: Path) -> None:
    name = f"{video(1).id}.1"
    table, lines = telecine(folder, "ledger", "disputes"), telecine(folder, "ledger", "disputes", "--json")
    assert "$1.00" in table.out
    (one,) = (json.loads(line) for line in lines.out.splitlines())
    assert (one["attempt"], one["booked_usd"], one["disputed_usd"]) == (name, "0.40", "1.00")
    done = telecine(folder, "ledger", "decide", name, "--amount", "0.25", "--reason", "their credit note")
    assert (done.status, done.err, done.out) == (0, "", f"{name} is booked at $0.65 now, before at $0.40, on proj_1\n")
    assert telecine(folder, "ledger", "disputes").out == "nothing is disputed\n"
    again = telecine(folder, "ledger", "decide", name, "--accept")
    assert again.status == 1
    assert "nothing is disputed" in again.err
    assert telecine(folder, "ledger", "verify").status == 0


def test_a_video_shows_what_its_attempt_cost(folder: Path) -> None:
    """Beside the price: what is disputed, whose loss it was, nothing before the end."""
    lines = [telecine(folder, "videos", "show", video(number).id).out.splitlines()[-1] for number in (1, 2, 3)]
    assert [one.partition(": ")[2] for one in lines] == [
        "closed, $0.40, $1.00 disputed",
        "closed, $0.40, on the house",
        "planned, $0.40",
    ]
    telecine(folder, "ledger", "decide", f"{video(1).id}.1", "--accept")
    assert "closed, $0.40, cost $1.40" in telecine(folder, "videos", "show", video(1).id).out
    (attempt,) = json.loads(telecine(folder, "videos", "show", video(2).id, "--json").out)["attempts"]
    assert (attempt["cost_usd"], attempt["on_house"], attempt["disputed_usd"]) == ("0.40", True, None)


def test_rejecting_leaves_the_price(folder: Path) -> None:
    name = f"{video(1).id}.1"
    done = telecine(folder, "ledger", "decide", name, "--reject", "--json")
    assert json.loads(done.out) == {"attempt": name, "before_usd": "0.40", "cost_usd": "0.40", "on_house": False}
    assert telecine(folder, "ledger", "verify").status == 0


def test_a_cost_that_the_books_cannot_count_is_refused(folder: Path) -> None:
    """In one line, and nothing is written; neither is a negative one, or one that is no amount."""
    name = f"{video(2).id}.1"
    beyond = telecine(folder, "ledger", "adjust", name, "--cost", "9007199254.740991")
    assert (beyond.status, beyond.out, beyond.err.count("\n")) == (1, "", 1)
    assert "the books do not allow that, and nothing was written" in beyond.err
    for text in ("-1", "nan", "\uff11", "9007199254.740992", ""):
        assert telecine(folder, "ledger", "adjust", name, "--cost", text).status == 2
        assert telecine(folder, "ledger", "decide", f"{video(1).id}.1", "--amount", text).status == 2
    for wrong in (
        "",
        name.removesuffix(".1"),
        f"{name}1",
        f"{name}\n",
        name.replace(".1", ".0"),
        name.replace(".1", ".-1"),
    ):
        assert telecine(folder, "ledger", "adjust", wrong, "--cost", "1").status == 1
    assert telecine(folder, "ledger", "adjust", name.replace(".1", ".\uff11"), "--cost", "1").status == 1
    assert telecine(folder, "ledger", "verify").status == 0
    assert "$1.00" in telecine(folder, "ledger", "disputes").out


def test_a_presumed_loss_is_corrected_for_whom_it_was(folder: Path) -> None:
    name = f"{video(2).id}.1"
    done = telecine(folder, "ledger", "adjust", name, "--cost", "0")
    assert (done.status, done.out) == (0, f"{name} is booked at $0.00 now, before at $0.40, on the house\n")
    assert telecine(folder, "ledger", "verify").status == 0


@pytest.mark.parametrize(("side", "booked"), [("before", 0), ("after", 1)])
def test_a_command_that_dies_has_booked_all_or_nothing(folder: Path, side: str, booked: int) -> None:
    """And said again, it ends where it was to end."""
    name = f"{video(2).id}.1"
    reached = folder / "reached"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TELECINE_")}
    armed = {"TELECINE_KILL_POINT": f"{side}.commit.rule", "TELECINE_KILL_FILE": str(reached)}
    words = [sys.executable, "-m", "gateway", "ledger", "adjust", name, "--cost", "0"]
    with subprocess.Popen(words, cwd=folder, env={**inherited, **armed}) as dying:
        assert until(reached.exists, 30)
        dying.kill()
    entries = [json.loads(line) for line in telecine(folder, "ledger", "export", "--format", "jsonl").out.splitlines()]
    adjusts = [one for one in entries if one["kind"] == "adjust"]
    assert len(adjusts) == booked
    again = telecine(folder, "ledger", "adjust", name, "--cost", "0")
    assert again.status == 0 or "already" in again.err
    assert telecine(folder, "ledger", "verify").status == 0
    export = telecine(folder, "ledger", "export", "--format", "jsonl").out
    assert sum('"adjust"' in line for line in export.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("decide", "1"), "say one of --accept, --reject and --amount"),
        (("decide", "1", "--accept", "--reject"), "say one of"),
        (("decide", "1", "--amount", "1.01"), "accept at most that"),
        (("decide", "1", "--amount", "-1"), "not an amount of dollars"),
        (("decide", "1", "--accept", "--reason", "a\nb"), "one line of at most 200 characters"),
        (("decide", "2", "--accept"), "nothing is disputed"),
        (("decide", "video_1.1", "--accept"), "no attempt is called"),
        (("adjust", "1", "--cost", "0"), "decide that first"),
        (("adjust", "3", "--cost", "0"), "has not ended yet"),
        (("adjust", "2", "--cost", "0.40"), "already"),
        (("adjust", "2"), "--cost"),
    ],
)
def test_a_word_that_cannot_be_is_refused_and_nothing_is_booked(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    command, name, *options = words
    name = f"{video(int(name)).id}.1" if name.isdigit() else name
    before = telecine(folder, "ledger", "export").out
    done = telecine(folder, "ledger", command, name, *options)
    assert done.status != 0
    assert said in " ".join(done.err.split())
    assert telecine(folder, "ledger", "export").out == before
