"""`telecine doubts` as an operator runs it, beside a gateway or without one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.orphans import bound
from gateway.domain.videos import AttemptState, State
from gateway.store.store import Store
from tests.cli.telecine import configured, objects, telecine
from tests.store.samples import T0, Clock, apply, following, let_in, seed, simulated, video
from tests.support.redis import RedisServer

NAME = f"{video(1).id}.1"


@pytest.fixture
def folder(tmp_path: Path, empty_redis: RedisServer) -> Path:
    """One submission in doubt, for which a find saw a job; one video that only waits."""
    asyncio.run(_books(empty_redis.url))
    return configured(tmp_path, empty_redis.url)


async def _books(url: str) -> None:
    async with simulated(url, Clock()) as store:
        await seed(store)
        await _in_doubt(store)
        await let_in(store, 2)


async def _in_doubt(store: Store) -> None:
    made = await let_in(store, 1)
    doubtful = replace(made.attempts[0], state=AttemptState.DOUBTFUL, sent_ms=T0, candidates=({"id": "v\x1b1"},))
    await apply(store, following(replace(made, state=State.IN_DOUBT, attempts=(doubtful,))))


def test_a_doubt_is_listed_with_what_is_at_stake(folder: Path) -> None:
    """What a vendor wrote moves no cursor."""
    (one,) = objects(telecine(folder, "doubts", "list", "--json").out)
    assert (one["attempt"], one["at_stake_usd"], one["candidates"]) == (NAME, "0.40", [{"id": "v\x1b1"}])
    table = telecine(folder, "doubts", "list").out
    assert NAME in table and "$0.40" in table and "\x1b" not in table
    assert telecine(folder, "doubts", "list", "--presumed").out == "nothing was presumed\n"


def test_a_word_is_noted_for_the_gateway_and_in_the_events(folder: Path, empty_redis: RedisServer) -> None:
    done = telecine(folder, "doubts", "decide", NAME, "--received", "--reason", "seen on their page")
    assert (done.status, done.err, done.out) == (
        0,
        "",
        f"{NAME}: received; the gateway acts on it as soon as it runs\n",
    )
    told = [fields for _, fields in empty_redis.client.xrange("{telecine}:events")]
    assert [one["attempt"] for one in told if one["kind"] == "doubt.decided"] == [NAME]
    assert told[-1]["text"].startswith("received, by ") and told[-1]["text"].endswith(": seen on their page")
    (one,) = objects(telecine(folder, "doubts", "list", "--json").out)
    assert one["word"] == "received"


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ((NAME,), 2, ""),
        ((NAME, "--received", "--not-received"), 2, ""),
        ((NAME, "--not-received", "--ref", "{}"), 2, ""),
        ((NAME, "--received", "--ref", "v1"), 2, ""),
        ((NAME, "--received", "--ref", "[]"), 2, ""),
        ((NAME, "--received", "--reason", "two\nlines"), 2, ""),
        (("x", "--received"), 1, 'telecine: no attempt is called "x"'),
        ((f"{video(2).id}.1", "--not-received"), 1, f"telecine: {video(2).id}.1 is not in doubt: it is planned"),
    ],
)
def test_a_word_that_cannot_be_is_refused(folder: Path, words: tuple[str, ...], status: int, sentence: str) -> None:
    done = telecine(folder, "doubts", "decide", *words)
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith(sentence)
    (one,) = objects(telecine(folder, "doubts", "list", "--json").out)
    assert one["word"] is None


def test_a_job_of_another_attempt_is_refused(folder: Path, empty_redis: RedisServer) -> None:
    binding = bound(video(1), video(1).attempts[0], {"id": "taken"})
    empty_redis.client.hset("{telecine}:refs", f"{binding.account}|{binding.ref}", f"{video(2).id}.1")
    done = telecine(folder, "doubts", "decide", NAME, "--received", "--ref", json.dumps({"id": "taken"}))
    assert (done.status, done.err) == (1, f"telecine: that job of the vendor belongs to {video(2).id}.1\n")
