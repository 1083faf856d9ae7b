"""Charts in the store: written by who has read them as they are, all of a swap or none of it."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.store.errors import StoreAway
from gateway.store.health import Swap, Told
from gateway.store.store import Store
from tests.support.redis import RedisServer

A, B = "route/a/m", "provider/a"


async def test_a_chart_is_swapped_by_who_read_it_last(store: Store) -> None:
    assert await store.swap_charts(Swap(A, b"", b"1"))
    assert not await store.swap_charts(Swap(A, b"", b"2"))
    assert await store.swap_charts(Swap(A, b"1", b"2"))
    assert (await store.charts()).raw == {A: b"2"}
    assert await store.swap_charts(Swap(A, b"2", b""))
    assert (await store.charts()).raw == {}


async def test_a_swap_is_all_or_nothing(store: Store) -> None:
    """A probe of a route and of its provider are taken together."""
    await store.swap_charts(Swap(A, b"", b"1"), Swap(B, b"", b"1"))
    assert not await store.swap_charts(Swap(A, b"1", b"2"), Swap(B, b"0", b"2"), told=Told("breaker.opened", B))
    assert (await store.charts()).raw == {A: b"1", B: b"1"}
    assert await store.swap_charts(Swap(A, b"1", b"2"), Swap(B, b"1", b"2"))
    assert (await store.charts(B, "route/none")).raw == {B: b"2"}


async def test_many_who_count_in_one_chart_lose_nothing(store: Store) -> None:
    async def add() -> None:
        while True:
            raw = (await store.charts(A)).raw.get(A, b"")
            if await store.swap_charts(Swap(A, raw, str(int(raw or b"0") + 1).encode())):
                return

    await asyncio.gather(*(add() for _ in range(30)))
    assert (await store.charts()).raw == {A: b"30"}


async def test_what_is_told_is_an_event_and_their_number_is_bounded(store: Store, empty_redis: RedisServer) -> None:
    await store.swap_charts(Swap(A, b"", b"1"), told=Told("breaker.opened", A, "no_credit"))
    ((_, event),) = empty_redis.client.xrange("{telecine}:events")
    assert (event["kind"], event["name"], event["reason"]) == ("breaker.opened", A, "no_credit")
    assert abs(int(event["at"]) - time.time() * 1_000) < 60_000


async def test_the_stores_time_comes_along(store: Store) -> None:
    """Whoever folds goes by one clock, whatever its own says."""
    assert abs((await store.charts()).now_ms - time.time() * 1_000) < 60_000


async def test_a_store_that_is_away_is_said_to_be(empty_redis: RedisServer) -> None:
    store = Store("unix:///nowhere/s", patience_s=0.1, reads_patience_s=0.1)
    with pytest.raises(StoreAway):
        await store.charts()
    with pytest.raises(StoreAway):
        await store.swap_charts(Swap(A, b"", b"1"))
    await store.close()
