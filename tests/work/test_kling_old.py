"""Kling's old standard through the whole house below HTTP, by access key and secret key."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.support.hook_desk import HookDesk, hook_desk
from tests.support.house import House, house
from tests.support.kling_contract import STATUS
from tests.support.kling_vendor import Kling, kling
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

SECRET = "whsec_a2xpbmctc2ltdWxhdG9yLXNlY3JldC0wMDAx"
CONFIG = """
gateway: {deadline_s: 60, lease_s: 5, send_by_s: 2, socket_timeout_s: 1PUBLIC}
providers:
  a: {adapter: kling, base_url: "{a}", api_key: secret-simulated, submit_timeout_s: 2, poll_timeout_s: 1,
      poll_min_s: POLL, poll_max_s: POLL, settings: {access_key: access-simulated, webhook_secret: SECRET}}
models:
  clip: {routes: [a/kling-v1-6]}
"""
# Five seconds of 720p: 2 units at 14 cents.
PAID = [("hold", "1", 280_000), ("settle", "1", 280_000)]
FREE = [("hold", "1", 280_000), ("void", "1", -280_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "5", "size": "1280x720"}


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, *, door: HookDesk | None = None, poll: float = 0.1, **options: Any
) -> AsyncIterator[tuple[House, Kling]]:
    public = f', public_url: "{door.base_url}"' if door is not None else ""
    config = CONFIG.replace("PUBLIC", public).replace("POLL", str(poll)).replace("SECRET", SECRET)
    async with (
        kling(clips=str(folder), webhook_secret=SECRET, **options) as vendor,
        house(server.url, folder, config, vendors={}, others={"a": nullcontext(vendor)}) as one,
    ):
        if door is not None:
            door.tools = one.tools
        yield one, vendor
        assert await one.tools.store.verify() == []


class Row(Struct, frozen=True, kw_only=True):
    """Faults, and what must come of them."""

    faults: list[Fault] = []
    status: str = "completed"
    renders: int = 1
    paid: bool = True


ROWS = {
    "nothing wrong": Row(),
    "a refused token": Row(
        faults=[Fault(on="create", do="refuse", status=STATUS[1004], code="1004")],
        status="failed", renders=0, paid=False,
    ),
    "failed after acceptance": Row(faults=[Fault(on="create", do="fail", message="it broke")], status="failed"),
    "succeed without a clip": Row(faults=[Fault(on="create", do="complete_empty")], status="failed"),
    "the link died": Row(faults=[Fault(on="content", do="refuse", status=403)]),
    "the answer is lost, and found by our id": Row(faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)]),
}  # fmt: skip


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_what_the_table_says(
    name: str, framed: bool, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """From words and from an image."""
    picture = "data:image/png;base64," + base64.b64encode(png(1280, 720)).decode()
    row, asked = ROWS[name], {**ASKED, **({"input_reference": {"image_url": picture}} if framed else {})}
    async with here(empty_redis, tmp_path) as (one, vendor):
        vendor.program(*row.faults)
        face = await one.until(video := await one.create(**asked))
        assert face["status"] == row.status
        await one.until_closed(video)
        assert await one.money(video) == (PAID if row.paid else FREE) and vendor.counts["renders"] == row.renders


async def test_a_signed_callback_binds_a_task_whose_answer_was_lost(empty_redis: RedisServer, tmp_path: Path) -> None:
    """It names no kind of task, and finding is out of order: the task is looked for under its kinds and believed."""
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, run_s=0.5, finds=False) as (one, vendor):
        vendor.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        video = await one.create(**ASKED)
        assert (await one.until(video))["status"] == "completed"
        assert await one.money(video) == PAID and vendor.counts["renders"] == 1
        assert (await one.record(video)).attempt(1).ref == {"id": "900000000000000001", "kind": "text2video"}


async def test_a_signed_callback_brings_the_news(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Polls are half a minute apart."""
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, poll=30, run_s=1.5) as (one, vendor):
        video = await one.create(**ASKED)
        assert (await one.until(video, seconds=15))["status"] == "completed"
        assert {status for _, status in door.heard} == {200} and vendor.counts["retrieve"] <= 3
