"""Waiting: a provider's limits are kept before it has to say so; what finds no room waits, in turn, until it does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.change import AtProviders, Change
from gateway.domain.errors import ClientError, Unavailable
from gateway.domain.limits import Limits
from gateway.domain.observed import Observed
from gateway.domain.videos import AttemptState, State, Video
from gateway.store.outcomes import Committed
from gateway.work.caller import identify
from gateway.work.lines import call_lines
from tests.support.house import House, house, new_caller
from tests.support.redis import RedisServer
from tests.support.vendor import throttle

CONFIG = """
gateway: {{deadline_s: {deadline}, waiting_max: {most}}}
providers:
  a: {{adapter: openai, base_url: "{{a}}", api_key: "{{key}}", poll_min_s: 0.05, poll_max_s: 0.1, {limits}}}
  b: {{adapter: openai, base_url: "{{b}}", api_key: "{{key}}", poll_min_s: 0.05, poll_max_s: 0.1, {limits}}}
models:
  sora-2: {{routes: [a/sora-2]}}
  both: {{routes: [a/sora-2, b/sora-2]}}
"""


def config(limits: str = "concurrency: 1", *, deadline: int = 3_600, most: int = 10_000) -> str:
    return CONFIG.format(limits=limits, deadline=deadline, most=most)


def vendors(render_s: float = 0.3) -> dict[str, dict[str, object]]:
    return {"a": {"render_s": render_s}, "b": {"render_s": render_s}}


async def until_lined(here: House, video: str) -> Video:
    async with asyncio.timeout(10):
        while not (record := await here.record(video)).lined:
            await asyncio.sleep(0.02)
    return record


async def test_a_provider_never_works_on_more_than_its_concurrency_and_all_complete(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Five creates at once, one place."""
    async with house(empty_redis.url, tmp_path, config(), vendors=vendors()) as here:
        videos = await asyncio.gather(*(here.create() for _ in range(5)))
        most = 0
        async with asyncio.timeout(30):
            while True:
                records = [await here.record(one) for one in videos]
                running = [
                    one for one in records for at in one.attempts
                    if at.state in (AttemptState.SENT, AttemptState.RUNNING) and not at.assets
                ]  # fmt: skip
                most = max(most, len(running))
                if all(one.state is State.COMPLETED for one in records):
                    break
                await asyncio.sleep(0.01)
        assert most == 1
        assert here.vendors["a"].counts["renders"] == 5
        assert here.vendors["a"].counts["submissions"] == 5, "a permit was taken before the vendor had to refuse"
        assert await here.tools.store.waiting() == {}
        assert await here.tools.store.in_flight() == {"a": 0}
        assert await here.tools.store.verify() == []


async def test_the_next_route_takes_what_the_first_has_no_room_for(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Free of charge at the first: nothing was sent there."""
    async with house(empty_redis.url, tmp_path, config(), vendors=vendors(600.0)) as here:
        first, second = await here.create(model="both"), await here.create(model="both")
        await here.until(first, "in_progress")
        await here.until(second, "in_progress")
        assert [here.vendors[name].counts["submissions"] for name in "ab"] == [1, 1]
        third = await here.create(model="both")
        record = await until_lined(here, third)
        assert (record.state, record.lined) == (State.QUEUED, ("a", "b"))
        assert (await here.face(third))["status"] == "queued"
        for vendor in here.vendors.values():
            vendor.change(render_s=0.3)
        assert (await here.until(third))["status"] == "completed"
        assert sum(here.vendors[name].counts["submissions"] for name in "ab") == 3
        assert await here.tools.store.verify() == []


async def test_the_requests_of_a_minute_are_kept_and_the_rest_waits(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, config("rpm: 2"), vendors=vendors(0.05)) as here:
        videos = [await here.create() for _ in range(3)]
        async with asyncio.timeout(20):
            while len(rest := [one for one in videos if not (await here.record(one)).assets]) > 1:
                await asyncio.sleep(0.02)
        assert (await until_lined(here, rest[0])).lined == ("a",)
        assert here.vendors["a"].counts["submissions"] == 2


async def test_a_vendors_retry_after_is_kept_for_everybody(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The second video does not ask what the first was told, and nobody asks before the time."""
    async with house(empty_redis.url, tmp_path, config("rpm: 1000"), vendors=vendors(0.05)) as here:
        here.vendors["a"].program(throttle("create", "4"))
        videos = [await here.create()]
        async with asyncio.timeout(10):
            while not (paused := empty_redis.client.hget("{telecine}:providers", "a:paused")):
                await asyncio.sleep(0.01)
        videos += [await here.create() for _ in range(3)]
        for one in videos:
            assert (await here.until(one))["status"] == "completed"
            assert (await here.record(one)).attempts[-1].sent_ms >= int(paused)
        assert here.vendors["a"].counts["submissions"] == 5
        assert here.vendors["a"].counts["renders"] == 4
        assert await here.tools.store.verify() == []


async def test_who_waits_until_the_deadline_fails_with_the_reason_and_pays_nothing(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with house(empty_redis.url, tmp_path, config(deadline=2), vendors=vendors(30.0)) as here:
        one, other = await here.create(), await here.create()
        faces = [await here.until(one), await here.until(other)]
        assert [(face["status"], face["error"]["code"]) for face in faces] == [("failed", "deadline_exceeded")] * 2
        reason = "Every provider was busy or out of order until the video's deadline"
        (second,) = [face["id"] for face in faces if face["error"]["message"].startswith(reason)]
        assert await here.money(second) == [("hold", "1", 400_000), ("void", "1", -400_000)]
        assert await here.tools.store.waiting() == {}
        assert await here.tools.store.verify() == []


async def test_a_projects_many_do_not_delay_anothers_first_and_the_urgent_come_before(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with house(empty_redis.url, tmp_path, config(), vendors=vendors(600.0), running=False) as here:
        many = [await here.create(prompt=f"big {number}") for number in range(6)]
        mine, here.caller = here.caller, await new_caller(here.tools, "other")
        first = await here.create(prompt="small")
        here.caller = mine
        urgent = await here.create(prompt="urgent", priority="interactive")
        here.runner.start()
        async with asyncio.timeout(20):
            while await here.tools.store.waiting() != {"a": 7}:
                await asyncio.sleep(0.02)
        here.vendors["a"].change(render_s=0.2)
        for one in (*many, urgent):
            await here.until(one, seconds=30)
        ends = {one: (await here.record(one)).attempts[-1].sent_ms for one in (*many, first, urgent)}
        order = sorted(ends, key=lambda one: ends[one])
        assert order.index(urgent) <= 2
        assert order.index(first) <= 3
        await here.runner.stop(1.0)


async def test_a_keys_default_priority_counts_and_its_bound_too(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, config(), vendors=vendors(), running=False) as here:
        await here.tools.store.limit_key(here.caller.key_id, Limits(priority=2, priority_max=5))
        here.caller = await identify(here.tools, here.caller.key_hash)
        assert (await here.record(await here.create())).priority == 2
        assert (await here.record(await here.create(priority="standard"))).priority == 5
        with pytest.raises(
            ClientError, match=r"may not ask for priority 'interactive'\. The most is 'standard'"
        ) as told:
            await here.create(priority="interactive")
        assert (told.value.status, told.value.param) == (403, "priority")


async def test_a_create_that_would_wait_behind_too_many_is_refused_at_once(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """As long as another provider takes it, it is not."""
    async with house(empty_redis.url, tmp_path, config(most=2), vendors=vendors(30.0)) as here:
        for _ in range(3):
            await here.create()
        async with asyncio.timeout(10):
            while here.tools.lines != {"a": 2}:
                await asyncio.sleep(0.02)
        entries = len((await here.tools.store.ledger_entries())[0])
        with pytest.raises(Unavailable, match="Too many videos wait") as told:
            await here.create()
        assert (told.value.status, told.value.error_code, told.value.retry_after_s) == (503, "queue_full", 30)
        assert len((await here.tools.store.ledger_entries())[0]) == entries
        await here.until(await here.create(model="both"), "in_progress")


async def test_polls_stay_under_their_limit(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, config("polls_per_minute: 60"), vendors=vendors(30.0)) as here:
        began, polls = time.monotonic(), 0
        await asyncio.gather(*(here.create() for _ in range(4)))
        async with asyncio.timeout(30):
            while polls < 8:
                await asyncio.sleep(0.02)
                polls = here.vendors["a"].counts["retrieve"]
                assert polls <= 6 + time.monotonic() - began  # six at once, then one a second


async def test_nobody_is_called_to_a_provider_whose_breaker_is_open(empty_redis: RedisServer, tmp_path: Path) -> None:
    """It would only be sent away again. Half-open, a few are."""
    async with house(empty_redis.url, tmp_path, config(), vendors=vendors(), running=False) as here:
        store, now_ms = here.tools.store, here.tools.clock.now_ms()
        for number in range(4):
            video = await here.record(await here.create(f"clip {number}"))
            change = Change(
                label="lined",
                video=replace(video, version=2, lined=("a",)),
                at=AtProviders(lines=("a",), waits=True),
                due_ms=now_ms + 60_000,
            )
            assert isinstance(await store.commit(change, commit_id=f"lined {number}", token=None), Committed)
        await store.limit_providers({})
        for observed, called in (
            (Observed(open_until_ms=now_ms + 60_000), 0), (Observed(half_open=True), 2), (Observed(), 4),
        ):  # fmt: skip
            here.tools.observer.observed = {"a/sora-2": observed}
            await call_lines(here.tools)
            assert empty_redis.client.zcard("{telecine}:called:a") == called
