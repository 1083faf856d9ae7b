"""Records that are over leave by themselves; what was paid stays in the ledger, and whoever asks is told plainly."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.domain.errors import Absent
from gateway.domain.requests import Hint
from gateway.runner import Runner
from gateway.work.delete import delete_video
from gateway.work.retire import retire
from tests.support.house import House, house
from tests.support.redis import RedisServer

CONFIG = """
gateway: {asset_life_s: 1}
retention: {videos: 1d}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2]}
"""
KEYED = Hint(idempotency_key="once")


def age(server: RedisServer, key: str, video: str) -> None:
    """As if it had rested long ago."""
    assert server.client.zadd(f"{{telecine}}:{key}", {video: 1}, xx=True, ch=True) == 1


async def rests(server: RedisServer, key: str, video: str) -> None:
    async with asyncio.timeout(20):
        while server.client.zscore(f"{{telecine}}:{key}", video) is None:
            await asyncio.sleep(0.02)


async def finished(one: House, server: RedisServer, hint: Hint | None = None) -> str:
    video = await one.create(hint=hint)
    await one.until(video, "completed")
    await rests(server, "retained", video)
    return video


async def test_a_finished_video_is_kept_and_then_gone(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Once its clip is gone it rests; a kept record can be read; a removed one is absent, and its money is not."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"render_s": 0.1}}) as one:
        video = await finished(one, empty_redis)
        assert await retire(one.tools) == 0
        assert (await one.face(video))["status"] == "completed"
        age(empty_redis, "retained", video)
        assert await retire(one.tools) == 1
        with pytest.raises(Absent):
            await one.face(video)
        assert [kind for kind, _, _ in await one.money(video)] == ["hold", "settle"]
        assert await one.tools.store.verify() == []


async def test_a_repeat_of_a_deleted_videos_create_is_answered_and_later_told(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """With the first video as long as the Idempotency-Key is remembered; nothing is made twice meanwhile."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"render_s": 0.1}}) as one:
        video = await finished(one, empty_redis, KEYED)
        await delete_video(one.tools, one.caller, video)
        assert await retire(one.tools) == 0
        assert await one.create(hint=KEYED) == video
        (until_ms,) = [score for _, score in empty_redis.client.zrange("{telecine}:tombstones", 0, -1, withscores=True)]
        (memory,) = empty_redis.client.scan_iter("{telecine}:idem:*")
        assert until_ms >= empty_redis.client.pexpiretime(memory)
        age(empty_redis, "tombstones", video)
        assert await retire(one.tools) == 1
        with pytest.raises(Absent, match="The video that this request created is gone"):
            await one.create(hint=KEYED)
        assert len((await one.tools.store.ledger_entries())[0]) == 2


async def test_nothing_goes_while_the_store_has_forgotten(empty_redis: RedisServer, tmp_path: Path) -> None:
    """What is known of it may be wrong."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"render_s": 0.1}}) as one:
        video = await finished(one, empty_redis)
        age(empty_redis, "retained", video)
        empty_redis.client.set("{telecine}:seq", 0)
        await one.tools.store.claim(1, lease_ms=1, token_prefix="nobody")
        assert await retire(one.tools) == 0
        assert await one.tools.store.read(video) is not None


async def test_one_that_stays_holds_nobody_up(empty_redis: RedisServer, tmp_path: Path) -> None:
    """An unreadable record is passed over; what never had a record only leaves the set."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"render_s": 0.1}}) as one:
        video = await finished(one, empty_redis)
        age(empty_redis, "retained", video)
        empty_redis.client.hset("{telecine}:video:odd", mapping={"rec": "{", "v": 1})
        empty_redis.client.zadd("{telecine}:retained", {"odd": 0, "nobody": 0})
        assert await retire(one.tools) == 2
        assert empty_redis.client.zrange("{telecine}:retained", 0, -1) == ["odd"]


async def test_a_running_gateway_rolls_up_retires_and_trims_by_itself(empty_redis: RedisServer, tmp_path: Path) -> None:
    config = CONFIG.replace("{videos: 1d}", "{videos: 1s, ledger: 1s}")
    async with house(empty_redis.url, tmp_path, config, vendors={"a": {"render_s": 0.1}}) as one:
        video = await finished(one, empty_redis)
        age(empty_redis, "retained", video)
        runner = Runner(one.tools, name="retiring", retention_every_s=0.02)
        runner.start()
        async with asyncio.timeout(10):
            while await one.tools.store.read(video) is not None or await one.money(video):
                await asyncio.sleep(0.02)
        await runner.stop(1.0)
        assert await one.tools.store.verify() == []
        assert await one.tools.store.trimmed_until_ms() is not None
