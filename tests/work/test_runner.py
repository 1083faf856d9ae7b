"""The runner's own life: what fails in it is tried again, and a stop takes one grace."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.log import journal
from gateway.snapshot import Snapshot
from tests.support.house import house
from tests.support.http_desk import Say
from tests.support.receiver import Receiver
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault

CONFIG = """
gateway: {lease_s: 20}
webhooks: {allow_private: true, timeout_s: 30}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_timeout_s: 15, poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2]}
"""
VENDORS: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}}
GRACE_S = 2.0


async def test_a_loop_that_fails_goes_on(
    empty_redis: RedisServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What breaks each part of it once costs a moment; then videos are rendered."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=VENDORS, running=False) as one:
        video = await one.create()
        served, broken = one.tools.snapshot, [RuntimeError("a bug")] * 4

        def snapshot() -> Snapshot:
            if broken:
                raise broken.pop()
            return served()

        one.tools.snapshot = snapshot
        one.runner.start()
        assert (await one.until(video))["status"] == "completed"
        await one.runner.stop(1.0)
    journal.flush()
    assert '"event":"loop_failed","loop":"claim"' in capfd.readouterr().err


async def test_a_stop_takes_one_grace_whatever_hangs(empty_redis: RedisServer, tmp_path: Path) -> None:
    """A look and a webhook, both in the air: they are waited for together."""
    loop = asyncio.get_running_loop()
    async with (
        Receiver(Say(b"", "hang")) as receiver,
        house(empty_redis.url, tmp_path, CONFIG, vendors=VENDORS, running=False) as one,
    ):
        one.runner.start()
        told = await one.create(webhook_url=receiver.url)
        await one.until(told)
        await receiver.count(1)
        one.vendors["a"].program(Fault(on="retrieve", do="hang", seconds=30, times=None))
        await one.create()
        async with asyncio.timeout(20):
            while not one.vendors["a"].book.happened:
                await asyncio.sleep(0.02)
        began_s = loop.time()
        cut = await one.runner.stop(GRACE_S)
        assert cut.steps == 1
        assert loop.time() - began_s < 1.5 * GRACE_S
        await one.tools.poster.close()
