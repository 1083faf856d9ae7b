"""`telecine budgets`, and the limits of keys and projects, on a store that nobody serves."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.store.outcomes import Admitted
from tests.cli.telecine import configured, objects, telecine
from tests.store.samples import Clock, admission, attempt, simulated, video
from tests.support.redis import RedisServer

SHIPPED = Path(__file__).parents[2] / "config.yaml"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    shutil.copy(SHIPPED, tmp_path / "config.yaml")
    assert telecine(tmp_path, "projects", "create", "films").status == 0
    return tmp_path


def test_a_budget_is_set_listed_and_removed(films: Path) -> None:
    """People read sentences and a table, programs objects."""
    done = telecine(films, "budgets", "set", "project:films", "50", "--window", "day")
    assert done.out.endswith(" may spend $50.00 a day\n")
    words = ("budgets", "set", "provider:mock", "1000.5", "--window", "month", "--thresholds", "90", "--json")
    (made,) = objects(telecine(films, *words).out)
    assert (made["budget"], made["cap"], made["thresholds"]) == ("provider/mock/month", "$1000.50", [90])
    listed = objects(telecine(films, "budgets", "list", "--json").out)
    assert [one["left"] for one in listed] == ["$50.00", "$1000.50"]
    table = telecine(films, "budgets", "list").out
    assert table.startswith("BUDGET") and "50,80,100" in table
    assert telecine(films, "budgets", "remove", "gateway", "--window", "day").status == 1
    assert telecine(films, "budgets", "remove", "provider:mock", "--window", "month").status == 0
    assert len(objects(telecine(films, "budgets", "list", "--json").out)) == 1


def test_a_budget_below_what_is_spent_says_so(tmp_path: Path, empty_redis: RedisServer) -> None:
    """By how much, and what that means until when."""
    asyncio.run(_one_admitted(empty_redis.url))
    folder = configured(tmp_path, empty_redis.url)
    kept_out = "$0.30 more are spent or held already: no new video is let in that counts there until"
    done = telecine(folder, "budgets", "set", "gateway", "0.10", "--window", "total")
    assert done.out == f"gateway may spend $0.10 in all; {kept_out} a cap allows it\n"
    done = telecine(folder, "budgets", "set", "project:proj_1", "0.10", "--window", "day")
    assert kept_out in done.out and done.out.endswith("T00:00:00Z, or until a cap allows it\n")
    events = [fields["kind"] for _, fields in empty_redis.client.xrange("{telecine}:events")]
    assert events.count("budget.overrun") == 2
    assert telecine(folder, "budgets", "set", "gateway", "5", "--window", "total").out == (
        "gateway may spend $5.00 in all\n"
    )


async def _one_admitted(url: str) -> None:
    """A video of $0.40 that is held for today."""
    now_ms = time.time_ns() // 1_000_000
    async with simulated(url, Clock(now_ms)) as store:
        made = video(attempts=(attempt(now_ms=now_ms),))
        asked = admission(made)
        change = replace(asked.change, window_until_ms=ledger.window_until_ms(now_ms))
        assert isinstance(await store.admit(replace(asked, change=change)), Admitted)


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("project:music", "1"), 1, 'telecine: no project is called "music"; '),
        (("key:key_0", "1"), 1, 'telecine: no key has the id "key_0"; '),
        (("provider:vendor", "1"), 1, 'telecine: config.yaml has no provider "vendor"; it has mock\n'),
        (("films", "1"), 1, 'telecine: "films" is no scope; write project:NAME'),
        (("gateway", "-1"), 2, ""),
        (("gateway", "0.0000001"), 2, ""),
        (("gateway", "1e3"), 2, ""),
        (("gateway", "99999999999"), 2, ""),
        (("gateway", "1", "--thresholds", "80,50"), 2, ""),
        (("gateway", "1", "--thresholds", "0"), 2, ""),
        (("gateway", "1", "--thresholds", "eighty"), 2, ""),
    ],
)
def test_a_budget_that_cannot_be_is_refused(films: Path, words: tuple[str, ...], status: int, sentence: str) -> None:
    """Nothing is set, and one sentence says what to write."""
    done = telecine(films, "budgets", "set", *words, "--window", "day")
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith(sentence)
    assert telecine(films, "budgets", "list", "--json").out == ""


def test_limits_are_set_shown_and_taken_away(films: Path) -> None:
    """With the key or later; what is not named stays."""
    made = objects(
        telecine(films, "keys", "create", "--project", "films", "--rpm", "25", "--max-cost", "2.50", "--json").out
    )[0]
    assert made["limits"] == {"rpm": 25, "max_cost": "$2.50"}
    words = ("--in-flight", "3", "--models", "sora-2, sora-2-pro", "--rpm", "none", "--json")
    (limits,) = objects(telecine(films, "keys", "limit", made["id"], *words).out)
    assert limits == {"in_flight": 3, "max_cost": "$2.50", "models": ["sora-2", "sora-2-pro"]}
    shown = telecine(films, "keys", "limit", made["id"]).out
    assert shown == "in-flight: 3\nmax-cost: $2.50\nmodels: sora-2, sora-2-pro\n"
    (project,) = objects(telecine(films, "projects", "limit", "films", "--tier", "tier-3", "--json").out)
    assert project == {"rpm": 125}
    assert telecine(films, "projects", "limit", "films", "--rpm", "none").out == "films has no limits\n"
    assert telecine(films, "keys", "limit", "key_0", "--rpm", "1").status == 1
    assert telecine(films, "projects", "limit", "music").status == 1


def test_default_tags_are_set_shown_and_taken_away(films: Path) -> None:
    """With the key or later, of a key and of a project; what is not named stays."""
    words = ("keys", "create", "--project", "films", "--tag", "owner=anna", "--tag", "campaign=spring", "--json")
    (made,) = objects(telecine(films, *words).out)
    assert made["limits"] == {"tags": {"campaign": "spring", "owner": "anna"}}
    change = telecine(
        films, "keys", "limit", made["id"], "--tag", "owner=bert b.", "--no-tag", "campaign", "--rpm", "9"
    )
    assert change.out == "rpm: 9\ntags: owner=bert b.\n"
    (listed,) = objects(telecine(films, "keys", "list", "--json").out)
    assert listed["limits"] == {"rpm": 9, "tags": {"owner": "bert b."}}
    assert "owner=bert b." in telecine(films, "keys", "list").out
    by_variable = telecine(films, "projects", "limit", "films", "--json", TELECINE_TAG="a=1 b=2")
    assert objects(by_variable.out) == [{"tags": {"a": "1", "b": "2"}}]
    assert "a=1, b=2" in telecine(films, "projects", "list").out
    assert (
        telecine(films, "projects", "limit", "films", "--no-tag", "a", "--no-tag", "b").out == "films has no limits\n"
    )


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("--tag", "campaign"), 2, "'campaign' is not a tag such as campaign=spring"),
        (("--tag", "a=1", "--tag", "a=2"), 2, 'the tag "a" is named twice'),
        (("--tag", "a=1", "--no-tag", "a"), 2, 'the tag "a" is named twice'),
        (("--no-tag", "a"), 1, 'telecine: no default tag is called "a"; there is none\n'),
        (
            tuple(word for n in range(17) for word in ("--tag", f"t{n}=1")),
            1,
            "telecine: there would be 17 default tags",
        ),
    ],
)
def test_tags_that_cannot_be_are_refused(films: Path, words: tuple[str, ...], status: int, sentence: str) -> None:
    """With a key nothing is made, and of an old one nothing is changed."""
    done = telecine(films, "projects", "limit", "films", *words)
    assert (done.status, done.out) == (status, "")
    assert sentence in done.err
    assert telecine(films, "keys", "create", "--project", "films", *words).status == status
    assert telecine(films, "keys", "list", "--json").out == ""
    assert telecine(films, "projects", "limit", "films").out == "films has no limits\n"


@pytest.mark.parametrize(
    "words",
    [
        ("--rpm", "0"),
        ("--rpm", "1.5"),
        ("--in-flight", "-1"),
        ("--tier", "tier-9"),
        ("--sizes", "big"),
        ("--seconds", "0"),
        ("--seconds", "4;8"),
        ("--models", "a,,b"),
        ("--sandbox-only", "maybe"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(films: Path, words: tuple[str, str]) -> None:
    done = telecine(films, "projects", "limit", "films", *words)
    assert (done.status, done.out) == (2, "")
    assert telecine(films, "projects", "limit", "films").out == "films has no limits\n"
