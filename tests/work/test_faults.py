"""Each fault of a vendor: what the client sees, what the vendors rendered, what the ledger says. Outcomes that get lost
have a table of their own (`test_doubt_table`).

Two vendors stand behind the model; `a` is asked first. A clip costs $0.40 at either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.support.house import house
from tests.support.redis import RedisServer
from tests.support.vendor import Fault, throttle

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 5, send_by_s: 2, socket_timeout_s: 1}}
providers:
  a: {{adapter: openai, base_url: "{{a}}", api_key: "{{key}}", doubt: {doubt}, submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1, settings: {{lists: false, {settings}}}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", submit_timeout_s: 2, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1, settings: {{lists: false}}}}
models:
  sora-2: {{routes: [a/sora-2, b/sora-2]}}
"""

PAID_A = [("hold", "1", 400_000), ("settle", "1", 400_000)]
FREE_A_PAID_B = [("hold", "1", 400_000), ("void", "1", -400_000), ("hold", "2", 400_000), ("settle", "2", 400_000)]
PAID_BOTH = [("hold", "1", 400_000), ("settle", "1", 400_000), ("hold", "2", 400_000), ("settle", "2", 400_000)]
PRESUMED_A = [("hold", "1", 400_000), ("presumed", "1", 400_000)]
FREE_A = [("hold", "1", 400_000), ("void", "1", -400_000)]


class Row(Struct, frozen=True, kw_only=True):
    """A fault at `a`, the policy, and the three things that must come of it."""

    faults: list[Fault]
    settings: str = ""
    doubt: str = "hold"
    deadline: int = 3600
    status: str = "completed"
    code: str | None = None
    renders: tuple[int, int] = (0, 1)
    money: list[tuple[str, str, int]]
    vendor: dict[str, Any] = {}


ROWS = {
    "nothing wrong": Row(faults=[], renders=(1, 0), money=PAID_A),
    "refused as invalid": Row(
        faults=[Fault(on="create", do="refuse", status=400, code="invalid_value")], money=FREE_A_PAID_B
    ),
    "wrong key": Row(faults=[Fault(on="create", do="refuse", status=401, code="invalid_api_key")], money=FREE_A_PAID_B),
    "no credit": Row(
        faults=[Fault(on="create", do="refuse", status=429, code="insufficient_quota", kind="insufficient_quota")],
        money=FREE_A_PAID_B,
    ),
    "throttled": Row(faults=[throttle("create", "30")], money=FREE_A_PAID_B),
    "blocked at once": Row(
        faults=[Fault(on="create", do="refuse", status=400, code="moderation_blocked")],
        status="failed", code="moderation_blocked", renders=(0, 0), money=FREE_A,
    ),
    "blocked halfway": Row(
        faults=[Fault(on="create", do="fail", code="moderation_blocked")], settings="failed_jobs_free: true",
        status="failed", code="moderation_blocked", renders=(1, 0), money=FREE_A,
    ),
    "breaks halfway, free": Row(
        faults=[Fault(on="create", do="fail", code="server_error")], settings="failed_jobs_free: true",
        renders=(1, 1), money=FREE_A_PAID_B,
    ),
    "breaks halfway, billed": Row(
        faults=[Fault(on="create", do="fail", code="server_error")], renders=(1, 1), money=PAID_BOTH
    ),
    "polls fail for a while": Row(
        faults=[Fault(on="retrieve", do="refuse", status=500, times=3), Fault(on="retrieve", do="html", status=502)],
        renders=(1, 0), money=PAID_A,
    ),
    "the job is forgotten": Row(
        faults=[Fault(on="create", do="forget")], status="failed", code="provider_failed", renders=(1, 0),
        money=PRESUMED_A,
    ),
    "the job is forgotten where that is free": Row(
        faults=[Fault(on="create", do="forget")], settings="lost_jobs_free: true", renders=(1, 1),
        money=FREE_A_PAID_B,
    ),
    "completed without a clip": Row(
        faults=[Fault(on="create", do="complete_empty")], deadline=16, renders=(1, 1), money=PAID_BOTH,
    ),
    "half a clip once": Row(faults=[Fault(on="content", do="cut")], renders=(1, 0), money=PAID_A),
    "half a clip for ever": Row(faults=[Fault(on="content", do="cut", times=None)], renders=(1, 1), money=PAID_BOTH),
    "a clip of the wrong size": Row(
        faults=[Fault(on="content", do="wrong_size", times=None)], renders=(1, 1), money=PAID_BOTH
    ),
    "a clip of the wrong length": Row(
        faults=[Fault(on="content", do="wrong_seconds", times=None)], renders=(1, 1), money=PAID_BOTH
    ),
    "a clip that ends early twice": Row(
        faults=[Fault(on="content", do="truncate", times=2)], renders=(1, 0), money=PAID_A
    ),
    "a stale link once": Row(
        faults=[Fault(on="content", do="refuse", status=404)], renders=(1, 0), money=PAID_A
    ),
    "a page in the place of the clip, twice": Row(
        faults=[Fault(on="content", do="html", status=200, times=2)], renders=(1, 0), money=PAID_A
    ),
    "never ready": Row(
        faults=[Fault(on="create", do="never")], deadline=2, status="failed", code="deadline_exceeded",
        renders=(1, 0), money=[("hold", "1", 400_000)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_costs_and_shows_what_the_table_says(name: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    row = ROWS[name]
    config = CONFIG.format(deadline=row.deadline, doubt=row.doubt, settings=row.settings)
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1, **row.vendor}, "b": {"render_s": 0.1}}
    async with house(empty_redis.url, tmp_path, config, vendors=vendors) as here:
        here.vendors["a"].program(*row.faults)
        video = await here.create()
        face = await here.until(video)
        assert (face["status"], (face["error"] or {}).get("code")) == (row.status, row.code)
        if row.money[-1][0] != "hold":
            await here.until_closed(video)
        assert await here.money(video) == row.money
        assert (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"]) == row.renders
        assert await here.tools.store.verify() == []


async def test_a_vendor_that_is_down_costs_nothing_and_the_next_one_renders(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Connection refused: no byte left, so the next route is asked in the same step."""
    config = CONFIG.format(deadline=60, doubt="hold", settings="").replace("{a}", "http://127.0.0.1:9/v1")
    async with house(empty_redis.url, tmp_path, config, vendors={"b": {"render_s": 0.1}}) as here:
        video = await here.create()
        assert (await here.until(video))["status"] == "completed"
        assert await here.money(video) == FREE_A_PAID_B


async def test_a_completed_clip_is_in_our_storage_with_its_pictures(empty_redis: RedisServer, tmp_path: Path) -> None:
    config = CONFIG.format(deadline=60, doubt="hold", settings="")
    async with house(empty_redis.url, tmp_path, config, vendors={"a": {"render_s": 0.1}, "b": {}}) as here:
        video = await here.create()
        await here.until(video)
        assets = (await here.record(video)).assets
        assert [(str(one.kind), one.media_type) for one in assets] == [
            ("video", "video/mp4"),
            ("thumbnail", "image/webp"),
            ("spritesheet", "image/jpeg"),
        ]
        for one in assets:
            assert await here.tools.assets.size(one.name) == one.size_bytes > 0


async def test_one_video_among_many_faults_never_renders_twice(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Thirty at once under a storm of faults that prove that nothing was made: every one completes, rendered once."""
    config = CONFIG.format(deadline=60, doubt="hold", settings="")
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}, "b": {"render_s": 0.1}}
    async with house(empty_redis.url, tmp_path, config, vendors=vendors) as here:
        for one in here.vendors.values():
            one.program(throttle("create", "0.2", times=8), Fault(on="retrieve", do="close", times=20))
        videos = [await here.create(f"boat {number}") for number in range(30)]
        for video in videos:
            assert (await here.until(video, seconds=40))["status"] == "completed"
        assert sum(one.counts["renders"] for one in here.vendors.values()) == 30
        assert await here.tools.store.verify() == []
