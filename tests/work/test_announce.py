"""Telling of what is no change of a video: once, whoever says it, and never in the way of who says it."""

from __future__ import annotations

import asyncio

from gateway.domain.events import Event
from gateway.store.store import Store
from gateway.work.announce import FACT_CHARS_MAX, announce
from tests.support.redis import RedisServer


async def test_many_replicas_that_say_the_same_are_heard_once(empty_redis: RedisServer) -> None:
    stores = [Store(empty_redis.url) for _ in range(3)]
    for store in stores:
        await store.open()
    tell = (announce(store, Event.CONFIG_RELOADED, "7", {"by": "anna"}, once="7") for store in stores)
    await asyncio.gather(*tell)
    await announce(stores[0], Event.CONFIG_RELOADED, "8", {"why": "x" * 5_000}, once="8")
    entries = [fields for _, fields in empty_redis.client.xrange("{telecine}:events")]
    assert [(one["kind"], one["name"]) for one in entries] == [("config.reloaded", "7"), ("config.reloaded", "8")]
    assert entries[0]["by"] == "anna"
    assert len(entries[1]["why"]) == FACT_CHARS_MAX
    for store in stores:
        await store.close()


async def test_a_store_that_is_away_is_no_trouble_of_who_tells(empty_redis: RedisServer) -> None:
    store = Store("unix:///nowhere", patience_s=0.1)
    await announce(store, Event.PROVIDER_DRAINED, "vendor", once="1")
    await store.close()
