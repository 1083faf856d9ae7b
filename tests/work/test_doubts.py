"""Doubts that nobody can resolve by asking: listed, and ended by an operator's word or by the one likeness there is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import doubts
from gateway.domain.rulings import Misruled, Ruling
from gateway.domain.videos import AttemptState, State
from gateway.work.presumptions import presumptions
from gateway.work.rule import Ruled, rule
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.vendor import Fault
from tests.support.vendor_faults import Point

CONFIG = """
gateway: {{deadline_s: {deadline}, lease_s: 3, submit_margin_s: 1, send_by_s: 0.2, socket_timeout_s: 0.2}}
providers:
  a: {{adapter: openai, base_url: "{{a}}", api_key: "{{key}}", submit_timeout_s: 1, poll_timeout_s: 1,
       poll_min_s: 0.05, poll_max_s: 0.1, exclusive_account: {exclusive}, settings: {{lists: {lists}}}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", poll_timeout_s: 1, poll_min_s: 0.05, poll_max_s: 0.1}}
models:
  sora-2: {{routes: [a/sora-2, b/sora-2]}}
"""
LOST = Fault(on="create", do="close", at=Point.AFTER_MAKING)
NEVER_CAME = Fault(on="create", do="close", at=Point.AFTER_BODY)
SAID = {"by": "anna", "reason": "seen on their dashboard"}


@asynccontextmanager
async def here(
    server: RedisServer, folder: Path, *, lists: bool = False, exclusive: bool = False, deadline: int = 3_600
) -> AsyncIterator[House]:
    config = CONFIG.format(deadline=deadline, lists=str(lists).lower(), exclusive=str(exclusive).lower())
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}, "b": {"render_s": 0.1}}
    async with house(server.url, folder, config, vendors=vendors) as one:
        yield one
        assert await one.tools.store.verify() == []


async def in_doubt(one: House, fault: Fault = LOST) -> str:
    one.vendors["a"].program(fault)
    video = await one.create()
    async with asyncio.timeout(10):
        while (await one.record(video)).state is not State.IN_DOUBT:
            await asyncio.sleep(0.02)
    return video


async def say(one: House, name: str, ruling: Ruling) -> Ruled:
    return await rule(one.tools.store, name, ruling, random=os.urandom)


def job_at_a(one: House) -> dict[str, Any]:
    (job,) = one.vendors["a"].desk.jobs
    return {"id": job}


async def test_what_is_in_doubt_is_listed_and_nothing_else(empty_redis: RedisServer, tmp_path: Path) -> None:
    """A prompt that reads like a record is none."""
    async with here(empty_redis, tmp_path) as one:
        await one.until(await one.create('"state":"doubtful"'))
        assert (await one.tools.store.doubtful()).videos == ()
        video = await in_doubt(one)
        found = await one.tools.store.doubtful()
        assert ([each.id for each in found.videos], found.whole) == ([video], True)


async def test_received_is_polled_and_completes(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path) as one:
        video = await in_doubt(one)
        word = doubts.received(job_at_a(one), now_ms=one.tools.clock.now_ms(), **SAID)
        await say(one, f"{video}.1", word)
        assert (await one.until(video))["status"] == "completed"
        assert await one.money(video) == [("hold", "1", 400_000), ("settle", "1", 400_000)]
        kept = (await one.record(video)).attempts[0].word
        assert kept is not None
        assert (kept.received, kept.by, kept.reason) == (True, "anna", "seen on their dashboard")


async def test_not_received_is_free_and_the_next_route_renders(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path) as one:
        video = await in_doubt(one, NEVER_CAME)
        await say(one, f"{video}.1", doubts.not_received(now_ms=one.tools.clock.now_ms(), **SAID))
        assert (await one.until(video))["status"] == "completed"
        assert await one.money(video) == [
            ("hold", "1", 400_000), ("void", "1", -400_000), ("hold", "2", 400_000), ("settle", "2", 400_000),
        ]  # fmt: skip


async def test_a_likeness_is_kept_for_the_operator_and_its_ref_need_not_be_typed(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Seen by a find, it binds nothing by itself."""
    async with here(empty_redis, tmp_path, lists=True) as one:
        video = await in_doubt(one)
        async with asyncio.timeout(20):
            while not (await one.record(video)).attempts[0].candidates:
                await asyncio.sleep(0.05)
        record = await one.record(video)
        assert (record.state, record.attempts[0].candidates) == (State.IN_DOUBT, (job_at_a(one),))
        await say(one, f"{video}.1", doubts.received(None, now_ms=one.tools.clock.now_ms(), **SAID))
        assert (await one.until(video))["status"] == "completed"
        assert one.vendors["b"].counts["renders"] == 0


async def test_received_needs_the_vendors_job(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path) as one:
        video = await in_doubt(one)
        with pytest.raises(Misruled, match="name the vendor's job"):
            await say(one, f"{video}.1", doubts.received(None, now_ms=1, **SAID))
        other = await one.create()
        await one.until(other)
        with pytest.raises(Misruled, match="in no doubt"):
            await say(one, f"{other}.1", doubts.not_received(now_ms=1, **SAID))


async def test_a_presumed_end_is_listed_until_a_word_corrects_the_books(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """What the client saw stays."""
    async with here(empty_redis, tmp_path, deadline=2) as one:
        lost, came = await in_doubt(one, NEVER_CAME), await in_doubt(one)
        for video in (lost, came):
            await one.until_closed(video)
        found, whole = await presumptions(one.tools.store, since_ms=one.tools.clock.now_ms() - 60_000)
        assert ([video.id for video, _ in found], whole) == (sorted([lost, came]), True)
        ruled = await say(one, f"{lost}.1", doubts.not_received(now_ms=1, **SAID))
        assert (ruled.before.cost_micros, ruled.after.cost_micros) == (400_000, 0)
        assert (await say(one, f"{came}.1", doubts.received(None, now_ms=1, **SAID))).after.cost_micros == 400_000
        assert await presumptions(one.tools.store, since_ms=0) == ([], True)
        assert (await one.face(lost))["error"]["code"] == "outcome_unknown"


@pytest.mark.parametrize("exclusive", [True, False])
async def test_on_an_account_of_our_own_the_one_likeness_binds(
    empty_redis: RedisServer, tmp_path: Path, exclusive: bool
) -> None:
    """Once whoever else sent something at that time has its answer; elsewhere it waits for an operator."""
    async with here(empty_redis, tmp_path, lists=True, exclusive=exclusive, deadline=12) as one:
        video = await in_doubt(one)
        face = await one.until(video, seconds=25)
        assert face["status"] == ("completed" if exclusive else "failed")


async def test_a_doubt_of_another_hour_does_not_fit(empty_redis: RedisServer, tmp_path: Path) -> None:
    """It is followed for long, and what it made, if anything, it made then."""
    async with here(empty_redis, tmp_path, exclusive=True) as one:
        first, second = await in_doubt(one), await in_doubt(one, NEVER_CAME)
        mine, other = [await one.record(video) for video in (first, second)]
        for apart_ms, fits in ((doubts.APART_MS // 2, True), (2 * doubts.APART_MS, False)):
            for sign in (-1, 1):
                shift = sign * apart_ms
                sent = other.attempts[0]
                moved = replace(sent, sent_ms=sent.sent_ms + shift, send_by_ms=sent.send_by_ms + shift)
                moved_video = replace(other, attempts=(moved,))
                assert doubts.fits(mine, mine.attempts[0], moved_video) is fits


async def test_two_that_fit_one_job_bind_none(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with here(empty_redis, tmp_path, exclusive=True) as one:
        first, second = await in_doubt(one), await in_doubt(one, NEVER_CAME)
        records = [await one.record(video) for video in (first, second)]
        mine = records[0].attempts[0]
        assert doubts.fits(records[0], mine, records[1])
        assert not doubts.fits(records[0], mine, records[0])
        assert records[1].attempts[0].state is AttemptState.DOUBTFUL
        route = one.tools.snapshot().routes["a/sora-2"]
        late_ms = mine.send_by_ms + 3_600_000
        refs = (job_at_a(one),)
        assert doubts.may_bind(mine, route, refs, late_ms, slack_ms=6_000)
        assert not doubts.may_bind(mine, route, (*refs, {"id": "x"}), late_ms, slack_ms=6_000)
        assert not doubts.may_bind(mine, route, refs, mine.send_by_ms + 5_000, slack_ms=6_000)
