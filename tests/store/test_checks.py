"""Which servers may be used, and what is said about the others; and how a store that forgot is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.store.checks import judge
from gateway.store.errors import StoreAway, StoreRefused
from gateway.store.outcomes import Rewound
from gateway.store.sequence import Remembered
from gateway.store.store import Store
from tests.store.samples import let_in, seed
from tests.support.redis import RedisServer

GOOD = {
    "redis_version": "7.2.4",
    "valkey_version": "9.1.2",
    "redis_mode": "standalone",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
}


def test_a_good_server_gets_no_word() -> None:
    """Valkey is named by its own version, not by the one it is compatible with."""
    fitness = judge(GOOD, "always")
    assert (fitness.server, fitness.refusals, fitness.warnings) == ("Valkey 9.1.2", (), ())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy is allkeys-lru"),
        ({"maxmemory_policy": "volatile-ttl"}, "set it to noeviction"),
        ({"redis_version": "6.2.14"}, "is too old"),
        ({"redis_version": "x"}, "is too old"),
        ({"redis_mode": "cluster"}, "part of a Cluster"),
        ({"role": "slave"}, "is a replica"),
    ],
)
def test_an_unfit_server_is_refused_with_a_reason(change: dict[str, str], sentence: str) -> None:
    """The operator reads what to change."""
    (refusal,) = judge({**GOOD, **change}, "always").refusals
    assert sentence in refusal


@pytest.mark.parametrize(
    ("change", "appendfsync", "sentence"),
    [
        ({"aof_enabled": "0"}, "always", "no append-only file"),
        ({}, "everysec", "appendfsync is everysec"),
        ({}, "no", "appendfsync is no"),
        ({}, None, "nobody may read"),
    ],
)
def test_persistence_that_can_lose_videos_is_said(
    change: dict[str, str], appendfsync: str | None, sentence: str
) -> None:
    """It is used all the same: that is the operator's choice."""
    fitness = judge({**GOOD, **change}, appendfsync)
    assert fitness.refusals == ()
    assert sentence in fitness.warnings[0]


def test_redis_is_named_as_such() -> None:
    """Without Valkey's own field it is Redis."""
    assert judge({"redis_version": "7.0.15", "maxmemory_policy": "noeviction"}, None).server == "Redis 7.0.15"


async def test_a_store_is_not_opened_on_a_server_that_evicts(empty_redis: RedisServer) -> None:
    """Before anything is written."""
    empty_redis.client.config_set("maxmemory-policy", "allkeys-lfu")
    store = Store(empty_redis.url)
    with pytest.raises(StoreRefused, match="noeviction"):
        await store.open()
    await store.close()


async def test_a_server_that_keeps_config_to_itself_is_used(empty_redis: RedisServer) -> None:
    """Managed servers do; the warning says what could not be known."""
    client = empty_redis.client
    client.config_set("appendonly", "yes")
    client.execute_command("ACL", "SETUSER", "default", "-config")
    try:
        store = Store(empty_redis.url)
        fitness = await store.open()
        assert "nobody may read" in fitness.warnings[0]
        await store.close()
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+config")
        client.config_set("appendonly", "no")


async def test_no_server_is_trouble_not_a_verdict(tmp_path: Path) -> None:
    """It may come back; nothing is said about its fitness."""
    store = Store(f"unix://{tmp_path}/none", reads_patience_s=0.05)
    with pytest.raises(StoreAway, match="cannot be reached"):
        await store.open()
    await store.close()


# --- the sequence ------------------------------------------------------------------------------------------------


def test_answers_may_overtake_each_other() -> None:
    """A lower number is a rewind only if it was known before the question left."""
    remembered = Remembered()
    floor = remembered.seen
    remembered.meet(12, floor)
    remembered.meet(11, floor)
    remembered.meet(12, remembered.seen)
    assert _told(remembered) == (12, None)
    remembered.meet(3, remembered.seen)
    assert _told(remembered) == (3, Rewound(remembered=12, met=3))


def _told(remembered: Remembered) -> tuple[int, Rewound | None]:
    return remembered.seen, remembered.rewound


def test_the_file_keeps_the_highest_of_all_workers(tmp_path: Path) -> None:
    """One that is behind does not lower it; one that has seen the store go back does."""
    path = tmp_path / "sequence"
    ahead, behind = Remembered(path), Remembered(path)
    ahead.meet(90, 0)
    behind.meet(40, 0)
    ahead.write()
    behind.write()
    assert Remembered(path).seen == 90
    behind.meet(5, 40)
    behind.write()
    assert Remembered(path).seen == 5
    behind.meet(6, 5)
    behind.write()
    ahead.write()
    assert Remembered(path).seen == 90


@pytest.mark.parametrize("content", [b"", b"rubbish", b"12x\n", b"\xff" * 20])
def test_an_unreadable_file_remembers_nothing(tmp_path: Path, content: bytes) -> None:
    """Nobody is accused on the word of a broken file."""
    (tmp_path / "sequence").write_bytes(content)
    assert Remembered(tmp_path / "sequence").seen == 0


async def test_a_data_directory_that_cannot_be_written_stops_nothing(empty_redis: RedisServer, tmp_path: Path) -> None:
    """A full disk makes the memory older, no more."""
    store = Store(empty_redis.url, remember=tmp_path / "gone" / "sequence")
    await store.open()
    await seed(store)
    await let_in(store, 1, attempts=())
    await store.close()
