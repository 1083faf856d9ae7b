"""What the house learns of its routes: from real calls, shared through a real store, never from a client's doing."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway import metrics
from gateway.domain import chart as charts
from gateway.domain.breaker import Scope, State, Turn, state_of
from gateway.domain.chart import Chart
from gateway.domain.observations import Sign
from gateway.metrics import vendors
from gateway.store.errors import StoreAway
from gateway.store.health import Swap
from gateway.store.store import Store
from gateway.work.observer import Observer
from gateway.work.observing import names_in, observe
from gateway.work.probing import give_back, may_probe
from providers.contract import Why
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.seeing import seen
from tests.support.vendor import Fault

CONFIG = """
providers:
  a:
    adapter: openai
    base_url: "{a}"
    api_key: "{key}"
    poll_min_s: 0.05
    poll_max_s: 0.1
    breaker: {failures: 3, open_s: 4, probes: 2}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2, b/sora-2]}
  sora-2-pro: {routes: [a/sora-2-pro]}
"""
VENDORS = {"a": {"render_s": 0.05}, "b": {"render_s": 0.05}}
ROUTE, PROVIDER = "route/a/sora-2", "provider/a"


@pytest.fixture
async def here(empty_redis: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    async with house(
        empty_redis.url, tmp_path, CONFIG, vendors={name: dict(one) for name, one in VENDORS.items()}
    ) as one:
        yield one
        assert await one.tools.store.verify() == []


async def chart(here: House, name: str = ROUTE) -> Chart:
    raw = (await here.tools.store.charts(name)).raw.get(name, b"")
    return charts.decode_chart(raw) or Chart()


async def until(true: Callable[[Chart], bool], here: House, name: str = ROUTE, seconds: float = 10.0) -> Chart:
    async with asyncio.timeout(seconds):
        while not true(found := await chart(here, name)):
            await asyncio.sleep(0.02)
    return found


def is_open(one: Chart) -> bool:
    return bool(one.breaker.opened_ms)


async def opened(here: House, name: str = ROUTE) -> Chart:
    """A chart whose breaker is half-open now and has all its probes, written as a replica would."""
    await observe(here.tools)
    found = await here.tools.store.charts(name)
    before = charts.decode_chart(found.raw.get(name, b"")) or Chart()
    breaker = replace(before.breaker, opened_ms=found.now_ms - 1_000, until_ms=found.now_ms, reason="failures")
    half = replace(before, breaker=breaker)
    assert await here.tools.store.swap_charts(Swap(name, found.raw.get(name, b""), charts.encode_chart(half)))
    await observe(here.tools)
    return half


async def test_clips_are_counted_and_timed_for_route_and_provider(here: House) -> None:
    """By length of the clip, and every replica may look at it."""
    await asyncio.gather(*[here.until(await here.create()) for _ in range(3)])
    await until(lambda one: one.health.weight > 2.9, here, PROVIDER)
    await observe(here.tools)
    found = here.tools.observer.observed["a/sora-2"]
    assert found.success == 1.0 and found.weight == pytest.approx(3, abs=0.1)
    p50, p95, weight = found.latency_s[4]
    assert 0.04 < p50 <= p95 < 10 and weight == pytest.approx(3, abs=0.1)
    assert "b/sora-2" not in here.tools.observer.observed
    figures = metrics.exposition().decode()
    assert 'telecine_breaker_state{name="a/sora-2",scope="route"} 0.0' in figures
    assert 'telecine_route_success_ratio{route="a/sora-2"} 1.0' in figures
    assert 'telecine_route_latency_p50_seconds{route="a/sora-2",seconds="4"}' in figures


async def test_blocked_and_invalid_prompts_and_throttles_open_nothing(here: House) -> None:
    """However many: they are the user's, or ask for patience."""
    vendor = here.vendors["a"]
    vendor.program(Fault(on="create", do="refuse", status=400, code="moderation_blocked", times=10))
    for number in range(10):
        await here.until(await here.create(f"a blocked one, {number}"))
    await observe(here.tools)
    for name in (ROUTE, PROVIDER):
        found = await chart(here, name)
        assert not is_open(found) and found.breaker.refused_row == 0 and found.health.bad == 0


async def test_a_refused_key_opens_the_provider_at_once_and_says_so(here: House, empty_redis: RedisServer) -> None:
    here.vendors["a"].program(Fault(on="create", do="refuse", status=401, code="invalid_api_key", times=None))
    video = await here.create()
    found = await until(is_open, here, PROVIDER)
    assert found.breaker.reason == "unauthorised" and not is_open(await chart(here))
    events = [event for _, event in empty_redis.client.xrange("{telecine}:events")]
    assert [(one["kind"], one["name"], one["reason"]) for one in events] == [
        ("breaker.opened", "provider/a", "unauthorised")
    ]
    await observe(here.tools)
    observed = here.tools.observer.observed
    assert observed["a/sora-2"].open_until_ms > here.tools.clock.now_ms()
    assert observed["a/sora-2"].open_until_ms == observed["a/sora-2-pro"].open_until_ms
    assert (await here.until(video))["status"] == "completed"


async def test_what_cannot_be_reached_opens_in_a_row_and_closes_when_it_is_back(here: House) -> None:
    """Failures, an open breaker, a probe that is accepted, and all is as before."""
    vendor = here.vendors["a"]
    vendor.program(Fault(on="create", do="html", status=502, times=3))
    videos = [await here.create(f"boat {number}") for number in range(3)]
    await until(is_open, here)
    assert vendor.counts["renders"] == 0
    await until(lambda one: state_of(one.breaker, here.tools.clock.now_ms()) is State.HALF_OPEN, here)
    again = await here.create("the probe", model="sora-2")
    assert (await here.until(again))["status"] == "completed"
    assert len(videos) == 3


async def test_half_open_lets_the_budget_through_and_no_more(here: House) -> None:
    """Fifty ask at once."""
    await opened(here)
    route, snapshot = here.tools.snapshot().routes["a/sora-2"], here.tools.snapshot()
    answers = await asyncio.gather(*(may_probe(here.tools, snapshot, route, f"v{one}.1") for one in range(50)))
    assert answers.count(0) == 2
    now_ms = here.tools.clock.now_ms()
    assert all(now_ms - 5_000 < one < now_ms + 5_000 for one in answers if one)
    assert len((await chart(here)).breaker.probes) == 2
    again = list((await chart(here)).breaker.probes)
    assert [await may_probe(here.tools, snapshot, route, one) for one in again] == [0, 0]


async def test_a_create_is_taken_while_everything_is_shut_and_goes_when_it_opens(here: House) -> None:
    """`sora-2-pro` has one route: its video waits, and is the probe."""
    await opened(here, "route/a/sora-2-pro")
    found = await here.tools.store.charts("route/a/sora-2-pro")
    half = charts.decode_chart(found.raw["route/a/sora-2-pro"])
    assert half is not None
    shut = replace(half, breaker=replace(half.breaker, until_ms=found.now_ms + 2_500))
    swap = Swap("route/a/sora-2-pro", found.raw["route/a/sora-2-pro"], charts.encode_chart(shut))
    assert await here.tools.store.swap_charts(swap)
    await observe(here.tools)
    video = await here.create(model="sora-2-pro")
    assert (await here.record(video)).current_attempt.due_ms > found.now_ms + 1_000
    assert here.vendors["a"].counts["submissions"] == 0
    assert (await here.until(video))["status"] == "completed"
    await until(lambda one: not is_open(one), here, "route/a/sora-2-pro")


async def test_a_probe_that_was_not_used_is_given_back(here: House) -> None:
    """Its provider had no room: others may try meanwhile."""
    await opened(here)
    route, snapshot = here.tools.snapshot().routes["a/sora-2"], here.tools.snapshot()
    assert [await may_probe(here.tools, snapshot, route, f"v{one}.1") == 0 for one in range(3)] == [True, True, False]
    give_back(here.tools, route, "v9.1", here.tools.clock.now_ms())
    assert here.tools.observer.waiting() == {}
    give_back(here.tools, route, "v0.1", here.tools.clock.now_ms())
    await until(lambda one: sorted(one.breaker.probes) == ["v1.1"], here)
    assert await may_probe(here.tools, snapshot, route, "v2.1") == 0


async def test_a_probe_needs_the_route_and_its_provider(here: House) -> None:
    """One of them open, and nothing is taken of the other."""
    await opened(here)
    now = await here.tools.store.charts(PROVIDER)
    rules = names_in(here.tools.snapshot())[PROVIDER]
    barred = charts.after(Chart(), Scope.PROVIDER, Turn(seen(Sign.REFUSED, Why.NO_CREDIT), now.now_ms, rules, 0.5))
    await here.tools.store.swap_charts(Swap(PROVIDER, now.raw.get(PROVIDER, b""), charts.encode_chart(barred)))
    snapshot = here.tools.snapshot()
    assert await may_probe(here.tools, snapshot, snapshot.routes["a/sora-2"], "v.1") == barred.breaker.until_ms
    assert (await chart(here)).breaker.probes == {}


async def test_a_closed_breaker_asks_the_store_nothing(here: House) -> None:
    """The common case costs two look-ups in this process."""
    snapshot, nowhere = here.tools.snapshot(), Store("unix:///nowhere/s", reads_patience_s=0.1)
    tools = dataclasses.replace(here.tools, store=nowhere)
    assert await may_probe(tools, snapshot, snapshot.routes["b/sora-2"], "v.1") == 0
    await opened(here)
    with pytest.raises(StoreAway):
        await may_probe(tools, snapshot, snapshot.routes["a/sora-2"], "v.1")
    await nowhere.close()


async def test_while_the_store_is_away_the_last_known_values_stand(here: House) -> None:
    """What was seen meanwhile is told when it is back."""
    await opened(here)
    nowhere = Store("unix:///nowhere/s", reads_patience_s=0.1)
    away = dataclasses.replace(here.tools, store=nowhere)
    await here.runner.stop(0.1)
    known = away.observer.observed
    away.observer.note([replace(seen(), route="b/sora-2", provider="b")])
    with pytest.raises(StoreAway):
        await observe(away)
    assert away.observer.observed is known
    await observe(here.tools)
    assert (await chart(here, "route/b/sora-2")).health.weight > 0 and away.observer.waiting() == {}
    here.runner.start()
    await nowhere.close()


async def test_charts_of_what_left_the_configuration_go_in_time(here: House) -> None:
    """What is known stays; what is new, too; what is no chart goes at once."""
    old = replace(Chart(), health=replace(Chart().health, at_ms=1))
    recent = replace(Chart(), health=replace(Chart().health, at_ms=here.tools.clock.now_ms()))
    for name, one in (("route/gone/m", old), ("route/new/m", recent), (ROUTE, old)):
        await here.tools.store.swap_charts(Swap(name, b"", charts.encode_chart(one)))
    await here.tools.store.swap_charts(Swap("provider/gone", b"", b"garbage"))
    here.tools.observer.retired_s = -1e9
    await observe(here.tools)
    assert sorted((await here.tools.store.charts()).raw) == [ROUTE, "route/new/m"]


async def test_garbage_in_a_chart_is_written_over(here: House) -> None:
    await here.tools.store.swap_charts(Swap(ROUTE, b"", b"garbage"))
    await observe(here.tools)
    assert here.tools.observer.charts[ROUTE] == Chart()
    await here.until(await here.create())
    await until(lambda one: one.health.weight > 0, here)


def test_the_queue_is_bounded_and_what_is_dropped_is_counted() -> None:
    observer = Observer(queue_max=6)
    before = vendors._observations_dropped.of()._value.get()
    observer.note([seen()] * 5)
    assert {name: len(ones) for name, ones in observer.waiting().items()} == {"route/a/m": 3, "provider/a": 3}
    assert vendors._observations_dropped.of()._value.get() == before + 2
    observer.done("route/a/m", 3)
    observer.note([seen()])
    assert len(observer.waiting()["provider/a"]) == 4
