"""Videos through the whole house to a simulated Gemini: what the client sees, what was rendered, what was charged.

A clip of four seconds is held at 406,940 micro-dollars and charged by its tokens, 405,455; at the vendor behind it it
costs $0.40.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from gateway.work import hooks
from gateway.work.cancel import cancel_video
from providers.contract import Inbound
from tests.support.fault_rows import Row, shown
from tests.support.gemini_vendor import Gemini, gemini
from tests.support.house import House, house
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1, public_url: "https://gateway.test"}}
providers:
  a: {{adapter: gemini, base_url: "{{a}}/v1beta", api_key: key_gemini, doubt: {doubt}, submit_timeout_s: 2,
       poll_timeout_s: 1, poll_min_s: 0.05, poll_max_s: 0.1}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  clip: {{routes: [a/gemini-omni-1.1-flash, b/sora-2]}}
"""
HOLD = ("hold", "1", 406_940)
PAID = [HOLD, ("settle", "1", 405_455)]
WORDS = [HOLD, ("settle", "1", 105)]  # ten tokens in, ten of excuse out
FREE = [HOLD, ("void", "1", -406_940)]
PRESUMED = [HOLD, ("presumed", "1", 406_940)]
WHOLE = [HOLD, ("settle", "1", 406_940)]
THEN_B = [("hold", "2", 400_000), ("settle", "2", 400_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "4", "size": "1280x720"}


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, *, deadline: int = 60, doubt: str = "hold", **options: Any
) -> AsyncIterator[tuple[House, Gemini]]:
    config = CONFIG.format(deadline=deadline, doubt=doubt)
    async with (
        gemini(clips=str(folder), **options) as vendor,
        house(server.url, folder, config, vendors={"b": {"render_s": 0.1}}, others={"a": nullcontext(vendor)}) as one,
    ):
        yield one, vendor
        assert await one.tools.store.verify() == []


ROWS = {
    "nothing wrong": Row(money=PAID),
    "the clip in the reply": Row(options={"inline": True}, money=PAID),
    "the file takes its time": Row(options={"writes_s": 0.3}, money=PAID),
    "no credit": Row(options={"tokens": 100}, renders=(0, 1), money=FREE + THEN_B),
    "throttled": Row(
        faults=[Fault(on="create", do="refuse", status=429, code="RESOURCE_EXHAUSTED", retry_after="60")],
        renders=(0, 1), money=FREE + THEN_B,
    ),
    "blocked in disguise": Row(
        faults=[Fault(on="create", do="complete_empty")], status="failed", code="moderation_blocked", money=WORDS
    ),
    "blocked at once": Row(
        faults=[Fault(on="create", do="refuse", status=400, message="blocked by our safety filters")],
        status="failed", code="moderation_blocked", renders=(0, 0), money=FREE,
    ),
    "paid, without a video": Row(
        faults=[Fault(on="create", do="complete_with_error")], renders=(1, 1), money=PAID + THEN_B
    ),
    "it fails after it was accepted": Row(
        faults=[Fault(on="create", do="fail", code="internal")], renders=(1, 1), money=WHOLE + THEN_B
    ),
    "looks fail for a while": Row(
        faults=[
            Fault(on="retrieve", do="refuse", status=400, message="API key not found."),
            Fault(on="retrieve", do="html", status=502),
        ],
        money=PAID,
    ),
    "503 although it was made": Row(
        faults=[Fault(on="create", do="refuse", status=503, code="UNAVAILABLE", at=Point.AFTER_MAKING)],
        deadline=3, status="failed", code="outcome_unknown", money=[HOLD], closes=False,  # a callback may still come
    ),
    "it is forgotten": Row(
        faults=[Fault(on="create", do="forget")], status="failed", code="provider_failed", money=PRESUMED
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    options = {"deadline": row.deadline, "doubt": row.doubt, **row.options}
    async with here(empty_redis, tmp_path, **options) as (one, vendor):
        record = await shown(one, row, ASKED, vendor, one.vendors["b"])
        links = [asset.link or "" for attempt in record.attempts for asset in attempt.assets]
        assert not any(link.startswith("data:") for link in links), "a clip is not kept in a record"


@pytest.mark.parametrize("do", ["close", "half", "garbage"])
async def test_a_lost_answer_is_found_again_by_the_callback(do: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """The address carries the attempt; the token of the callback is not believed, the job is looked at."""
    async with here(empty_redis, tmp_path, run_s=0.3) as (one, vendor):

        async def deliver(url: str, headers: dict[str, str], body: bytes) -> None:
            base, _, name = url.rpartition("/")
            assert base == "https://gateway.test/hooks/a"
            inbound = Inbound(path=f"/hooks/a/{name}", headers=headers, body=body, received_ms=one.tools.clock.now_ms())
            answer = await hooks.receive(one.tools, "a", name, inbound)
            assert answer.status == 200

        vendor.call_back = deliver
        vendor.program(Fault(on="create", do=do, at=Point.AFTER_MAKING))
        video = await one.create(**ASKED)
        assert (await one.until(video))["status"] == "completed"
        await one.until_closed(video)
        assert await one.money(video) == PAID
        assert (vendor.counts["renders"], vendor.counts["callbacks"]) == (1, 1)


async def test_a_picture_becomes_the_first_frame(empty_redis: RedisServer, tmp_path: Path) -> None:
    """And costs its tokens."""
    picture = "data:image/png;base64," + base64.b64encode(png(1280, 720)).decode()
    async with here(empty_redis, tmp_path) as (one, vendor):
        video = await one.create("it lifts off", **ASKED, input_reference={"image_url": picture})
        assert (await one.until(video))["status"] == "completed"
        (job,) = vendor.jobs.values()
        assert job.body["input"][0]["data"] == picture.partition(",")[2]
        assert job.body["input"][1]["text"] == "<FIRST_FRAME> it lifts off"
        assert await one.money(video) == [("hold", "1", 409_940), ("settle", "1", 405_905)]


async def test_a_cancelled_interaction_is_presumed_to_have_cost_its_price(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """The vendor stops it and says nothing of money."""
    async with here(empty_redis, tmp_path, run_s=30.0) as (one, vendor):
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        face = json.loads(await cancel_video(one.tools, one.caller, video))
        assert face["cancel"]["state"] == "asked"
        face = await one.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "cancelled")
        assert await one.money(video) == PRESUMED
        assert [job.cancelled for job in vendor.jobs.values()] == [True]
