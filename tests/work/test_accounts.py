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
from msgspec.structs import replace

from gateway import metrics
from gateway.config.load import parse_config
from gateway.config.problems import ConfigError
from gateway.domain.accounts import Standing
from gateway.domain.budgets import Cap, Window
from gateway.domain.errors import QuotaGone
from gateway.snapshot import build_snapshot
from gateway.work.accounts import watch_accounts, watch_unread
from gateway.work.bounds import shut_unread
from gateway.work.configure import By, publish
from gateway.work.following import Follower
from gateway.work.making import Maker
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


async def test_an_account_that_tells_no_balance_is_not_asked_for_it(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Every minute, for nothing. And it cannot be what bounds the spend: that is refused where it is written."""
    config = """
providers:
  a: {adapter: fal, base_url: "{a}", api_key: "id:secret_fal", balance: WORD}
models:
  clip: {routes: [a/fal-ai/veo3]}
"""
    async with fal() as vendor:
        text = config.replace("{a}", vendor.base_url)
        async with house(empty_redis.url, tmp_path, text.replace("WORD", "watch"), vendors={}, running=False) as one:
            await watch_accounts(one.tools)
            assert vendor.counts["retrieve"] == 0
        wrong = parse_config("config.yaml", text.replace("WORD", "budget").encode(), {})
        with pytest.raises(ConfigError, match=r"config.yaml:3: providers.a.balance: this vendor tells no balance"):
            build_snapshot(wrong, sandbox_socket=None)


async def test_nothing_is_held_where_the_balance_was_never_read(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Not before the first look, and not while the vendor does not answer; afterwards what the account has."""
    async with here(empty_redis, tmp_path, "balance: budget", running=False, credits=100) as (one, vendor):
        key = vendor.options.api_key
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)
        vendor.options = replace(vendor.options, api_key="another")
        await watch_unread(one.tools)
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)
        assert 'telecine_provider_balance{provider="a",unit="usd"} 0' not in metrics.exposition().decode()
        vendor.options = replace(vendor.options, api_key=key)
        empty_redis.client.delete(TURN)
        await watch_unread(one.tools)
        await one.create(**ASKED)
        asked = vendor.counts["organization"]
        empty_redis.client.delete(TURN)
        await watch_unread(one.tools)
        assert vendor.counts["organization"] == asked


async def now_says(one: House, vendor: Runway, word: str) -> None:
    """As a start under another configuration."""
    text = CONFIG.format(more=f"balance: {word}").replace("{a}", vendor.base_url)
    snapshot = build_snapshot(parse_config("config.yaml", text.encode(), {}), sandbox_socket=None)
    await shut_unread(one.tools.store, snapshot)
    one.tools.snapshot = lambda: snapshot


async def test_what_shall_bound_from_now_on_makes_no_overrun_of_what_was_spent(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """What was settled there stays allowed, nothing new is; who takes the wish back is as free as before; and a cap
    that somebody set by hand is left till the first look."""
    async with here(empty_redis, tmp_path, "balance: ignore", credits=100) as (one, vendor):
        await one.until_closed(await one.create(**ASKED))
        await one.runner.stop(1.0)
        store = one.tools.store
        await now_says(one, vendor, "budget")
        (budget,) = await store.list_budgets(0)
        assert (budget.cap.micros, budget.settled_micros, budget.overrun_micros) == (480_000, 480_000, 0)
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)
        await now_says(one, vendor, "ignore")
        await watch_accounts(one.tools)
        assert await store.list_budgets(0) == []
        await store.set_cap("provider/a", Window.TOTAL, Cap(7_000_000, ()))
        await now_says(one, vendor, "budget")
        assert [budget.cap.micros for budget in await store.list_budgets(0)] == [7_000_000]


async def test_a_configuration_that_is_taken_over_shuts_first(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The process that serves by it has shut the account before; the worker's next look opens it."""
    async with here(empty_redis, tmp_path, "balance: ignore", running=False, credits=100) as (one, vendor):
        store, maker = one.tools.store, Maker("config.yaml", {})
        texts = [
            CONFIG.format(more=f"balance: {word}").replace("{a}", vendor.base_url) for word in ("ignore", "budget")
        ]
        follower = Follower(store, maker, maker.make(texts[0].encode()), 0, lambda _: None)
        await publish(store, maker, texts[1].encode(), By(actor="file", replica=""), based_on=0)
        assert await follower.look()
        one.tools.snapshot = follower.snapshot
        with pytest.raises(QuotaGone):
            await one.create(**ASKED)
        await watch_unread(one.tools)
        await one.create(**ASKED)


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
            while (await one.tools.store.standings())["a"].unread:
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
        assert (await one.tools.store.standings())["a"].unread and vendor.counts["refused"] == 1
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
