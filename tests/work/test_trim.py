"""The chore that trims: in pages and chunks, whatever stays among what leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace as replace_tools
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.config.load import parse_config
from gateway.domain import ledger
from gateway.domain.ledger import DAY_MS
from gateway.snapshot import build_snapshot
from gateway.work import trim as chore
from gateway.work.tools import Tools
from gateway.work.trim import trim
from tests.store.samples import PRICE, admission, apply, attempt, closed, following, seed, video
from tests.support.house import House, house
from tests.support.redis import RedisServer

CONFIG = """
retention: {videos: 1d, ledger: 30d}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}"}
models:
  sora-2: {routes: [a/sora-2]}
"""
VIDEOS = 150  # more than one chunk, more than one page


def shorter(tools: Tools) -> Tools:
    """As if the configuration had changed: entries are kept for a second."""
    text = CONFIG.replace("{videos: 1d, ledger: 30d}", "{videos: 1s, ledger: 1s}").replace("{a}", "http://a.test")
    snapshot = build_snapshot(parse_config("config.yaml", text.encode(), {}), sandbox_socket=None)
    return replace_tools(tools, snapshot=lambda: snapshot)


async def fill(one: House, server: RedisServer) -> int:
    """Old entries of videos without a record; every tenth video is still held. How many entries may leave."""
    store = one.tools.store
    await seed(store)
    now = one.tools.clock.now_ms()
    for number in range(1, VIDEOS + 1):
        made = video(number, attempts=(attempt(now_ms=now),))
        asked = admission(made, due_ms=now + DAY_MS)
        await store.admit(replace(asked, change=replace(asked.change, window_until_ms=ledger.window_until_ms(now))))
        if number % 10:
            settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
            change = following(closed(made), settle, due_ms=None)
            await apply(store, change)
            server.client.zadd("{telecine}:retained", {made.id: 0})
            assert await store.remove(made.id, change.video, keep_ms=1)
    return 2 * (VIDEOS - VIDEOS // 10)


@pytest.mark.parametrize("kept", ["all", "none", "half"])
async def test_everything_old_leaves_but_what_is_open(empty_redis: RedisServer, tmp_path: Path, kept: str) -> None:
    """Nothing while it is young or not rolled up; then all of it in one go, and the balances stay."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {}}, running=False) as one:
        leaves = await fill(one, empty_redis)
        store, held = one.tools.store, VIDEOS // 10
        before = empty_redis.client.hgetall("{telecine}:counters")
        if kept != "all":
            await store.catch_up()
        if kept == "half":
            middle = empty_redis.client.xrange("{telecine}:ledger")[VIDEOS - 1][0]
            empty_redis.client.set("{telecine}:usage_cursor", middle)
        assert await trim(one.tools) == 0
        await asyncio.sleep(1.1)
        tools = shorter(one.tools)
        trimmed = await trim(tools)
        assert trimmed == {"all": 0, "none": leaves}.get(kept, trimmed)
        assert 0 < trimmed < leaves or kept != "half"
        assert await trim(tools) == 0
        if trimmed:
            assert empty_redis.client.xlen("{telecine}:ledger") == leaves + held - trimmed + 12
        assert empty_redis.client.hgetall("{telecine}:counters") == before
        if kept != "half":
            assert await store.verify() == []


def test_a_chunk_is_bounded() -> None:
    """So that a script holds nobody up for long."""
    assert chore.CHUNK <= chore.PAGE <= 1_000
