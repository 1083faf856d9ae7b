"""Files that nobody's video has are removed; whatever a video or a hurried request has stays."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from gateway.domain.assets import asset_name, image_name, last_image_name, source_name
from gateway.runner import Runner
from gateway.work.strays import AGE_S, sweep_strays
from providers.contract import AssetKind
from tests.support.house import House, house
from tests.support.redis import RedisServer

CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2]}
"""
NOBODY = "video_" + "0" * 48


async def stored(one: House, name: str, *, old: bool = True) -> Path:
    async with one.tools.assets.writer(name) as writer:
        await writer.write(b"bytes")
        await writer.commit()
    path = one.tools.assets.path(name)
    if old:
        then = one.tools.clock.now_ms() / 1_000 - 2 * AGE_S
        os.utime(path, (then, then))
    return path


async def test_only_old_inputs_of_nobody_go(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Not a video's own, not a fresh one, and never a rendered clip, whatever the store says of its video."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"render_s": 0.1}}) as one:
        video = await one.create()
        await one.until(video)
        gone = [await stored(one, name(NOBODY)) for name in (image_name, last_image_name)]
        gone += [await stored(one, source_name("char_" + "1" * 48))]
        kept = [
            await stored(one, image_name(video)),
            await stored(one, asset_name(NOBODY, AssetKind.VIDEO)),
            await stored(one, source_name(NOBODY), old=False),
            one.tools.assets.path(asset_name(video, AssetKind.VIDEO)),
        ]
        assert await sweep_strays(one.tools) == len(gone)
        assert [path.exists() for path in (*gone, *kept)] == [False] * len(gone) + [True] * len(kept)


async def test_nothing_goes_while_the_store_has_forgotten(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Its videos may come back with a better backup."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"render_s": 0.1}}, running=False) as one:
        await one.create()
        path = await stored(one, image_name(NOBODY))
        empty_redis.client.set("{telecine}:seq", 0)
        await one.tools.store.claim(1, lease_ms=1, token_prefix="nobody")
        assert await sweep_strays(one.tools) == 0
        assert path.exists()


async def test_a_running_gateway_sweeps_by_itself_again_and_again(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {}}, running=False) as one:
        runner = Runner(one.tools, name="sweeper", strays_every_s=0.02)
        runner.start()
        for _ in range(2):
            path = await stored(one, image_name(NOBODY))
            async with asyncio.timeout(10):
                while path.exists():
                    await asyncio.sleep(0.02)
        await runner.stop(1.0)
