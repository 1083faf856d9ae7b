"""The probe budget: whether an attempt may be sent to a route now, where its breaker, or its provider's, was open.

While both are closed, which is nearly always, nothing is asked. Half-open, a probe is taken from the shared charts by
compare and swap, so that all replicas together let no more through than the budget.
"""

from __future__ import annotations

import asyncio
from typing import Final

from msgspec.structs import replace

from gateway.domain import chart as charts
from gateway.domain.breaker import Breaker, Rules, Scope, State, free_probes, state_of, take_probe
from gateway.domain.chart import BLANK, PROBE_WAIT_MS
from gateway.domain.observations import Observation, Sign
from gateway.domain.observed import SHUT_LOOK_MS, UNKNOWN
from gateway.domain.routing import Route
from gateway.snapshot import Snapshot
from gateway.store.health import Charts, Swap
from gateway.work.tools import Tools

TRIES_MAX: Final = 8
RENDER_MS: Final = 600_000
"""How long a probe is waited for that has to bring a clip."""


async def may_probe(tools: Tools, snapshot: Snapshot, route: Route, attempt: str) -> int:
    """0: the attempt (its id) may be sent, and has its probe if it needs one. Else when to ask again, ms; of a drained
    route too. StoreAway."""
    if tools.observer.observed.get(route.name, UNKNOWN).drained:
        return tools.clock.now_ms() + round(SHUT_LOOK_MS * (0.5 + 0.5 * tools.chance()))
    names = (charts.name_of(Scope.ROUTE, route.name), charts.name_of(Scope.PROVIDER, route.provider))
    rules = snapshot.breakers.get(route.provider, Rules())
    known = [tools.observer.charts.get(name, BLANK).breaker for name in names]
    now_ms = tools.clock.now_ms()
    if all(state_of(one, now_ms) is State.CLOSED for one in known):
        return 0
    shut = _shut(tools, known, attempt, rules, now_ms)
    if shut:
        return shut
    for _ in range(TRIES_MAX):
        found = await tools.store.charts(*names)
        taken = await _take(tools, snapshot, route, attempt, found)
        if taken is not None:
            return taken
        await asyncio.sleep(0.02 * tools.chance())
    return now_ms + round(PROBE_WAIT_MS * (0.5 + tools.chance()))


def give_back(tools: Tools, route: Route, attempt: str, now_ms: int) -> None:
    """The attempt was not sent after all: its probe, if it took one, goes to another soon."""
    names = (charts.name_of(Scope.ROUTE, route.name), charts.name_of(Scope.PROVIDER, route.provider))
    if any(attempt in tools.observer.charts.get(name, BLANK).breaker.probes for name in names):
        plain = Observation(route=route.name, provider=route.provider, attempt=attempt, sign=Sign.NEUTRAL, at_ms=now_ms)
        tools.observer.note([plain])


async def _take(tools: Tools, snapshot: Snapshot, route: Route, attempt: str, found: Charts) -> int | None:
    """None: another was first, look again."""
    rules = snapshot.breakers.get(route.provider, Rules())
    names = (charts.name_of(Scope.ROUTE, route.name), charts.name_of(Scope.PROVIDER, route.provider))
    swaps, breakers = [], []
    for name in names:
        raw = found.raw.get(name, b"")
        chart = charts.decode_chart(raw) or BLANK
        breakers.append(chart.breaker)
        if state_of(chart.breaker, found.now_ms) is State.CLOSED:
            continue
        lease_ms = round(route.submit_timeout_s * 1_000) + snapshot.submit_margin_ms
        lease_ms += RENDER_MS if chart.breaker.rendering else 0
        taken = take_probe(chart.breaker, attempt, found.now_ms, probes=rules.probes, lease_ms=lease_ms)
        if taken is not None:
            swaps.append(Swap(name, raw, charts.encode_chart(replace(chart, breaker=taken))))
    shut = _shut(tools, breakers, attempt, rules, found.now_ms)
    if shut:
        tools.observer.learn(found, snapshot, whole=False)
        return shut
    if swaps and not await tools.store.swap_charts(*swaps):
        return None
    now = {**found.raw, **{one.name: one.now for one in swaps}}
    tools.observer.learn(Charts(found.now_ms, now), snapshot, whole=False)
    return 0


def _shut(tools: Tools, breakers: list[Breaker], attempt: str, rules: Rules, now_ms: int) -> int:
    """When the last of them may let the attempt through; 0: all do now."""
    return max(_until(tools, one, attempt, rules, now_ms) for one in breakers)


def _until(tools: Tools, breaker: Breaker, attempt: str, rules: Rules, now_ms: int) -> int:
    match state_of(breaker, now_ms):
        case State.OPEN:
            return min(breaker.until_ms, now_ms + round(SHUT_LOOK_MS * (0.5 + 0.5 * tools.chance())))
        case State.HALF_OPEN if attempt not in breaker.probes and not free_probes(breaker, now_ms, rules.probes):
            return now_ms + round(PROBE_WAIT_MS * (0.5 + tools.chance()))
        case _:
            return 0
