"""Learning of routes together: what this process saw is folded into the shared charts, and all charts are read back.

One loop of every worker does both, away from requests and steps. While the store is away, the last known values stand
and what was seen waits.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway import metrics
from gateway.domain import breaker as breakers
from gateway.domain import chart as charts
from gateway.domain import health as healths
from gateway.domain.breaker import Rules, Scope, Turn
from gateway.domain.chart import BLANK, Chart
from gateway.domain.observations import Observation
from gateway.log import log
from gateway.snapshot import Snapshot
from gateway.store.health import Charts, Swap, Told
from gateway.work.observer import Observer
from gateway.work.tools import Tools

TRIES_MAX: Final = 20
RETIRE_EVERY_S: Final = 600.0


async def observe(tools: Tools) -> None:
    """Tell what was seen, then read what all have. StoreAway: what was not told waits."""
    async with tools.observer.busy:
        await _observe(tools, tools.snapshot())


async def _observe(tools: Tools, snapshot: Snapshot) -> None:
    observer = tools.observer
    known = names_in(snapshot)
    for name, seen in observer.waiting().items():
        if name in known:
            await _fold(tools, name, known[name], seen)
        observer.done(name, len(seen))
    found = await tools.store.charts()
    observer.learn(found, snapshot, whole=True)
    _show(observer, snapshot, found.now_ms)
    if tools.clock.boot_s() - observer.retired_s > RETIRE_EVERY_S:
        observer.retired_s = tools.clock.boot_s()
        await _retire(tools, found, frozenset(known))


def names_in(snapshot: Snapshot) -> dict[str, Rules]:
    """The charts of everything that is configured, with the rules of their breakers."""
    found = {charts.name_of(Scope.PROVIDER, name): rules for name, rules in snapshot.breakers.items()}
    for route in snapshot.routes.values():
        found[charts.name_of(Scope.ROUTE, route.name)] = snapshot.breakers.get(route.provider, Rules())
    return found


async def _fold(tools: Tools, name: str, rules: Rules, seen: list[Observation]) -> None:
    """Into one chart, by compare and swap."""
    scope, rest = charts.scope_of(name)
    written = b""
    for _ in range(TRIES_MAX):
        found = await tools.store.charts(name)
        raw = found.raw.get(name, b"")
        if raw and raw == written:
            return  # ours arrived, and only the answer did not
        before = charts.decode_chart(raw) or BLANK
        after = before
        for one in seen:
            after = charts.after(after, scope, Turn(one, found.now_ms, rules, tools.chance()))
        told = _event(name, before, after)
        written = charts.encode_chart(after)
        if await tools.store.swap_charts(Swap(name, raw, written), told=told):
            _tell(scope, rest, before, after)
            return
        await asyncio.sleep(0.01 * tools.chance())
    metrics.observation_dropped(len(seen))


def _event(name: str, before: Chart, after: Chart) -> Told | None:
    if charts.opened(before, after):
        return Told("breaker.opened", name, after.breaker.reason)
    if before.breaker.opened_ms and not after.breaker.opened_ms:
        return Told("breaker.closed", name, "probe")
    return None


def _tell(scope: Scope, name: str, before: Chart, after: Chart) -> None:
    if charts.opened(before, after):
        metrics.breaker_opened(scope.value, name, after.breaker.reason)
        log(
            "breaker_opened",
            "warning",
            scope=scope.value,
            name=name,
            reason=after.breaker.reason,
            opens=after.breaker.opens,
            open_ms=after.breaker.until_ms - after.breaker.opened_ms,
        )
    elif before.breaker.opened_ms and not after.breaker.opened_ms:
        log("breaker_closed", scope=scope.value, name=name)


def _show(observer: Observer, snapshot: Snapshot, now_ms: int) -> None:
    """The figures of everything that is configured, and of nothing else."""
    states: dict[tuple[str, str], str] = {}
    for name in names_in(snapshot):
        scope, rest = charts.scope_of(name)
        chart = observer.charts.get(name, BLANK)
        states[scope.value, rest] = breakers.state_of(chart.breaker, now_ms).value
        if scope is Scope.ROUTE and chart is not BLANK:
            health = healths.decayed(chart.health, now_ms)
            p50s = {seconds: p50 for seconds, (p50, _, _) in healths.latencies(health, now_ms).items()}
            metrics.route_health(rest, health.success, p50s)
    metrics.breaker_states(states)
    metrics.routes_known(snapshot.routes.keys())


async def _retire(tools: Tools, found: Charts, known: frozenset[str]) -> None:
    """Charts of what left the configuration go, unless another replica still writes to them."""
    for name, raw in found.raw.items():
        chart = charts.decode_chart(raw)
        gone = name not in known if chart is None else charts.forgotten(name, chart, known, found.now_ms)
        if gone:
            await tools.store.swap_charts(Swap(name, raw, b""))
