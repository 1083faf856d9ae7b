"""Videos through the whole house to a simulated Luma: what the client sees, what was rendered, what was charged.

Five seconds at 720p cost $0.30 at Luma, and as much at the second account behind the first.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from gateway.work.cancel import cancel_video
from tests.support.fault_rows import Row, shown
from tests.support.house import House, house
from tests.support.luma_vendor import Luma, luma
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1}}
providers:
  a: {{adapter: luma, base_url: "{{a}}", api_key: luma-api-key, doubt: {doubt}, submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
  b: {{adapter: luma, base_url: "{{b}}", api_key: luma-api-key, account: other, submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  clip: {{routes: [a/ray-3.2, b/ray-3.2]}}
"""
PAID = [("hold", "1", 300_000), ("settle", "1", 300_000)]
FREE = [("hold", "1", 300_000), ("void", "1", -300_000)]
PRESUMED = [("hold", "1", 300_000), ("presumed", "1", 300_000)]
THEN_B = [("hold", "2", 300_000), ("settle", "2", 300_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "5", "size": "1280x720"}
Both = tuple[House, Luma, Luma]


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, *, deadline: int = 60, doubt: str = "hold", **options: Any
) -> AsyncIterator[Both]:
    """Two accounts at the same vendor."""
    config = CONFIG.format(deadline=deadline, doubt=doubt)
    async with (
        luma(clips=str(folder), **options) as a,
        luma(clips=str(folder)) as b,
        house(server.url, folder, config, vendors={}, others={"a": nullcontext(a), "b": nullcontext(b)}) as one,
    ):
        await a.clips.path("1280x720", "5")  # made before anybody waits for it
        yield one, a, b
        assert await one.tools.store.verify() == []


ROWS = {
    "nothing wrong": Row(money=PAID),
    "no credit": Row(options={"cents": 29}, renders=(0, 1), money=FREE + THEN_B),
    "too many at once": Row(options={"places": 0}, renders=(0, 1), money=FREE + THEN_B),
    "a field it does not take": Row(
        faults=[Fault(on="create", do="refuse", status=422)], renders=(0, 1), money=FREE + THEN_B
    ),
    "moderated once it ran": Row(
        faults=[Fault(on="create", do="fail", code="content_moderated")],
        status="failed", code="moderation_blocked", money=PAID,
    ),
    "it fails after it was accepted": Row(
        faults=[Fault(on="create", do="fail", code="generation_failed")], renders=(1, 1), money=PAID + THEN_B
    ),
    "completed without a clip": Row(
        faults=[Fault(on="create", do="complete_empty")], renders=(1, 1), money=PAID + THEN_B
    ),
    "the link died": Row(faults=[Fault(on="content", do="refuse", status=403)], money=PAID),
    "looks fail for a while": Row(
        faults=[Fault(on="retrieve", do="refuse", status=400), Fault(on="retrieve", do="html", status=502)], money=PAID
    ),
    "the answer is lost": Row(
        faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)], options={"deadline": 3},
        status="failed", code="outcome_unknown", money=PRESUMED,
    ),
    "it is forgotten": Row(
        faults=[Fault(on="create", do="forget")], status="failed", code="provider_failed", money=PRESUMED
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    async with here(empty_redis, tmp_path, **row.options) as (one, first, second):
        await shown(one, row, ASKED, first, second)


async def test_twice_the_length_is_three_times_the_price_between_two_images(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Held and settled as the vendor charges; frames of a long clip go as keyframes."""
    picture = "data:image/png;base64," + base64.b64encode(png(960, 540)).decode()
    frames: dict[str, Any] = {"input_reference": {"image_url": picture}, "last_frame": {"image_url": picture}}
    async with here(empty_redis, tmp_path) as (one, first, _):
        await first.clips.path("960x540", "10")
        video = await one.create(model="clip", seconds="10", size="960x540", **frames)
        assert (await one.until(video))["status"] == "completed"
        (made,) = first.generations.values()
        assert made.body["video"]["keyframe_indexes"] == [0, 240]
        assert await one.money(video) == [("hold", "1", 450_000), ("settle", "1", 450_000)]
        assert first.spent_cents == 45


async def test_a_cancel_cannot_stop_it_and_the_clip_is_the_clients(empty_redis: RedisServer, tmp_path: Path) -> None:
    """It is paid for, after all."""
    async with here(empty_redis, tmp_path, run_s=1.0) as (one, first, _):
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        assert json.loads(await cancel_video(one.tools, one.caller, video))["cancel"]["state"] == "asked"
        assert (await one.until(video))["status"] == "completed"
        assert await one.money(video) == PAID and first.counts["renders"] == 1
