"""Budgets as a client and a runner meet them: refused before anything is made, skipped where another route fits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.budgets import Cap, Window
from gateway.domain.errors import QuotaGone
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.vendor import Fault

CLIP = 400_000
CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2, b/sora-2]}
"""
NONE = {"render_s": 0.05}


@pytest.fixture
async def here(empty_redis: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": dict(NONE), "b": dict(NONE)}) as one:
        yield one
        assert await one.tools.store.verify() == []


async def test_a_used_up_budget_is_said_with_its_window_and_reset_and_costs_nothing(here: House) -> None:
    await here.tools.store.set_cap(f"project/{here.caller.project}", Window.DAY, Cap(CLIP))
    await here.until(await here.create())
    with pytest.raises(QuotaGone) as caught:
        await here.create()
    error = caught.value
    assert (error.status, error.kind, error.error_code, error.retry) == (
        429, "insufficient_quota", "insufficient_quota", False,
    )  # fmt: skip
    assert error.message.startswith("This project's daily budget of $0.40 does not allow this video: $0.40 are spent")
    assert "It resets at 20" in error.message and "T00:00:00Z" in error.message
    assert [here.vendors[name].counts["renders"] for name in "ab"] == [1, 0]


@pytest.mark.parametrize("scope", ["provider/a", "gateway"])
async def test_the_sums_of_others_are_not_told(here: House, scope: str) -> None:
    """A client learns that the gateway's budget is used up, not what the gateway spends."""
    await here.tools.store.set_cap(scope, Window.MONTH, Cap(123))
    await here.tools.store.set_cap("provider/b", Window.MONTH, Cap(123))
    with pytest.raises(QuotaGone, match="A monthly budget of this gateway does not allow") as caught:
        await here.create()
    assert "0.000123" not in caught.value.message and "spent or held" not in caught.value.message


async def test_a_route_that_its_providers_cap_does_not_allow_is_skipped_and_the_plan_says_so(here: House) -> None:
    await here.tools.store.set_cap("provider/a", Window.DAY, Cap(CLIP - 1))
    video = await here.create()
    assert (await here.until(video))["status"] == "completed"
    record = await here.record(video)
    assert [(one.route, one.skipped) for one in record.plan] == [
        ("a/sora-2", "over the budget provider/a/day"), ("b/sora-2", None),
    ]  # fmt: skip
    assert [one.provider for one in record.attempts] == ["b"]


async def test_a_failover_that_no_budget_allows_ends_the_video_and_says_why(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """What the first attempt cost is booked; the second is never sent."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": dict(NONE), "b": dict(NONE)}) as one:
        one.vendors["a"].program(Fault(on="create", do="fail", code="server_error"))
        await one.tools.store.set_cap("provider/b", Window.TOTAL, Cap(CLIP - 1))
        video = await one.create()
        face = await one.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "insufficient_quota")
        assert [one.vendors[name].counts["renders"] for name in "ab"] == [1, 0]
        assert await one.tools.store.verify() == []
