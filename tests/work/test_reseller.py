"""Videos through the whole house to simulated resellers: what the client sees, what was rendered, what was charged."""

from __future__ import annotations

import asyncio
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
from tests.support.fault_rows import shown
from tests.support.hook_desk import HookDesk, hook_desk
from tests.support.house import House, house
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.reseller_dialects import DIALECTS
from tests.support.reseller_scenarios import PAID, SCENARIOS
from tests.support.reseller_vendor import ResellerVendor, reseller
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1, public_url: "{door}"}}
providers:
  a: {{adapter: reseller, base_url: "{{a}}", api_key: sk-reseller, doubt: {doubt}, submit_timeout_s: 2,
       poll_timeout_s: 2, poll_min_s: {poll}, poll_max_s: {poll}, settings: {settings}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  clip:
    routes:
      - {{route: a/m, prices: [{{per_second: "0.25", as_of: 2026-11-20, source: the simulated site}}]}}
      - b/sora-2
"""
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
    door: HookDesk | None = None,
    poll: float = 0.1,
    **options: Any,
) -> AsyncIterator[tuple[House, ResellerVendor]]:
    seconds = DIALECTS[preset].seconds
    model = {"seconds": [seconds], "sizes": ["1280x720"], "image": preset == "newapi"}
    wallet = {"user_token": "u-token", "user_id": "17"} if preset == "crazyrouter-wallet" else {}
    told = json.dumps({"preset": preset, **wallet, "models": {"m": model}, **(settings or {})})
    address = "https://127.0.0.1:9" if door is None else door.base_url
    config = CONFIG.format(deadline=deadline, doubt=doubt, settings=told, door=address, poll=poll)
    clips = {"clips": str(folder), "render_s": 0.1}
    async with (
        reseller(preset, clips=str(folder), **options) as vendor,
        house(server.url, folder, config, vendors={"b": clips}, others={"a": nullcontext(vendor)}) as one,
    ):
        if door is not None:
            door.tools = one.tools
        await vendor.clips.path("1280x720", str(seconds))
        yield one, vendor
        assert await one.tools.store.verify() == []


@pytest.mark.parametrize("preset", DIALECTS)
async def test_a_video_is_made_in_every_dialect(preset: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """From a create to the file in our storage, rendered once, and by the reseller."""
    async with here(empty_redis, tmp_path, preset) as (one, vendor):
        video = await one.create(**{**ASKED, "seconds": str(vendor.dialect.seconds)})
        face = await one.until(video)
        assert face["status"] == "completed", face
        assert (vendor.counts["renders"], one.vendors["b"].counts["renders"]) == (1, 0)
        clip = (await one.record(video)).assets[0]
        assert await one.tools.assets.size(clip.name) == clip.size_bytes > 0


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = SCENARIOS[name]
    options = {"deadline": row.deadline, "doubt": row.doubt, **row.options}
    async with here(empty_redis, tmp_path, row.preset, **options) as (one, vendor):
        await shown(one, row, ASKED, vendor, one.vendors["b"])


async def test_a_progress_that_falls_is_not_shown(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Who polls sees it stand still."""
    async with here(empty_redis, tmp_path, falling=True, run_s=1.0) as (one, _):
        video = await one.create(**ASKED)
        shown: list[int] = []
        async with asyncio.timeout(20):
            while (face := await one.face(video))["status"] != "completed":
                shown.append(face["progress"])
                await asyncio.sleep(0.03)
        assert shown == sorted(shown) and max(shown) > 0


async def test_a_state_that_nobody_knows_is_counted(empty_redis: RedisServer, tmp_path: Path) -> None:
    """And said once, however often the job is looked at."""
    async with here(empty_redis, tmp_path, "evolink", odd_word=True, run_s=1.0) as (one, _):
        assert (await one.until(await one.create(**ASKED)))["status"] == "completed"
        assert one.tools.odd_words.said == {("a", "pondering")}


CALLS = {"unsigned": ("done",), "twice": ("done", "done"), "before_reply": ("before_reply", "done")}


@pytest.mark.parametrize("name", CALLS)
async def test_a_callback_brings_the_news(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """Nothing need be signed, and a site may call twice, and before it answered: the clip is there long before the next
    look would be due, was made once and is paid once."""
    async with (
        hook_desk() as door,
        here(empty_redis, tmp_path, "kie", door=door, poll=15.0, run_s=0.4, calls=CALLS[name]) as (one, vendor),
    ):
        video = await one.create(**ASKED)
        assert (await one.until(video, seconds=8.0))["status"] == "completed"
        async with asyncio.timeout(5):
            while len(vendor.answered) < len(CALLS[name]):
                await asyncio.sleep(0.02)
        assert vendor.answered == [200] * len(CALLS[name])
        assert vendor.counts["renders"] == 1 and await one.money(video) == PAID


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
        assert vendor.callback_of(job) == f"https://127.0.0.1:9/hooks/a/{name}"
        body = msgspec.json.encode(vendor.dialect.seen(job, "completed", ""))
        posted = Inbound(path=f"/hooks/a/{name}", headers={}, body=body, received_ms=one.tools.clock.now_ms())
        forged = await hooks.receive(one.tools, "a", name[:-1] + ("0" if name[-1] != "0" else "1"), posted)
        assert forged.status == 404
        assert (await hooks.receive(one.tools, "a", name, posted)).status == 200
        assert (await one.until(video))["status"] == "completed"
        assert vendor.counts["renders"] == 1
        assert await one.money(video) == PAID
