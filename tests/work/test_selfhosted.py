"""Videos through the whole house to servers of one's own: a failure there costs nothing and is not the client's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from gateway.work.cancel import cancel_video
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.selfhosted_contract import SGLANG, VLLM
from tests.support.selfhosted_vendor import SelfHosted, selfhosted
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {deadline_s: DEADLINE, lease_s: 5, send_by_s: 2, socket_timeout_s: 1}
providers:
  own: {adapter: openai, base_url: "{own}/v1", api_key: key_own, submit_timeout_s: 2, poll_timeout_s: 1,
        poll_min_s: 0.05, poll_max_s: 0.1, settings: {server: SERVER, models: {wan-demo: MODEL}}}
  other: {adapter: openai, base_url: "{other}/v1", api_key: key_own, submit_timeout_s: 2, poll_timeout_s: 1,
        poll_min_s: 0.05, poll_max_s: 0.1, settings: {server: SERVER, models: {wan-demo: MODEL}}}
models:
  wan:
    routes:
      - {route: own/wan-demo, prices: [PRICE]}
      - {route: other/wan-demo, prices: [PRICE]}
"""
MODEL = '{seconds: [2], sizes: ["832x480", "1280x720"], image: true}'
PRICE = '{per_second: "0.001", as_of: 2026-11-20, source: our electricity}'
ASKED: dict[str, Any] = {"model": "wan", "seconds": "2", "size": "832x480"}
PAID = [("hold", "1", 2_000), ("settle", "1", 2_000)]
FREE = [("hold", "1", 2_000), ("void", "1", -2_000)]
AGAIN = [("hold", "2", 2_000), ("settle", "2", 2_000)]
BOTH = pytest.mark.parametrize("server", [VLLM, SGLANG])


@asynccontextmanager
async def here(
    redis: RedisServer, folder: Path, server: str, *, deadline: int = 60, **options: Any
) -> AsyncIterator[tuple[House, SelfHosted, SelfHosted]]:
    config = CONFIG.replace("SERVER", server).replace("MODEL", MODEL).replace("PRICE", PRICE)
    config = config.replace("DEADLINE", str(deadline))
    async with (
        selfhosted(server, clips=str(folder), **options) as own,
        selfhosted(server, clips=str(folder)) as other,
        house(
            redis.url, folder, config, vendors={}, others={"own": nullcontext(own), "other": nullcontext(other)}
        ) as one,
    ):
        yield one, own, other
        assert await one.tools.store.verify() == []


class Row(Struct, frozen=True, kw_only=True):
    faults: list[Fault] = []
    options: dict[str, Any] = {}
    deadline: int = 60
    renders: tuple[int, int] = (1, 1)
    money: tuple[tuple[str, str, int], ...] = (*FREE, *AGAIN)


ROWS = {
    "nothing wrong": Row(renders=(1, 0), money=tuple(PAID)),
    "the render raised": Row(faults=[Fault(on="create", do="fail", status=500)]),
    "its memory is too small for this size": Row(options={"pixels_max": 100}),
    "the engine is dead": Row(options={"broken": True}, renders=(0, 1)),
    "the answer is lost": Row(
        faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)],
        deadline=12,  # it is looked for in the list for a part of that time
        money=(FREE[0], AGAIN[0], AGAIN[1], FREE[1]),
    ),
    "the job is forgotten": Row(faults=[Fault(on="create", do="forget")]),
}


@BOTH
@pytest.mark.parametrize("name", ROWS)
async def test_a_failure_is_free_and_the_next_server_renders(
    name: str, server: str, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Jobs cost no money, so a doubt moves on too; the client polls one video that completes."""
    row = ROWS[name]
    async with here(empty_redis, tmp_path, server, deadline=row.deadline, **row.options) as (one, own, other):
        own.program(*row.faults)
        video = await one.create(**ASKED)
        face = await one.until(video)
        assert face["status"] == "completed", face
        assert (own.counts["renders"], other.counts["renders"]) == row.renders
        if name != "the answer is lost":  # that attempt is followed for longer than a test
            await one.until_closed(video)
            assert await one.money(video) == list(row.money)
        record = await one.record(video)
        assert await one.tools.assets.size(record.assets[0].name) == record.assets[0].size_bytes > 0


@BOTH
async def test_a_server_that_restarts_loses_no_video(server: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """Its jobs are gone in the middle of a render; they are lost for nothing and made again elsewhere."""
    async with here(empty_redis, tmp_path, server, run_s=30.0) as (one, own, other):
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        own.restart()
        assert (await one.until(video))["status"] == "completed"
        assert await one.money(video) == FREE + AGAIN
        assert other.counts["renders"] == 1


async def test_a_waiting_job_leaves_vllm_omnis_queue(empty_redis: RedisServer, tmp_path: Path) -> None:
    """One that has begun goes on there, and the client is told what it may cost."""
    async with here(empty_redis, tmp_path, VLLM, run_s=30.0) as (one, own, _):
        first = await one.create(**ASKED)
        await one.until(first, "in_progress")
        second = await one.create(**ASKED)
        await one.until(second, "in_progress")
        asked = json.loads(await cancel_video(one.tools, one.caller, second))
        assert asked["cancel"]["state"] == "asked"
        assert (await one.until(second))["error"]["code"] == "cancelled"
        assert own.counts["spared"] == 1
        assert await one.money(second) == FREE
