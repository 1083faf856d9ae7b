"""What goes wrong at a simulated Kling, and what it costs: the new standard through the whole house below HTTP, with
callbacks over a real wire."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.errors import BadInput
from gateway.work.cancel import cancel_video
from tests.support.fault_rows import Row, shown
from tests.support.hook_desk import HookDesk, hook_desk
from tests.support.house import House, house
from tests.support.kling_contract import STATUS
from tests.support.kling_vendor import Kling, kling
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

SECRET = "whsec_a2xpbmctc2ltdWxhdG9yLXNlY3JldC0wMDAx"
CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1{public}}}
providers:
  a: {{adapter: kling, base_url: "{{a}}", api_key: "api-key-kling-simulated", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: {poll}, poll_max_s: {poll}{settings}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  clip: {{routes: [a/kling-3.0, b/sora-2]}}
  four: {{routes: [{{route: a/kling-4.0, prices: [{{per_second: "0.17", as_of: 2026-11-21, source: a reseller}}]}}]}}
"""
# Four seconds of 720p with sound: 3.6 units at 14 cents.
PAID = [("hold", "1", 504_000), ("settle", "1", 504_000)]
FREE = [("hold", "1", 504_000), ("void", "1", -504_000)]
THEN_B = [("hold", "2", 400_000), ("settle", "2", 400_000)]
PRESUMED = [("hold", "1", 504_000), ("presumed", "1", 504_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "4", "size": "1280x720"}
Here = tuple[House, Kling]


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, *, deadline: int = 60, settings: str = "", door: HookDesk | None = None,
    poll: float = 0.1, **options: Any,
) -> AsyncIterator[Here]:  # fmt: skip
    public = f', public_url: "{door.base_url}"' if door is not None else ""
    config = CONFIG.format(deadline=deadline, settings=settings, public=public, poll=poll)
    async with (
        kling(clips=str(folder), **options) as vendor,
        house(server.url, folder, config, vendors={"b": {"render_s": 0.1}}, others={"a": nullcontext(vendor)}) as one,
    ):
        if door is not None:
            door.tools = one.tools
        yield one, vendor
        assert await one.tools.store.verify() == []


def said(code: int, **more: Any) -> Fault:
    return Fault(on="create", do="refuse", status=STATUS[code], code=str(code), **more)


ROWS = {
    "nothing wrong": Row(money=PAID),
    "an empty pack": Row(faults=[said(1102)], renders=(0, 1), money=FREE + THEN_B),
    "no place": Row(faults=[said(1303)], renders=(0, 1), money=FREE + THEN_B),
    "a bad parameter": Row(faults=[said(1201)], renders=(0, 1), money=FREE + THEN_B),
    "blocked at once": Row(
        faults=[said(1301)], status="failed", code="moderation_blocked", renders=(0, 0), money=FREE
    ),
    "blocked, and charged": Row(
        faults=[Fault(on="create", do="fail", message="Failure to pass the risk control system")],
        status="failed", code="moderation_blocked", money=PAID,
    ),
    "succeeded without a clip": Row(
        faults=[Fault(on="create", do="complete_empty")], renders=(1, 1), money=PAID + THEN_B
    ),
    "failed after acceptance": Row(
        faults=[Fault(on="create", do="fail", message="generation failed")], renders=(1, 1), money=PAID + THEN_B
    ),
    "the link died": Row(faults=[Fault(on="content", do="refuse", status=403)], money=PAID),
    "looks fail for a while": Row(
        faults=[
            Fault(on="retrieve", do="refuse", status=429, code="1302"), Fault(on="retrieve", do="html", status=502)
        ],
        money=PAID,
    ),
    "the answer is lost, and found by our id": Row(
        faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)], money=PAID
    ),
    "an internal error although the task exists": Row(faults=[said(5000, at=Point.AFTER_MAKING)], money=PAID),
    "the task is forgotten": Row(
        faults=[Fault(on="create", do="forget")], status="failed", code="provider_failed", money=PRESUMED
    ),
    "nobody knows whether it arrived": Row(
        faults=[said(5001)], deadline=3, status="failed", code="outcome_unknown", renders=(0, 0), money=PRESUMED[:1],
        closes=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    async with here(empty_redis, tmp_path, deadline=row.deadline) as (one, vendor):
        await shown(one, row, ASKED, vendor, one.vendors["b"])


async def test_a_picture_becomes_the_first_frame(empty_redis: RedisServer, tmp_path: Path) -> None:
    """And gives the clip its shape."""
    data = base64.b64encode(png(720, 1280)).decode()
    async with here(empty_redis, tmp_path) as (one, vendor):
        shown = {"image_url": "data:image/png;base64," + data}
        video = await one.create(**{**ASKED, "size": "720x1280"}, input_reference=shown)
        assert (await one.until(video))["status"] == "completed"
        (task,) = vendor.tasks.values()
        assert task.order.body["contents"][1] == {"type": "first_frame", "url": data}


@pytest.mark.parametrize(("audio", "told", "micros"), [(True, "native", 504_000), (False, "off", 336_000)])
async def test_sound_is_the_clients_choice_and_is_paid_as_chosen(
    audio: bool, told: str, micros: int, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """What is held is what the vendor takes for a clip of that kind; only a route that can choose is asked for none."""
    async with here(empty_redis, tmp_path) as (one, vendor):
        video = await one.create(**ASKED, audio=audio)
        record = await one.record(video)
        assert (record.request.audio, record.plan[0].price_micros) == (audio, micros)
        assert {choice.route: choice.dropped for choice in record.plan}["b/sora-2"] == (
            None if audio else "makes no clips without sound"
        )
        assert (await one.until(video))["status"] == "completed"
        (task,) = vendor.tasks.values()
        assert task.order.body["settings"]["audio"] == told
        assert await one.money(video) == [("hold", "1", micros), ("settle", "1", micros)]


async def test_the_vendors_own_fields_pass_where_they_are_known(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Only the route that knows them is asked, and never for what decides the price."""
    async with here(empty_redis, tmp_path) as (one, vendor):
        video = await one.create(**ASKED, extras={"multi_shot": False})
        assert (await one.until(video))["status"] == "completed"
        (task,) = vendor.tasks.values()
        assert task.order.body["settings"]["multi_shot"] is False
        with pytest.raises(BadInput, match="resolution"):
            await one.create(**ASKED, extras={"resolution": "4k"})


async def test_a_cancelled_task_is_followed_to_its_end(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The vendor stops nothing: the clip is made and paid, nothing else is."""
    async with here(empty_redis, tmp_path, run_s=1.0) as (one, vendor):
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        face = json.loads(await cancel_video(one.tools, one.caller, video))
        assert face["cancel"]["state"] == "asked"
        await one.until(video)
        await one.until_closed(video)
        assert await one.money(video) == PAID
        assert vendor.counts["renders"] == 1 and one.vendors["b"].counts["renders"] == 0


async def test_a_link_that_died_is_renewed(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Links of no life at all, until the vendor gives better ones."""
    async with here(empty_redis, tmp_path, link_s=-1.0) as (one, vendor):
        video = await one.create(**ASKED)
        async with asyncio.timeout(20):
            while vendor.counts["content"] < 2:
                await asyncio.sleep(0.02)
        vendor.options = replace(vendor.options, link_s=60.0)
        assert (await one.until(video))["status"] == "completed"
        assert await one.money(video) == PAID and vendor.counts["renders"] == 1


@pytest.mark.parametrize("secret", [SECRET, ""])
async def test_a_callback_brings_the_news(empty_redis: RedisServer, tmp_path: Path, secret: str) -> None:
    """Polls are half a minute apart, so only the vendor's call can have made it due; signed, or not asked to be."""
    settings = f', settings: {{webhook_secret: "{secret}"}}' if secret else ""
    given: dict[str, Any] = {"settings": settings, "webhook_secret": secret, "poll": 30, "run_s": 1.5}
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, **given) as (one, vendor):
        video = await one.create(**ASKED)
        assert (await one.until(video, seconds=15))["status"] == "completed"
        assert await one.money(video) == PAID
        assert {status for _, status in door.heard} == {200} and vendor.counts["retrieve"] <= 3


async def test_a_callback_without_the_right_signature_brings_none(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The vendor of another account calls: it is turned away, and the next poll brings the news."""
    settings = f', settings: {{webhook_secret: "{SECRET}"}}'
    other = "whsec_" + base64.b64encode(b"another secret").decode()
    given: dict[str, Any] = {"settings": settings, "webhook_secret": other, "poll": 2, "run_s": 0.2}
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, **given) as (one, _):
        video = await one.create(**ASKED)
        assert (await one.until(video, seconds=15))["status"] == "completed"
        assert {status for _, status in door.heard} == {401}


async def test_a_callback_binds_a_task_whose_answer_was_lost(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Nothing is found by our id, so the call is what tells; the task is looked at before it is believed."""
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, run_s=0.5, finds=False) as (one, vendor):
        vendor.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        video = await one.create(**ASKED)
        assert (await one.until(video))["status"] == "completed"
        assert await one.money(video) == PAID and vendor.counts["renders"] == 1


async def test_a_model_that_takes_no_id_is_never_asked_twice(empty_redis: RedisServer, tmp_path: Path) -> None:
    """4.0 is priced at the route; its lost answer waits for the deadline."""
    async with here(empty_redis, tmp_path, deadline=3) as (one, vendor):
        asked = {**ASKED, "model": "four"}
        assert (await one.until(await one.create(**asked)))["status"] == "completed"
        vendor.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        face = await one.until(await one.create(**asked))
        assert face["error"]["code"] == "outcome_unknown" and vendor.counts["renders"] == 2
