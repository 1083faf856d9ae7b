"""A death before a commit leaves no trace; a death after it, the whole of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.domain.ledger import DAY_MS
from gateway.domain.usage_query import read_query
from gateway.store.store import Store
from tests.store.looks import counter, due_of, lease_of
from tests.store.samples import PRICE, T0, Clock, claimed, simulated, video
from tests.store.trimming import retire, trim
from tests.support.redis import RedisServer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("point", "left"),
    [
        ("before.commit.admit", (None, False, None)),
        ("after.commit.admit", (1, False, T0)),
        ("before.commit.progressed", (1, True, T0 + 20_000)),
        ("after.commit.progressed", (2, True, T0 + 20_000)),
        ("before.commit.rest", (2, True, T0 + 20_000)),
        ("after.commit.rest", (2, False, T0 + 4_000)),
    ],
)
async def test_a_death_at_a_commit_leaves_all_or_nothing(
    empty_redis: RedisServer, tmp_path: Path, point: str, left: tuple[int | None, bool, int | None]
) -> None:
    """Killed right there; and whatever was admitted is found and taken up by the next."""
    _die_at(point, empty_redis.url, tmp_path / "stands")
    clock = Clock(T0 + 20_000)
    async with simulated(empty_redis.url, clock) as store:
        found = await store.read(video().id)
        leased = lease_of(empty_redis, video().id) is not None
        assert (found.version if found else None, leased, due_of(empty_redis, video().id)) == left
        assert await store.verify() == []
        if found is not None:
            assert (await claimed(store)).video == found


@pytest.mark.parametrize(
    ("point", "record", "entries"),
    [
        ("before.commit.remove", True, 3),
        ("after.commit.remove", False, 3),
        ("before.commit.trim", False, 3),
        # The hold of the first video, and a carry for each counter: what is held counts into the day that is over.
        ("after.commit.trim", False, 13),
    ],
)
async def test_a_death_at_a_chore_leaves_all_or_nothing(
    empty_redis: RedisServer, tmp_path: Path, point: str, record: bool, entries: int
) -> None:
    """The balances are the same either way, and the next one finishes what this one began."""
    _die_at(point, empty_redis.url, tmp_path / "stands")
    clock, made = Clock(T0 + DAY_MS), video(2)
    async with simulated(empty_redis.url, clock) as store:
        assert (await store.read(made.id) is not None) == record
        assert len((await store.ledger_entries())[0]) == entries
        assert counter(empty_redis, "gateway/total") == (PRICE, PRICE)
        assert await store.verify() == []
        await retire(store, clock, keep_ms=DAY_MS)
        await store.catch_up()
        assert await trim(store, clock, keep_ms=DAY_MS) == (0 if entries == 13 else 2)
        assert len((await store.ledger_entries())[0]) == 13
        assert counter(empty_redis, "gateway/total") == (PRICE, PRICE)
        assert await store.verify() == []


@pytest.mark.parametrize(("point", "rolled"), [("before.commit.roll_up", False), ("after.commit.roll_up", True)])
async def test_a_death_at_a_roll_up_counts_no_entry_twice(
    empty_redis: RedisServer, tmp_path: Path, point: str, rolled: bool
) -> None:
    """Nor loses one: whoever rolls up next goes on where the rows say."""
    _die_at(point, empty_redis.url, tmp_path / "stands")
    async with simulated(empty_redis.url, Clock(T0 + DAY_MS)) as store:
        assert (await store.usage_cursor() != "") == rolled
        for _ in range(2):
            total = (await store.usage(read_query({}, T0))).total
            assert (total.spent, total.held) == (PRICE, PRICE)
            assert await store.verify() == []
            await store.catch_up()


@pytest.mark.parametrize(("point", "version"), [("before.commit.config", 0), ("after.commit.config", 1)])
async def test_a_death_at_a_configuration_leaves_all_or_nothing(
    empty_redis: RedisServer, store: Store, tmp_path: Path, point: str, version: int
) -> None:
    """The version, its text, who made it and the limits of its providers come together."""
    _die_at(point, empty_redis.url, tmp_path / "stands")
    now = await store.config_now()
    assert (now is not None, await store.config_version()) == (bool(version), version)
    assert now is None or (now.text, now.version.facts.actor) == (b"a: 1\n", "file")
    limits = empty_redis.client.hgetall("{telecine}:providers")
    assert limits.get("a:rpm") == ("7" if version else None)


async def test_a_walk_that_nobody_stops_comes_through(empty_redis: RedisServer, store: Store) -> None:
    """So that the deaths above are deaths at their points, and not accidents."""
    assert _walk(empty_redis.url, {}).communicate()[0] == "done\n"


def _die_at(point: str, url: str, stands: Path) -> None:
    process = _walk(url, {"TELECINE_KILL_POINT": point, "TELECINE_KILL_FILE": str(stands)})
    until = time.monotonic() + 20
    while not stands.exists() or not stands.read_text().endswith("\n"):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    assert stands.read_text() == f"{point} {process.pid}\n"
    process.kill()
    process.communicate()


def _walk(url: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.dying", url],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
