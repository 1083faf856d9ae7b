"""What was seen of vendors decides who is asked next, through the store and back into the plan."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.domain.observed import UNKNOWN
from gateway.domain.strategies import Strategy
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault

CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {strategy: healthiest, explore: 0, routes: [a/sora-2, b/sora-2]}
"""


async def test_a_vendor_that_breaks_jobs_is_asked_last_once_that_is_known(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """The first video goes there and is saved by the other vendor; a later one begins with the other, and its plan
    says why. A request may still want the old order."""
    vendors = {"a": {"render_s": 0.1}, "b": {"render_s": 0.1}}
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=vendors) as here:
        here.vendors["a"].program(Fault(on="create", do="fail", code="server_error", times=None))
        first = await here.create()
        assert (await here.until(first, seconds=60))["status"] == "completed"
        assert [one.provider for one in (await here.record(first)).attempts] == ["a", "b"]
        async with asyncio.timeout(40):
            while not all(known(here, route) for route in ("a/sora-2", "b/sora-2")):
                await asyncio.sleep(0.05)
        later = await here.record(await here.create())
        assert later.strategy == Strategy.HEALTHIEST
        assert [one.route for one in later.plan] == ["b/sora-2", "a/sora-2"]
        better, worse = later.plan
        assert better.success is not None and worse.success is not None and better.p50_s is not None
        assert worse.success < 0.7 < better.success
        ordered = await here.record(await here.create(routing={"strategy": "ordered"}))
        assert [one.route for one in ordered.plan] == ["a/sora-2", "b/sora-2"]


def known(here: House, route: str) -> bool:
    """Whether an end of an attempt there has come back from the store."""
    return here.tools.observer.observed.get(route, UNKNOWN).weight > 0
