"""Videos through the whole house to simulated resellers: what the client sees, what was rendered, what was charged.

A clip of four seconds is quoted at $1.00 at the reseller, and costs $0.40 at the vendor behind it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.signing import callback_name
from gateway.domain.videos import attempt_id
from gateway.work import hooks
from gateway.work.cancel import cancel_video
from providers.contract import Inbound
from tests.support.fault_rows import Row, shown
from tests.support.house import House, house
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.reseller_dialects import DIALECTS
from tests.support.reseller_vendor import ResellerVendor, reseller
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1, public_url: "http://127.0.0.1:9"}}
providers:
  a: {{adapter: reseller, base_url: "{{a}}", api_key: sk-reseller, doubt: {doubt}, submit_timeout_s: 2,
       poll_timeout_s: 2, poll_min_s: 0.05, poll_max_s: 0.1, settings: {settings}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  clip:
    routes:
      - {{route: a/m, prices: [{{per_second: "0.25", as_of: 2026-11-20, source: the simulated site}}]}}
      - b/sora-2
"""
PAID = [("hold", "1", 1_000_000), ("settle", "1", 1_000_000)]
COUNTED = [("hold", "1", 1_000_000), ("settle", "1", 800_000)]  # what new-api's record says that it took
FREE = [("hold", "1", 1_000_000), ("void", "1", -1_000_000)]
THEN_B = [("hold", "2", 400_000), ("settle", "2", 400_000)]
PRESUMED = [("hold", "1", 1_000_000), ("presumed", "1", 1_000_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "4", "size": "1280x720"}


@asynccontextmanager
async def here(
    server: RedisServer,
    folder: Path,
    preset: str = "newapi",
    *,
    deadline: int = 60,
    doubt: str = "hold",
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[House, ResellerVendor]]:
    model = {"seconds": [4], "sizes": ["1280x720"], "image": preset == "newapi"}
    told = json.dumps({"preset": preset, "models": {"m": model}, **(settings or {})})
    config = CONFIG.format(deadline=deadline, doubt=doubt, settings=told)
    clips = {"clips": str(folder), "render_s": 0.1}
    async with (
        reseller(preset, clips=str(folder), **options) as vendor,
        house(server.url, folder, config, vendors={"b": clips}, others={"a": nullcontext(vendor)}) as one,
    ):
        await vendor.clips.path("1280x720", "4")
        yield one, vendor
        assert await one.tools.store.verify() == []


@pytest.mark.parametrize("preset", DIALECTS)
async def test_a_video_is_made_in_every_dialect(preset: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """From a create to the file in our storage, rendered once, and by the reseller."""
    async with here(empty_redis, tmp_path, preset) as (one, vendor):
        video = await one.create(**ASKED)
        face = await one.until(video)
        assert face["status"] == "completed", face
        assert (vendor.counts["renders"], one.vendors["b"].counts["renders"]) == (1, 0)
        clip = (await one.record(video)).assets[0]
        assert await one.tools.assets.size(clip.name) == clip.size_bytes > 0


class OfPreset(Row, frozen=True, kw_only=True):
    preset: str = "newapi"


ROWS = {
    "nothing wrong": OfPreset(money=COUNTED),
    "it does not know the job at first": OfPreset(options={"unknown_s": 0.6}, money=COUNTED),
    "its video path is stale for ever": OfPreset(options={"stale": True}, money=COUNTED),
    "the clip is behind a redirect": OfPreset(options={"redirects": True}, money=COUNTED),
    "the site is not ready although it says so": OfPreset(
        faults=[Fault(on="content", do="refuse", status=409), Fault(on="content", do="refuse", status=400)],
        money=COUNTED,
    ),
    "the site's upstream is down for a moment": OfPreset(
        faults=[Fault(on="content", do="html", status=502)], money=COUNTED
    ),
    "the site cuts the clip and says nothing": OfPreset(faults=[Fault(on="content", do="cut")], money=COUNTED),
    "a word that nobody knows": OfPreset(preset="evolink", options={"odd_word": True, "run_s": 0.3}, money=PAID),
    "the link died": OfPreset(preset="evolink", faults=[Fault(on="content", do="refuse", status=403)], money=PAID),
    "the clip breaks off": OfPreset(preset="evolink", faults=[Fault(on="content", do="truncate")], money=PAID),
    "no credit": OfPreset(faults=[Fault(on="create", do="refuse", status=403, code="insufficient_user_quota")],
                     renders=(0, 1), money=FREE + THEN_B),
    "no credit inside a 200": OfPreset(preset="kie", faults=[Fault(on="create", do="refuse", status=402)],
                                  renders=(0, 1), money=FREE + THEN_B),
    "no channel": OfPreset(faults=[Fault(on="create", do="refuse", status=503, code="model_not_found")],
                      renders=(0, 1), money=FREE + THEN_B),
    "blocked": OfPreset(faults=[Fault(on="create", do="fail", message="提示词违规")],
                   status="failed", code="moderation_blocked", money=FREE),
    "failed after it was accepted": OfPreset(faults=[Fault(on="create", do="fail", message="upstream error")],
                                        renders=(1, 1), money=FREE + THEN_B),
    "failed behind a 500": OfPreset(preset="piapi", faults=[Fault(on="create", do="fail", message="oom")],
                               renders=(1, 1), money=FREE + THEN_B),
    "done without a clip": OfPreset(preset="kie", faults=[Fault(on="create", do="complete_empty")],
                               renders=(1, 1), money=PAID + THEN_B),
    "the answer is lost": OfPreset(faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)], deadline=3,
                              status="failed", code="outcome_unknown", money=PRESUMED),
    "the answer is lost, at risk": OfPreset(faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)],
                                       doubt="failover", deadline=4, renders=(1, 1),
                                       money=[PRESUMED[0], *THEN_B, PRESUMED[1]]),
    "the answer is lost, and found by our id": OfPreset(
        preset="aimlapi", faults=[Fault(on="create", do="close", at=Point.AFTER_MAKING)],
        money=COUNTED,
    ),
    "looks fail for a while": OfPreset(faults=[Fault(on="retrieve", do="html", status=502, times=3)], money=COUNTED),
    "the key is refused for a while": OfPreset(preset="evolink", faults=[Fault(on="retrieve", do="refuse", status=401)],
                                          money=PAID),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    options = {"deadline": row.deadline, "doubt": row.doubt, **row.options}
    async with here(empty_redis, tmp_path, row.preset, **options) as (one, vendor):
        await shown(one, row, ASKED, vendor, one.vendors["b"])


async def test_a_picture_goes_along(empty_redis: RedisServer, tmp_path: Path) -> None:
    """As new-api's relays read it: in `images`, never as a file that they would drop without a word."""
    picture = "data:image/png;base64," + base64.b64encode(png(1280, 720)).decode()
    async with here(empty_redis, tmp_path) as (one, vendor):
        video = await one.create(**ASKED, input_reference={"image_url": picture})
        assert (await one.until(video))["status"] == "completed"
        (job,) = vendor.jobs.values()
        assert job.body["images"] == [picture]


@pytest.mark.parametrize(("waiting", "stops"), [(True, True), (False, False)])
async def test_what_has_not_begun_can_be_cancelled(
    empty_redis: RedisServer, tmp_path: Path, waiting: bool, stops: bool
) -> None:
    """PiAPI stops a pending task; a running one is rendered to its end, and the client has its video."""
    timing: dict[str, Any] = {"wait_s": 30.0} if waiting else {"run_s": 1.5}
    async with here(empty_redis, tmp_path, "piapi", **timing) as (one, vendor):
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        await cancel_video(one.tools, one.caller, video)
        face = await one.until(video)
        assert (face["status"], (face["error"] or {}).get("code")) == (
            ("failed", "cancelled") if stops else ("completed", None)
        )
        (job,) = vendor.jobs.values()
        assert job.deleted is stops


async def test_a_callback_brings_back_a_lost_answer(empty_redis: RedisServer, tmp_path: Path) -> None:
    """EvoLink is told where to call; the job that it names there is looked at and bound, and rendered once. A
    stranger's callback changes nothing."""
    async with here(empty_redis, tmp_path, "evolink") as (one, vendor):
        vendor.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        (job,) = vendor.jobs.values()
        secret = await one.tools.store.hook_secret()
        name = callback_name(secret, "a", attempt_id(video, 1))
        assert vendor.callback_of(job) == f"http://127.0.0.1:9/hooks/a/{name}"
        body = msgspec.json.encode(vendor.dialect.seen(job, "completed", ""))
        posted = Inbound(path=f"/hooks/a/{name}", headers={}, body=body, received_ms=one.tools.clock.now_ms())
        forged = await hooks.receive(one.tools, "a", name[:-1] + ("0" if name[-1] != "0" else "1"), posted)
        assert forged.status == 404
        assert (await hooks.receive(one.tools, "a", name, posted)).status == 200
        assert (await one.until(video))["status"] == "completed"
        assert vendor.counts["renders"] == 1
        assert await one.money(video) == PAID
