"""Queues of servers of one's own, through the whole house: strangers' jobs there send a video elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.work.queueing import look_at_queues, tells
from gateway.work.queues import STALE_S, Queues
from providers.openai import OpenAI
from providers.openai.settings import OpenAISettings
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.selfhosted_contract import SGLANG, VLLM
from tests.support.selfhosted_vendor import SelfHosted, selfhosted

CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}/v1", api_key: key_own, poll_min_s: 0.05, poll_max_s: 0.1, settings: OWN}
  b: {adapter: openai, base_url: "{b}/v1", api_key: key_own, poll_min_s: 0.05, poll_max_s: 0.1, settings: OWN}
models:
  wan:
    strategy: cheapest
    explore: 0
    routes: [{route: a/wan-demo, prices: [PRICE]}, {route: b/wan-demo, prices: [PRICE]}]
"""
OWN = '{server: SERVER, models: {wan-demo: {seconds: [2], sizes: ["832x480"]}}}'
PRICE = '{per_second: "0.001", as_of: 2026-11-20, source: our electricity}'
ASKED: dict[str, Any] = {"model": "wan", "seconds": "2", "size": "832x480"}
BOTH = pytest.mark.parametrize("server", [VLLM, SGLANG])


@asynccontextmanager
async def here(redis: RedisServer, folder: Path, server: str) -> AsyncIterator[tuple[House, SelfHosted, SelfHosted]]:
    async with (
        selfhosted(server, clips=str(folder), run_s=30.0) as a,
        selfhosted(server, clips=str(folder)) as b,
    ):
        config = CONFIG.replace("OWN", OWN).replace("SERVER", server).replace("PRICE", PRICE)
        for name, one in (("{a}", a), ("{b}", b)):
            config = config.replace(name, one.base_url)
        async with house(redis.url, folder, config, vendors={}) as here_one:
            yield here_one, a, b


async def stranger(v: SelfHosted) -> None:
    """Somebody else's job."""
    headers = {"Authorization": f"Bearer {v.api_key}"}
    async with httpx.AsyncClient(base_url=v.address, trust_env=False, verify=False, headers=headers) as http:
        reply = await http.post("/videos", files={"prompt": (None, "a stranger's dream"), "seconds": (None, "2")})
        assert reply.status_code == 200


@BOTH
async def test_a_video_goes_where_fewer_wait(server: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """Between equals; what is ahead is told in the plan."""
    async with here(empty_redis, tmp_path, server) as (one, a, b):
        await stranger(a)
        await look_at_queues(one.tools)
        video = await one.create(**ASKED)
        assert (await one.until(video))["status"] == "completed"
        assert (a.counts["renders"], b.counts["renders"]) == (1, 1)
        notes = {choice.route: choice.note for choice in (await one.record(video)).plan}
        assert notes == {"b/wan-demo": None, "a/wan-demo": "1 jobs wait or run there"}


async def test_what_was_sent_since_the_last_look_counts(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Else everybody would run to the same server until the next look."""
    async with here(empty_redis, tmp_path, VLLM) as (one, a, b):
        await look_at_queues(one.tools)
        first = await one.create(**ASKED)
        await one.until(first, "in_progress")
        second = await one.create(**ASKED)
        assert (await one.until(second))["status"] == "completed"
        assert (a.counts["renders"], b.counts["renders"]) == (1, 1)


async def test_a_server_that_does_not_answer_keeps_its_last_figure_for_a_while(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """And nothing fails for it."""
    async with here(empty_redis, tmp_path, VLLM) as (one, a, _):
        await stranger(a)
        await look_at_queues(one.tools)
        a.options = type(a.options)(api_key="another")
        await look_at_queues(one.tools)
        now_s = one.tools.clock.boot_s()
        assert one.tools.queues.ahead(now_s) == {"a": 1, "b": 0}
        assert "a" not in one.tools.queues.ahead(now_s + STALE_S + 1)


def test_a_provider_that_left_is_forgotten() -> None:
    """With its figure."""
    queues = Queues()
    queues.learn("a", 3, 0.0)
    queues.keep(frozenset({"b"}))
    queues.sent("a")
    assert queues.ahead(0.0) == {}


def test_only_servers_that_tell_are_asked() -> None:
    """OpenAI's list says nothing of anybody else's jobs."""
    told = {name: tells(OpenAI(OpenAISettings.model_validate({"server": name}), None)) for name in ("openai", VLLM)}
    assert told == {"openai": False, VLLM: True}
