"""Who rolls up usage: one follows the ledger, the others leave it to that one, and go on when it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.usage_query import read_query
from gateway.store.usage import PAGE
from gateway.work.rolling import ANOTHER_S, AT_ONCE_S, EVERY_S, TROUBLE_S, Roller
from tests.support.house import House, house
from tests.support.redis import RedisServer

CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}"}
models:
  sora-2:
    routes:
      - a/sora-2
      - {route: b/sora-2, prices: [{per_second: "0.25", as_of: 2026-11-01, source: a test}]}
"""
LEDGER = "{telecine}:ledger"
CURSOR = "{telecine}:usage_cursor"


@pytest.fixture
async def here(empty_redis: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    vendors = {name: {"render_s": 0.05} for name in "ab"}
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=vendors) as one:
        yield one
        assert await one.tools.store.verify() == []


def last_entry(server: RedisServer) -> str:
    return str(server.client.xrevrange(LEDGER, count=1)[0][0])


async def test_a_running_gateway_rolls_up_by_itself(here: House, empty_redis: RedisServer) -> None:
    """Some seconds after a clip is done its entries are rows; before and after, the answer is the same."""
    await here.until(await here.create(metadata={"campaign": "spring"}))
    query = read_query({"group_by": "tag:campaign"}, here.tools.clock.now_ms())
    before = await here.tools.store.usage(query)
    async with asyncio.timeout(20):
        while empty_redis.client.get(CURSOR) != last_entry(empty_redis):
            await asyncio.sleep(0.1)
    after = await here.tools.store.usage(query)
    assert after == before
    (line,) = after.lines
    assert (line.values, line.sums.completed, line.sums.spent, line.sums.held) == (("spring",), 1, 400_000, 0)
    assert line.sums.dearest == 1_000_000


async def test_one_leaves_it_to_another_and_goes_on_when_that_one_is_gone(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Without any word between them."""
    vendors = {name: {"render_s": 0.05} for name in "ab"}
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=vendors, running=False) as here:
        first, second = Roller(here.tools), Roller(here.tools)
        for one in (first, second):
            assert await one.turn() >= ANOTHER_S / 2  # nothing is known yet
        await here.create()
        assert await first.turn() == EVERY_S
        assert empty_redis.client.get(CURSOR) == last_entry(empty_redis)
        await here.create()
        assert ANOTHER_S / 2 <= await second.turn() <= ANOTHER_S * 2
        assert empty_redis.client.get(CURSOR) != last_entry(empty_redis)  # it is the other's
        assert await second.turn() == EVERY_S  # who did nothing meanwhile
        assert empty_redis.client.get(CURSOR) == last_entry(empty_redis)
        assert await first.turn() >= ANOTHER_S / 2


async def test_a_page_that_is_full_is_followed_at_once_and_trouble_waits(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    vendors = {name: {"render_s": 0.05} for name in "ab"}
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=vendors, running=False) as here:
        await here.create()
        ((_, fields),) = empty_redis.client.xrange(LEDGER)
        for _ in range(PAGE):
            empty_redis.client.xadd(LEDGER, fields)
        roller = Roller(here.tools)
        await roller.turn()
        assert [await roller.turn() for _ in range(2)] == [AT_ONCE_S, EVERY_S]
        empty_redis.client.xadd(LEDGER, {"what": "ever"})
        assert await roller.turn() == TROUBLE_S
