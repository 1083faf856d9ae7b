"""A store that forgot commits: who notices, who learns of it, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.store.outcomes import Rewound
from gateway.store.rewinds import CLOCKS_APART_MS
from gateway.store.sequence import DIGITS, Remembered
from gateway.store.store import Store
from tests.store.samples import apply, following, let_in, seed, video
from tests.support.gateway import free_port
from tests.support.redis import RedisServer

OLD, NEW = "a" * 40, "b" * 40


@pytest.mark.parametrize("meet", ["commit", "admit", "claim"])
async def test_a_gateway_notices_that_its_store_went_back(store: Store, empty_redis: RedisServer, meet: str) -> None:
    """Whatever it does next."""
    await _forgetful(store, empty_redis)
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "commit": lambda: apply(store, following(video(1, attempts=()))),
        "admit": lambda: let_in(store, 9, attempts=()),
        "claim": lambda: store.claim(1, lease_ms=1_000, token_prefix="runner"),
    }
    await acts[meet]()
    assert store.rewound == Rewound(remembered=3, met=1 if meet == "claim" else 2)


async def test_every_worker_learns_of_it_also_one_that_starts_later(store: Store, empty_redis: RedisServer) -> None:
    """The note is in the store: no restart and no other replica submits as if nothing had been."""
    other = Store(empty_redis.url)
    await other.open()
    await _forgetful(store, empty_redis)
    await store.claim(1, lease_ms=1_000, token_prefix="runner")
    await store.watch()
    await other.watch()
    later = Store(empty_redis.url)
    await later.open()
    assert store.rewound == other.rewound == later.rewound == Rewound(remembered=3, met=1)
    await later.close()
    await other.close()


async def test_an_operator_accepts_it_once(store: Store, empty_redis: RedisServer) -> None:
    """From then on everybody goes on, and attempts older than the note stay in doubt; another loss is noted anew."""
    assert not await store.accept_rewind()
    assert store.doubts_until_ms == 0
    await _forgetful(store, empty_redis)
    await store.claim(1, lease_ms=1_000, token_prefix="runner")
    await store.watch()
    noted_ms = int(empty_redis.client.hget("{telecine}:rewound", "noted_ms"))
    assert await store.accept_rewind()
    assert not await store.accept_rewind()
    assert store.rewound is None
    assert noted_ms <= store.doubts_until_ms <= noted_ms + CLOCKS_APART_MS
    await let_in(store, 10, attempts=())
    assert store.rewound is None
    empty_redis.client.set("{telecine}:seq", 0)
    await store.claim(1, lease_ms=1_000, token_prefix="runner")
    await store.watch()
    assert store.rewound is not None


async def test_a_running_gateway_learns_by_itself(empty_redis: RedisServer) -> None:
    """Within a second, whoever noticed or accepted it."""
    store, operator = Store(empty_redis.url), Store(empty_redis.url)
    await store.open()
    await _forgetful(store, empty_redis)
    await store.claim(1, lease_ms=1_000, token_prefix="runner")
    await _until(lambda: bool(empty_redis.client.exists("{telecine}:rewound")))
    await operator.open()
    assert await operator.accept_rewind()
    await _until(lambda: store.rewound is None)
    await operator.close()
    await store.close()


async def test_a_restarted_gateway_notices_as_well(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The data directory knows what the last process had seen, at most a second late."""
    path = tmp_path / "sequence"
    store = Store(empty_redis.url, remember=path)
    await store.open()
    await seed(store)
    await let_in(store, 1, attempts=())
    await _until(lambda: path.exists() and path.read_bytes().startswith(b"1".zfill(DIGITS)))  # empty at first
    await let_in(store, 2, attempts=())
    await store.close()
    empty_redis.client.flushall()
    for _ in range(2):
        again = Store(empty_redis.url, remember=path)
        await again.open()
        assert again.rewound == Rewound(remembered=2, met=0)
        await again.close()
    last = Store(empty_redis.url, remember=path)
    await last.open()
    assert await last.accept_rewind()
    await last.close()


# --- the server's identity ---------------------------------------------------------------------------------------


def test_a_replica_that_took_over_is_known_by_the_history_it_left() -> None:
    """Also after a restart in between; a new name alone is a plain restart of the same server."""
    remembered = Remembered()
    remembered.meet_server(OLD, "0" * 40)
    remembered.meet(7, 0)
    remembered.meet_server(NEW, OLD)
    assert remembered.rewound == Rewound(remembered=7, met=7, promoted=True)
    remembered.rewound = None
    remembered.meet_server(NEW, OLD)
    assert remembered.rewound is None
    remembered.meet_server("c" * 40, "0" * 40)
    assert remembered.rewound is None


def test_a_restarted_gateway_knows_the_server_that_it_left(tmp_path: Path) -> None:
    """The file keeps the name beside the sequence."""
    first = Remembered(tmp_path / "sequence")
    first.meet_server(OLD, "0" * 40)
    first.write()
    assert (Remembered(tmp_path / "sequence").server, first.dirty) == (OLD, False)
    second = Remembered(tmp_path / "sequence")
    assert (second.seen, second.server) == (0, OLD)
    second.meet_server(NEW, OLD)
    assert second.rewound is not None


async def test_a_real_replica_that_took_over_is_noticed(folder: Path) -> None:
    """What Valkey says of itself after a promotion is what is looked for."""
    primary, replica = _server(folder / "a"), _server(folder / "b")
    store = Store(primary.url, remember=folder / "sequence")
    await store.open()
    replica.client.replicaof("127.0.0.1", primary.client.config_get("port")["port"])
    await _until(lambda: replica.client.info("replication")["master_link_status"] == "up")
    await store.check()  # a primary renames its history for its first replica
    assert store.rewound is None
    await store.close()
    replica.client.replicaof("NO", "ONE")
    there = Store(replica.url, remember=folder / "sequence")
    await there.open()
    assert there.rewound is not None
    assert there.rewound.promoted
    await there.close()
    primary.stop()
    replica.stop()


def _server(folder: Path) -> RedisServer:
    folder.mkdir()
    return RedisServer(folder, port=str(free_port()), bind="127.0.0.1")


async def _forgetful(store: Store, redis: RedisServer) -> None:
    """Three commits, of which the store remembers one."""
    await seed(store)
    for number in range(1, 4):
        await let_in(store, number, attempts=())
    redis.client.set("{telecine}:seq", 1)


async def _until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not seen():
            await asyncio.sleep(0.02)
