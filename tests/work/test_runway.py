"""Videos through the whole house to a simulated Runway: what the client sees, what was rendered, what was charged.

A clip of four seconds costs 48 credits, $0.48, at Runway, and $0.40 at the vendor behind it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import BadInput
from gateway.work.cancel import cancel_video
from tests.support.fault_rows import Row, shown
from tests.support.house import House, house
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.runway_vendor import Runway, runway
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1}}
providers:
  a: {{adapter: runway, base_url: "{{a}}", api_key: key_runway, doubt: {doubt}, submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  clip: {{routes: [a/gen4.5, b/sora-2]}}
  still: {{routes: [a/gen4_turbo]}}
"""
PAID = [("hold", "1", 480_000), ("settle", "1", 480_000)]
FREE = [("hold", "1", 480_000), ("void", "1", -480_000)]
THEN_B = [("hold", "2", 400_000), ("settle", "2", 400_000)]
PRESUMED = [("hold", "1", 480_000), ("presumed", "1", 480_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "4", "size": "1280x720"}


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, *, deadline: int = 60, doubt: str = "hold", **options: Any
) -> AsyncIterator[tuple[House, Runway]]:
    config = CONFIG.format(deadline=deadline, doubt=doubt)
    async with (
        runway(clips=str(folder), **options) as vendor,
        house(server.url, folder, config, vendors={"b": {"render_s": 0.1}}, others={"a": nullcontext(vendor)}) as one,
    ):
        yield one, vendor
        assert await one.tools.store.verify() == []


ROWS = {
    "nothing wrong": Row(money=PAID),
    "no credit": Row(
        faults=[Fault(on="create", do="refuse", status=400, message="You do not have enough credits.")],
        renders=(0, 1), money=FREE + THEN_B,
    ),
    "a field it does not take": Row(
        faults=[Fault(on="create", do="refuse", status=400, code="ratio")], renders=(0, 1), money=FREE + THEN_B
    ),
    "blocked, and charged": Row(
        faults=[Fault(on="create", do="fail", code="SAFETY.INPUT.TEXT")],
        status="failed", code="moderation_blocked", money=PAID,
    ),
    "succeeded without a clip": Row(
        faults=[Fault(on="create", do="complete_empty")], renders=(1, 1), money=PAID + THEN_B
    ),
    "a bad render": Row(
        faults=[Fault(on="create", do="fail", code="INTERNAL.BAD_OUTPUT.CODE01")], renders=(1, 1), money=PAID + THEN_B
    ),
    "the link died": Row(faults=[Fault(on="content", do="refuse", status=403)], money=PAID),
    "looks fail for a while": Row(
        faults=[Fault(on="retrieve", do="refuse", status=400), Fault(on="retrieve", do="html", status=502)], money=PAID
    ),
    "the answer is lost": Row(
        faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)],
        deadline=3, status="failed", code="outcome_unknown", money=PRESUMED,
    ),
    "the answer is lost, at risk": Row(
        faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)], doubt="failover", deadline=4, renders=(1, 1),
        money=[PRESUMED[0], *THEN_B, PRESUMED[1]],
    ),
    "503 although the task exists": Row(
        faults=[Fault(on="create", do="refuse", status=503, at=Point.AFTER_MAKING)],
        deadline=3, status="failed", code="outcome_unknown", money=PRESUMED,
    ),
    "the task is forgotten": Row(
        faults=[Fault(on="create", do="forget")], status="failed", code="provider_failed", money=PRESUMED
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    async with here(empty_redis, tmp_path, deadline=row.deadline, doubt=row.doubt) as (one, vendor):
        await shown(one, row, ASKED, vendor, one.vendors["b"])


async def test_a_picture_becomes_the_first_frame(empty_redis: RedisServer, tmp_path: Path) -> None:
    """A model that only animates pictures serves a create with one; without one, it is refused before anything is
    spent."""
    picture = "data:image/png;base64," + base64.b64encode(png(960, 960)).decode()
    asked: dict[str, Any] = {"model": "still", "seconds": "5", "size": "960x960"}
    async with here(empty_redis, tmp_path) as (one, vendor):
        with pytest.raises(BadInput, match="needs an input image"):
            await one.create(**asked)
        assert vendor.counts["create"] == 0
        video = await one.create(**asked, input_reference={"image_url": picture})
        assert (await one.until(video))["status"] == "completed"
        (task,) = vendor.tasks.values()
        assert task.body["promptImage"] == [{"uri": picture, "position": "first"}]
        assert await one.money(video) == [("hold", "1", 250_000), ("settle", "1", 250_000)]


async def test_the_vendors_own_fields_pass_where_they_are_known(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Only the route that knows them is asked, and never for what decides the price."""
    mood: dict[str, Any] = {"contentModeration": {"publicFigureThreshold": "low"}}
    async with here(empty_redis, tmp_path) as (one, vendor):
        video = await one.create(**ASKED, extras=mood)
        assert (await one.until(video))["status"] == "completed"
        (task,) = vendor.tasks.values()
        assert task.body["contentModeration"] == mood["contentModeration"]
        plan = {choice.route: choice.dropped for choice in (await one.record(video)).plan}
        assert plan == {"a/gen4.5": None, "b/sora-2": "does not take these extras"}
        with pytest.raises(BadInput, match="outputFormat"):
            await one.create(**ASKED, extras={"outputFormat": "prores"})


@pytest.mark.parametrize(
    ("waiting", "keeps", "money"),
    [(True, False, FREE), (True, True, FREE), (False, False, PRESUMED), (False, True, PAID)],
)
async def test_a_cancelled_task_costs_what_the_vendor_kept(
    empty_redis: RedisServer, tmp_path: Path, waiting: bool, keeps: bool, money: list[tuple[str, str, int]]
) -> None:
    """Where the record is gone with the task, nobody says what a running one cost."""
    wait_s = 30.0 if waiting else 0.0
    async with here(empty_redis, tmp_path, wait_s=wait_s, run_s=30.0, keeps_deleted=keeps) as (one, vendor):
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        face = json.loads(await cancel_video(one.tools, one.caller, video))
        assert face["cancel"]["state"] == "asked"
        face = await one.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "cancelled")
        assert await one.money(video) == money
        assert vendor.spent == (0 if waiting else 48) and one.vendors["b"].counts["renders"] == 0
