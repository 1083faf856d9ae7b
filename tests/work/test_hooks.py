"""Callbacks below HTTP: what is forged, replayed, of another provider or too late changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.signing import callback_name
from gateway.domain.videos import AttemptState, attempt_id
from gateway.work import hooks
from providers.contract import Inbound
from tests.support.house import House, house
from tests.support.redis import RedisServer

CONFIG = """
gateway: {public_url: "https://gateway.test"}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
  mock: {adapter: mock, base_url: "http://127.0.0.1:9", settings: {honours_keys: false, can_find: false}}
models:
  sora-2: {routes: [ROUTE]}
"""
CALL = Inbound(path="/hooks", headers={}, body=b'{"id": "mock_job"}', received_ms=0)
VENDORS: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}}


async def address(one: House, video: str, provider: str) -> str:
    return callback_name(await one.tools.store.hook_secret(), provider, attempt_id(video, 1))


@pytest.mark.parametrize("times", [1, 2])
async def test_a_callback_for_what_the_record_calls_unsent_puts_it_in_doubt(
    times: int, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Only a sending tells the address, so the store must have forgotten one. A replay changes nothing more."""
    config = CONFIG.replace("ROUTE", "mock/sora-2")
    async with house(empty_redis.url, tmp_path, config, vendors=VENDORS, running=False) as one:
        video = await one.create()
        for _ in range(times):
            answer = await hooks.receive(one.tools, "mock", await address(one, video, "mock"), CALL)
            assert (answer.status, answer.body) == (200, b"ok")
        record = await one.record(video)
        assert (record.version, record.attempt(1).state) == (2, AttemptState.DOUBTFUL)
        assert record.attempt(1).named == {"id": "mock_job"}


async def test_a_forged_address_is_unknown_and_writes_nothing(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Another provider's address, and one of another gateway's secret."""
    config = CONFIG.replace("ROUTE", "mock/sora-2")
    async with house(empty_redis.url, tmp_path, config, vendors=VENDORS, running=False) as one:
        video = await one.create()
        for name in (await address(one, video, "a"), callback_name(bytes(32), "mock", attempt_id(video, 1))):
            assert (await hooks.receive(one.tools, "mock", name, CALL)).status == 404
        assert (await one.record(video)).version == 1


async def test_a_callback_for_a_closed_attempt_or_a_video_that_is_gone_changes_nothing(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with house(empty_redis.url, tmp_path, CONFIG.replace("ROUTE", "a/sora-2"), vendors=VENDORS) as one:
        video = await one.create()
        await one.until(video)
        before = await one.until_closed(video)
        await hooks.receive(one.tools, "a", await address(one, video, "a"), CALL)
        await hooks.receive(one.tools, "a", await address(one, "video_" + "0" * 48, "a"), CALL)
        assert await one.record(video) == before


async def test_a_thousand_replays_of_a_callback_cost_the_vendor_a_poll_or_two(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Whoever overheard an address of ours can make the video due once a second, and change nothing."""
    config = CONFIG.replace("ROUTE", "a/sora-2").replace(
        "poll_min_s: 0.05, poll_max_s: 0.1", "poll_min_s: 30, poll_max_s: 60"
    )
    async with house(empty_redis.url, tmp_path, config, vendors={"a": {"render_s": 60}}) as one:
        video = await one.create()
        await one.until(video, "in_progress")
        before, polls = await one.record(video), one.vendors["a"].counts["retrieve"]
        name, began_s = await address(one, video, "a"), one.tools.clock.boot_s()
        for _ in range(1_000):
            await hooks.receive(one.tools, "a", name, CALL)
        await one.runner_turn()
        seconds = one.tools.clock.boot_s() - began_s
        assert one.vendors["a"].counts["retrieve"] - polls <= 2 + seconds / hooks.NUDGE_EVERY_S
        after = await one.record(video)
        assert (after.attempts[0].ref, after.attempts[0].named) == (before.attempts[0].ref, None)
        assert len(after.attempts) == 1


@pytest.mark.parametrize("looks", [1, 2])
async def test_the_last_of_some_callbacks_in_a_moment_is_not_lost(
    looks: int, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """It tells of the end: that is looked at a moment later, and not only when the next poll is due. A look that one
    before it brought about knows nothing of it."""
    config = CONFIG.replace("ROUTE", "a/sora-2").replace(
        "poll_min_s: 0.05, poll_max_s: 0.1", "poll_min_s: 300, poll_max_s: 600"
    )
    async with house(empty_redis.url, tmp_path, config, vendors={"a": {"render_s": 600}}) as one:
        video = await one.create()
        await one.until(video, "in_progress")
        name = await address(one, video, "a")
        for look in range(looks):
            await hooks.receive(one.tools, "a", name, CALL)
            async with asyncio.timeout(10):
                while one.vendors["a"].counts["retrieve"] <= look:
                    await asyncio.sleep(0.001)
        one.vendors["a"].finish()
        await hooks.receive(one.tools, "a", name, CALL)
        assert (await one.until(video, seconds=15))["status"] == "completed"
