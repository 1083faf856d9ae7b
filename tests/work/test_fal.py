"""Videos through the whole house to a simulated fal: what the client sees, what was rendered, what was charged.

Four seconds of Seedance at 720p cost $1.2136 at fal, and $0.40 at the vendor behind it.
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
from tests.support.fal_vendor import SIGNER, Fal, fal
from tests.support.fault_rows import Row, shown
from tests.support.hook_desk import HookDesk, hook_desk
from tests.support.house import House, house
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1, public_url: "{door}"}}
providers:
  a: {{adapter: fal, base_url: "{{a}}", api_key: "id:secret_fal", doubt: {doubt}, submit_timeout_s: 2,
       poll_timeout_s: 1, poll_min_s: {poll_s}, poll_max_s: {poll_s}, settings: {{webhook_keys: ["{jwk}"]}}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  clip: {{routes: [a/bytedance/seedance-2.0, b/sora-2]}}
"""
PAID = [("hold", "1", 1_213_600), ("settle", "1", 1_213_600)]
FREE = [("hold", "1", 1_213_600), ("void", "1", -1_213_600)]
PRESUMED = [("hold", "1", 1_213_600), ("presumed", "1", 1_213_600)]
THEN_B = [("hold", "2", 400_000), ("settle", "2", 400_000)]
ASKED: dict[str, Any] = {"model": "clip", "seconds": "4", "size": "1280x720"}


@asynccontextmanager
async def here(
    server: RedisServer,
    folder: Path,
    *,
    deadline: int = 60,
    doubt: str = "hold",
    poll_s: float = 0.05,
    door: HookDesk | None = None,
    **options: Any,
) -> AsyncIterator[tuple[House, Fal]]:
    """`door`: where the vendor calls back."""
    at = door.base_url if door is not None else "https://gateway.test"
    config = CONFIG.format(deadline=deadline, doubt=doubt, poll_s=poll_s, jwk=SIGNER.jwk_x, door=at)
    async with (
        fal(clips=str(folder), calls_back=door is not None, **options) as vendor,
        house(server.url, folder, config, vendors={"b": {"render_s": 0.1}}, others={"a": nullcontext(vendor)}) as one,
    ):
        await vendor.clips.path("1280x720", "4")  # made before anybody waits for it
        if door is not None:
            door.tools = one.tools
        yield one, vendor
        assert await one.tools.store.verify() == []


def ends(do: str, status: int = 500, code: str | None = None) -> Fault:
    return Fault(on="create", do=do, status=status, code=code)


ROWS = {
    "nothing wrong": Row(money=PAID),
    "no credit": Row(
        faults=[Fault(on="create", do="refuse", status=403, message="User is locked. Reason: Exhausted balance.")],
        renders=(0, 1), money=FREE + THEN_B,
    ),
    "throttled": Row(
        faults=[Fault(on="create", do="refuse", status=429, retry_after="60")], renders=(0, 1), money=FREE + THEN_B
    ),
    "blocked once it ran": Row(
        faults=[ends("fail", 422, "content_policy_violation")],
        status="failed", code="moderation_blocked", money=PAID,
    ),
    "the run failed, which is free": Row(
        faults=[ends("fail", 500, "generation_failed")], renders=(1, 1), money=FREE + THEN_B
    ),
    "completed without a clip": Row(faults=[ends("complete_empty")], renders=(1, 1), money=PAID + THEN_B),
    "completed with an error": Row(faults=[ends("complete_with_error")], renders=(1, 1), money=PAID + THEN_B),
    "the link died": Row(faults=[Fault(on="content", do="refuse", status=404)], money=PAID),
    "looks fail for a while": Row(
        faults=[Fault(on="retrieve", do="refuse", status=503), Fault(on="result", do="html", status=502)], money=PAID
    ),
    "504 although it was made, at risk": Row(
        faults=[Fault(on="create", do="refuse", status=504, at=Point.AFTER_MAKING)],
        doubt="failover", deadline=4, renders=(1, 1), money=[PRESUMED[0], *THEN_B],
        closes=False,
    ),
    "it is forgotten": Row(faults=[ends("forget")], status="failed", code="provider_failed", money=PRESUMED),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    async with here(empty_redis, tmp_path, deadline=row.deadline, doubt=row.doubt) as (one, vendor):
        await shown(one, row, ASKED, vendor, one.vendors["b"])


async def test_frames_are_sent_as_they_are(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The first and the last."""
    picture = "data:image/png;base64," + base64.b64encode(png(1280, 720)).decode()
    frames: dict[str, Any] = {"input_reference": {"image_url": picture}, "last_frame": {"image_url": picture}}
    async with here(empty_redis, tmp_path) as (one, vendor):
        video = await one.create(**ASKED, **frames)
        assert (await one.until(video))["status"] == "completed"
        (made,) = vendor.requests.values()
        assert (made.path, made.body["image_url"], made.body["end_image_url"]) == (
            "bytedance/seedance-2.0/image-to-video", picture, picture,
        )  # fmt: skip


# --- callbacks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["close", "half", "empty"])
async def test_a_lost_answer_is_found_again_by_the_callback(do: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """One render, paid once."""
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, run_s=0.3) as (one, vendor):
        vendor.program(Fault(on="create", do=do, at=Point.AFTER_MAKING))
        video = await one.create(**ASKED)
        assert (await one.until(video))["status"] == "completed"
        await one.until_closed(video)
        assert await one.money(video) == PAID
        assert (vendor.counts["renders"], vendor.answered) == (1, [200])


async def test_a_callback_comes_before_the_next_look(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Looks are half a minute apart; the clip is there at once."""
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, run_s=0.3, poll_s=30.0) as (one, vendor):
        video = await one.create(**ASKED)
        assert (await one.until(video, seconds=20))["status"] == "completed"
        assert vendor.answered == [200]


async def test_a_callback_that_nobody_signed_changes_nothing(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Though it came to the right address."""
    given: dict[str, Any] = {"run_s": 0.3, "deadline": 3, "signs": False}
    async with hook_desk() as door, here(empty_redis, tmp_path, door=door, **given) as (one, vendor):
        vendor.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        video = await one.create(**ASKED)
        face = await one.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "outcome_unknown")
        assert vendor.answered == [401]


# --- cancel ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "ended", "money"),
    [({"places": 0}, "failed", FREE), ({"stops": True}, "failed", PRESUMED), ({"stops": False}, "completed", PAID)],
    ids=["waits", "runs and stops", "runs on"],
)
async def test_a_cancel_costs_what_had_begun(
    empty_redis: RedisServer, tmp_path: Path, options: dict[str, Any], ended: str, money: list[tuple[str, str, int]]
) -> None:
    """What loses the race to its own end is the client's clip."""
    async with here(empty_redis, tmp_path, run_s=1.5, **options) as (one, _):
        video = await one.create(**ASKED)
        await one.until(video, "in_progress")
        assert json.loads(await cancel_video(one.tools, one.caller, video))["cancel"]["state"] == "asked"
        face = await one.until(video)
        assert (face["status"], (face["error"] or {}).get("code")) == (
            ended,
            "cancelled" if ended == "failed" else None,
        )
        await one.until_closed(video)
        assert await one.money(video) == money
        assert one.vendors["b"].counts["renders"] == 0
