"""A vendor that never finishes, and a policy that does not wait: what the client gets, and what both vendors made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.videos import AttemptState
from tests.support.house import house
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault

CONFIG = """
gateway: {lease_s: 20}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1, settings: {SETTINGS}}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [{route: a/sora-2, late: {failover_after_s: 0.5}}, b/sora-2]}
"""


@pytest.mark.parametrize("cancels", [False, True])
async def test_a_job_that_is_late_is_stopped_or_left_and_the_client_gets_the_next_clip(
    empty_redis: RedisServer, tmp_path: Path, cancels: bool
) -> None:
    """Stopped, it is booked and over; left at risk, its hold stays as long as it may still finish."""
    settings = "{delete_cancels: true}" if cancels else "{}"
    options: dict[str, dict[str, Any]] = {
        "a": {"render_s": 0.1, "cancels": cancels},
        "b": {"render_s": 0.1},
    }
    config = CONFIG.replace("{SETTINGS}", settings)
    async with house(empty_redis.url, tmp_path, config, vendors=options) as here:
        here.vendors["a"].program(Fault(on="create", do="never"))
        video = await here.create()
        assert (await here.until(video))["status"] == "completed"
        record = await here.record(video)
        first, second = record.attempts
        assert (first.provider, second.provider) == ("a", "b")
        kinds = [(kind, attempt) for kind, attempt, _ in await here.money(video)]
        assert kinds.count(("hold", "1")) == kinds.count(("hold", "2")) == kinds.count(("settle", "2")) == 1
        if cancels:
            assert first.state is AttemptState.CLOSED and first.message == "cancelled because it was late"
            assert not record.open_attempts
        else:
            assert first.abandoned and first.state is AttemptState.RUNNING
            assert len(kinds) == 3
        assert (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"]) == (1, 1)
        assert await here.tools.store.verify() == []


async def test_a_job_that_was_left_is_looked_at_rarely_beside_the_one_that_is_waited_for(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """The video has one due time, that of its current attempt; the other attempt's is not forgotten for that."""
    options: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}, "b": {"render_s": 3.0}}
    async with house(empty_redis.url, tmp_path, CONFIG.replace("{SETTINGS}", "{}"), vendors=options) as here:
        left, current = here.vendors["a"], here.vendors["b"]
        left.program(Fault(on="create", do="never"))
        video = await here.create()
        async with asyncio.timeout(20):
            while current.counts["retrieve"] < 3:
                await asyncio.sleep(0.02)
        before = left.counts["retrieve"]
        assert (await here.until(video))["status"] == "completed"
        assert current.counts["retrieve"] >= 10
        assert left.counts["retrieve"] - before <= 1


async def test_a_video_whose_vendors_all_hang_is_stepped_by_one_at_a_time(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Each look begins with a whole lease, and a step takes none twice."""
    options: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}, "b": {"render_s": 60.0}}
    config = CONFIG.replace("{SETTINGS}", "{}").replace("lease_s: 20", "lease_s: 2, send_by_s: 1, submit_margin_s: 1")
    config = config.replace("poll_min_s: 0.05", "poll_timeout_s: 1.5, poll_min_s: 0.05")
    async with house(empty_redis.url, tmp_path, config, vendors=options) as here:
        here.vendors["a"].program(Fault(on="create", do="never"))
        video = await here.create()
        async with asyncio.timeout(20):
            while here.vendors["b"].counts["retrieve"] < 3:
                await asyncio.sleep(0.02)
        for one in here.vendors.values():
            one.program(Fault(on="retrieve", do="hang", seconds=30, times=None))
        most = 0
        for _ in range(80):
            here.tools.looks.note(await here.record(video), {})  # both are due
            steps = [task for task in asyncio.all_tasks() if task.get_name() == f"step {video}"]
            most = max(most, len(steps))
            await asyncio.sleep(0.1)
        assert most == 1
