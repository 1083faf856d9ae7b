"""Balances of the vendors' accounts: read by one worker for all, shown, and the bound of what may be held, on request.

At the simulated Runway a clip of four seconds costs 48 credits, $0.48.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import metrics
from gateway.domain.accounts import Standing
from gateway.domain.budgets import Cap, Window
from gateway.domain.errors import QuotaGone
from gateway.work.accounts import watch_accounts
from providers.contract import Unit
from tests.support.fal_vendor import fal
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.runway_vendor import Runway, runway

CONFIG = """
gateway: {{lease_s: 5, send_by_s: 2, socket_timeout_s: 1}}
providers:
  a: {{adapter: runway, base_url: "{{a}}", api_key: key_runway, submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1, {more}}}
models:
  clip: {{routes: [a/gen4.5]}}
"""
ASKED: dict[str, Any] = {"model": "clip", "seconds": "4", "size": "1280x720"}
TURN = "{telecine}:standing_turn:a"


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, more: str, *, running: bool = True, **options: Any
) -> AsyncIterator[tuple[House, Runway]]:
    kept: list[Runway] = []

    @asynccontextmanager
    async def vendor() -> AsyncIterator[Runway]:
        async with runway(clips=str(folder), **options) as one:
            kept.append(one)
            yield one

    config = CONFIG.format(more=more)
    async with house(server.url, folder, config, vendors={}, others={"a": vendor()}, running=running) as one:
        yield one, kept[0]
        assert await one.tools.store.verify() == []


async def again(one: House, server: RedisServer) -> None:
    """As a minute later."""
    server.client.delete(TURN, "{telecine}:standings")
    await watch_accounts(one.tools)


async def test_what_an_account_has_left_is_read_once_for_all_and_shown(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with here(empty_redis, tmp_path, "balance: watch", running=False, credits=950) as (one, vendor):
        await asyncio.gather(*(watch_accounts(one.tools) for _ in range(5)))
        assert vendor.counts["organization"] == 1
        standing = (await one.tools.store.standings())["a"]
        assert (standing.amount, standing.unit, standing.micros) == ("950", "credits", 9_500_000)
        shown = metrics.exposition().decode()
        assert 'telecine_provider_balance{provider="a",unit="credits"} 950.0' in shown
        assert 'telecine_provider_balance_usd{provider="a"} 9.5' in shown
        assert await one.tools.store.list_budgets(0) == []


@pytest.mark.parametrize(("word", "looks"), [("watch", 0), ("budget", 1)])
async def test_an_account_that_tells_no_balance_is_not_asked_for_it(
    empty_redis: RedisServer, tmp_path: Path, word: str, looks: int
) -> None:
    """Every minute, for nothing. One whose balance shall bound what is held is asked, and the lack is told."""
    config = """
providers:
  a: {adapter: fal, base_url: "{a}", api_key: "id:secret_fal", balance: WORD}
models:
  clip: {routes: [a/fal-ai/veo3]}
"""
    async with fal() as vendor:
        text = config.replace("WORD", word).replace("{a}", vendor.base_url)
        async with house(empty_redis.url, tmp_path, text, vendors={}, running=False) as one:
            await watch_accounts(one.tools)
            assert vendor.counts["retrieve"] == looks


async def test_no_more_is_held_than_the_account_has_left(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Two clips of three; what the second leaves is too little, until somebody pays in. What is kept stays."""
    more = "balance: budget, balance_keep: '0.10'"
    async with here(empty_redis, tmp_path, more, running=False, credits=150) as (one, vendor):
        await watch_accounts(one.tools)
        first, second = await one.create(**ASKED), await one.create(**ASKED)
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)
        one.runner.start()
        for video in (first, second):
            assert (await one.until(video))["status"] == "completed"
        assert vendor.spent == 96
        await again(one, empty_redis)
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)
        (budget,) = await one.tools.store.list_budgets(0)
        assert (budget.settled_micros, budget.left_micros, budget.overrun_micros) == (960_000, 440_000, 0)
        vendor.paid_in = 100
        await again(one, empty_redis)
        assert (await one.until(await one.create(**ASKED)))["status"] == "completed"
        await one.runner.stop(1.0)


async def test_a_worker_knows_the_bound_as_soon_as_it_runs(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Without anybody asking for it."""
    async with here(empty_redis, tmp_path, "balance: budget", credits=10) as (one, _):
        async with asyncio.timeout(10):
            while not await one.tools.store.list_budgets(0):
                await asyncio.sleep(0.05)
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)


async def test_a_balance_that_sinks_is_no_overrun_and_lets_nothing_new_in(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with here(empty_redis, tmp_path, "balance: budget", running=False, credits=100) as (one, vendor):
        await watch_accounts(one.tools)
        video = await one.create(**ASKED)
        vendor.paid_in = -90
        await again(one, empty_redis)
        (budget,) = await one.tools.store.list_budgets(0)
        assert (budget.left_micros, budget.overrun_micros) == (0, 0)
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)
        vendor.paid_in = 0
        one.runner.start()
        assert (await one.until(video))["status"] == "completed"
        await one.runner.stop(1.0)


async def test_a_vendor_that_does_not_answer_leaves_the_last_balance_standing(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with here(empty_redis, tmp_path, "balance: budget", running=False, api_key="another") as (one, vendor):
        await one.tools.store.set_cap("provider/a", Window.TOTAL, Cap(7, ()))
        await watch_accounts(one.tools)
        assert await one.tools.store.standings() == {} and vendor.counts["refused"] == 1
        assert [budget.cap.micros for budget in await one.tools.store.list_budgets(0)] == [7]


async def test_an_account_that_bounds_nothing_any_more_takes_its_cap_along(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Also where it is not even watched."""
    for then in ("watch", "ignore"):
        empty_redis.client.flushall()
        async with here(empty_redis, tmp_path / then, f"balance: {then}", running=False) as (one, vendor):
            bound = Standing(at_ms=0, amount="7", unit=Unit.USD, micros=7_000_000, bounds=True)
            await one.tools.store.put_standing("a", bound)
            await one.tools.store.set_cap("provider/a", Window.TOTAL, Cap(7_000_000, ()))
            await watch_accounts(one.tools)
            assert await one.tools.store.list_budgets(0) == []
            assert vendor.counts["organization"] == (then == "watch")
            assert set(await one.tools.store.standings()) == ({"a"} if then == "watch" else set())
