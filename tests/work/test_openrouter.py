"""Videos through the whole house to a simulated OpenRouter: what the client sees, what was rendered, what was charged.

A clip of four seconds is held at $0.32 and charged at $0.28, as the vendor says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from gateway.work import hooks
from providers.contract import Inbound
from tests.support.fault_rows import Row, shown
from tests.support.house import House, house
from tests.support.openrouter_vendor import OpenRouter, openrouter
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {deadline_s: 60, lease_s: 5, send_by_s: 2, socket_timeout_s: 1, public_url: "https://gateway.test"}
providers:
  a: {adapter: openrouter, base_url: "{a}/api/v1", api_key: sk-or-key, submit_timeout_s: 2, poll_timeout_s: 1,
      poll_min_s: 0.05, poll_max_s: 0.1, settings: {webhook_secret: workspace, models: {acme/clip: MODEL}}}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", submit_timeout_s: 2, poll_timeout_s: 1, poll_min_s: 0.05,
      poll_max_s: 0.1}
models:
  clip:
    routes:
      - route: a/acme/clip
        prices: [{per_second: "0.08", as_of: 2026-11-20, source: its page}]
      - b/sora-2
"""
MODEL = "{seconds: [4], sizes: [1280x720]}"
PAID = [("hold", "1", 320_000), ("settle", "1", 280_000)]
FREE = [("hold", "1", 320_000), ("void", "1", -320_000)]
THEN_B = [("hold", "2", 400_000), ("settle", "2", 400_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "4", "size": "1280x720"}


@asynccontextmanager
async def here(server: RedisServer, folder: Path, **options: Any) -> AsyncIterator[tuple[House, OpenRouter]]:
    config = CONFIG.replace("MODEL", MODEL)
    async with (
        openrouter(clips=str(folder), **options) as vendor,
        house(server.url, folder, config, vendors={"b": {"render_s": 0.1}}, others={"a": nullcontext(vendor)}) as one,
    ):
        yield one, vendor
        assert await one.tools.store.verify() == []


ROWS = {
    "nothing wrong": Row(money=PAID),
    "no credit": Row(options={"dollars": 0.01}, renders=(0, 1), money=FREE + THEN_B),
    "it fails after it was accepted": Row(
        faults=[Fault(on="create", do="fail", message="upstream 500")], renders=(1, 1), money=FREE + THEN_B
    ),
    "moderated while it ran": Row(
        faults=[Fault(on="create", do="fail", message="content_moderation")],
        status="failed",
        money=FREE,
        code="moderation_blocked",
    ),
    "completed without a clip": Row(
        faults=[Fault(on="create", do="complete_empty")], renders=(1, 1), money=PAID + THEN_B
    ),
    "looks fail for a while": Row(faults=[Fault(on="retrieve", do="html", status=502)], money=PAID),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    async with here(empty_redis, tmp_path, **row.options) as (one, vendor):
        await shown(one, row, ASKED, vendor, one.vendors["b"])


async def test_a_lost_answer_is_found_again_by_the_signed_callback(empty_redis: RedisServer, tmp_path: Path) -> None:
    """One render, paid once; a callback that is forged in its signature is turned away."""
    async with here(empty_redis, tmp_path, run_s=0.3) as (one, vendor):
        answers: list[int] = []

        async def deliver(url: str, headers: dict[str, str], body: bytes) -> None:
            name = url.rpartition("/")[2]
            for told in ({"x-openrouter-signature": "t=1,v1=" + "0" * 64}, headers):
                at_ms = one.tools.clock.now_ms()
                inbound = Inbound(path=f"/hooks/a/{name}", headers=told, body=body, received_ms=at_ms)
                answers.append((await hooks.receive(one.tools, "a", name, inbound)).status)

        vendor.call_back = deliver
        vendor.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        video = await one.create(**ASKED)
        assert (await one.until(video))["status"] == "completed"
        await one.until_closed(video)
        assert await one.money(video) == PAID
        assert answers == [401, 200] and vendor.counts["renders"] == 1
