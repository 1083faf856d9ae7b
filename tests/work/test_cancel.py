"""Cancelling, in every state: what the answer says, what the vendor rendered, what the ledger books."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import Absent
from gateway.domain.videos import State
from gateway.work.cancel import cancel_video, note_cancel
from gateway.work.hand import Hand
from tests.support.house import House, house, new_caller
from tests.support.redis import RedisServer
from tests.support.vendor import Fault
from tests.support.vendor_faults import Point

CONFIG = """
providers:
  a: {{adapter: openai, base_url: "{{a}}", api_key: "{{key}}", submit_timeout_s: 5, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1, settings: {{lists: false, delete_cancels: {cancels}}}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  sora-2: {{routes: [a/sora-2, b/sora-2]}}
"""
PAID = [("hold", "1", 400_000), ("settle", "1", 400_000)]
FREE = [("hold", "1", 400_000), ("void", "1", -400_000)]
PRESUMED = [("hold", "1", 400_000), ("presumed", "1", 400_000)]


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, *, render_s: float = 30.0, cancels: bool = True, running: bool = True
) -> AsyncIterator[House]:
    """Vendor `a` stops jobs or not; `b` is the next route, and must never be asked."""
    config = CONFIG.format(cancels=str(cancels).lower())
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": render_s, "cancels": cancels}, "b": {}}
    async with house(server.url, folder, config, vendors=vendors, running=running) as one:
        yield one
        assert one.vendors["b"].counts["renders"] == 0
        assert await one.tools.store.verify() == []


async def cancelled(one: House, video: str) -> dict[str, Any]:
    """The answer to a cancel."""
    face: dict[str, Any] = json.loads(await cancel_video(one.tools, one.caller, video))
    return face


async def until_state(one: House, video: str, *states: State) -> None:
    async with asyncio.timeout(10):
        while (await one.record(video)).state not in states:
            await asyncio.sleep(0.01)


async def test_before_it_was_sent_it_is_free_and_at_once(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path, running=False) as one:
        video = await one.create()
        face = await cancelled(one, video)
        assert (face["status"], face["error"]["code"]) == ("failed", "cancelled")
        told = face["cancel"]
        assert told | {"asked_at": 0} == {
            "state": "cancelled", "asked_at": 0, "confirmed": True, "cost_usd": "0.00", "may_cost_usd": "0.00",
        }  # fmt: skip
        assert await one.face(video) == face == await cancelled(one, video)
        assert await one.money(video) == FREE
        assert one.vendors["a"].counts["renders"] == 0


async def test_a_running_job_is_stopped_and_the_answer_says_what_the_vendor_confirmed(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """The vendor says nothing of money, so the hold is booked as presumed."""
    async with here(empty_redis, tmp_path) as one:
        video = await one.create()
        await one.until(video, "in_progress")
        face = await cancelled(one, video)
        assert (face["status"], face["cancel"]["state"], face["cancel"]["confirmed"]) == ("in_progress", "asked", False)
        assert (face["cancel"]["cost_usd"], face["cancel"]["may_cost_usd"]) == ("0.00", "0.40")
        face = await one.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "cancelled")
        assert (face["cancel"]["state"], face["cancel"]["confirmed"]) == ("cancelled", True)
        assert (face["cancel"]["cost_usd"], face["cancel"]["may_cost_usd"]) == ("0.40", "0.40")
        assert await one.money(video) == PRESUMED
        assert one.vendors["a"].desk.jobs == {}


async def test_a_vendor_that_stops_nothing_renders_on_and_the_clip_is_the_clients(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with here(empty_redis, tmp_path, render_s=1.0, cancels=False) as one:
        video = await one.create()
        await one.until(video, "in_progress")
        assert (await cancelled(one, video))["cancel"]["state"] == "asked"
        await until_state(one, video, State.RUNNING)
        asked_ms = (await one.record(video)).cancel_ms
        assert (await cancelled(one, video))["cancel"]["state"] == "cannot"
        assert (await one.record(video)).cancel_ms == asked_ms
        face = await one.until(video)
        assert (face["status"], face["cancel"]["state"], face["cancel"]["cost_usd"]) == ("completed", "cannot", "0.40")
        assert await one.money(video) == PAID


async def test_after_a_cancel_no_other_route_is_asked(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The vendor would not stop the job, and then breaks it: that is the end that was wished for."""
    async with here(empty_redis, tmp_path, render_s=1.0, cancels=False) as one:
        one.vendors["a"].program(Fault(on="create", do="fail", code="server_error"))
        video = await one.create()
        await one.until(video, "in_progress")
        await cancelled(one, video)
        face = await one.until(video)
        assert (face["error"]["code"], face["cancel"]["state"], face["cancel"]["confirmed"]) == (
            "cancelled", "cancelled", True,
        )  # fmt: skip


async def test_a_call_in_the_air_is_answered_first_and_the_job_then_stopped(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Whoever holds the video goes on at once: nobody waits for the lease, which outlives the call by far."""
    async with here(empty_redis, tmp_path) as one:
        one.vendors["a"].program(Fault(on="create", do="hang", at=Point.AFTER_MAKING, seconds=0.5))
        video = await one.create()
        await until_state(one, video, State.SUBMITTING)
        face = await cancelled(one, video)
        assert (face["status"], face["cancel"]["state"]) == ("queued", "asked")
        face = await one.until(video, seconds=5)
        assert (face["error"]["code"], face["cancel"]["confirmed"]) == ("cancelled", True)
        assert await one.money(video) == PRESUMED
        assert one.vendors["a"].desk.jobs == {}


async def test_in_doubt_it_ends_at_once_and_says_that_nobody_knows(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path) as one:
        one.vendors["a"].program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        video = await one.create()
        await until_state(one, video, State.IN_DOUBT)
        face = await cancelled(one, video)
        assert (face["status"], face["error"]["code"]) == ("failed", "cancelled")
        assert (face["cancel"]["state"], face["cancel"]["confirmed"]) == ("cancelled", False)
        assert (face["cancel"]["cost_usd"], face["cancel"]["may_cost_usd"]) == ("0.40", "0.40")
        assert await one.money(video) == PRESUMED


async def test_a_finished_video_answers_too_late_and_stays_as_it_is(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path, render_s=0.1) as one:
        video = await one.create()
        before = await one.until(video)
        face = await cancelled(one, video)
        assert (face["status"], face["cancel"]["state"], face["cancel"]["confirmed"]) == (
            "completed",
            "too_late",
            False,
        )
        assert await one.face(video) == before
        assert await one.money(video) == PAID


async def test_a_vendor_that_says_too_late_has_the_clip(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Its DELETE would erase what is billed: the job is looked at first, and the clip is collected."""
    async with here(empty_redis, tmp_path) as one:
        video = await one.create()
        await one.until(video, "in_progress")
        one.vendors["a"].desk.finish()
        await cancelled(one, video)
        face = await one.until(video)
        assert (face["status"], face["cancel"]["state"]) == ("completed", "too_late")


async def test_another_projects_video_cannot_be_cancelled(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path, running=False) as one:
        video = await one.create()
        stranger = await new_caller(one.tools, "strangers")
        for ident in (video, "video_" + "0" * 48, "x"):
            with pytest.raises(Absent):
                await cancel_video(one.tools, stranger, ident)
        assert (await one.record(video)).cancel_ms == 0


async def test_an_operators_cancel_is_acted_on_by_the_gateway(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path) as one:
        video = await one.create()
        await one.until(video, "in_progress")
        hand = Hand("cli", os.urandom, one.tools.clock.now_ms())
        noted = await note_cancel(one.tools.store, video, hand)
        assert noted is not None and noted.cancel_ms
        face = await one.until(video)
        assert (face["error"]["code"], face["cancel"]["confirmed"]) == ("cancelled", True)
        again = await note_cancel(one.tools.store, video, hand)
        assert again == await one.record(video)
        (entry, *_), _ = await one.tools.store.audit_page(after=None, limit=9, descending=True)
        assert (entry.actor, entry.action, entry.object) == ("cli", "video.cancel", f"video/{video}")
