"""The chart of a route or a provider: its health and its breaker, kept as one, and what both come to for decisions.

Pure. Charts lie in the store by name (`route/acme/film-1`, `provider/acme`) and are shared by all replicas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import breaker as breakers
from gateway.domain import health as healths
from gateway.domain.breaker import Breaker, Rules, Scope, State, Turn
from gateway.domain.health import Health
from gateway.domain.observations import Observation
from gateway.domain.observed import UNKNOWN, Observed
from gateway.domain.observed import drained as shut_by_hand
from gateway.domain.routing import Route
from providers.contract import Json

PROBE_WAIT_MS: Final = 2_000
"""How soon to ask again for a probe where all are taken: one that succeeds lets everybody through."""
IDLE_MS_MAX: Final = 24 * 3_600_000
"""A chart of what left the configuration goes when nothing was written to it for so long."""


class Chart(Struct, frozen=True, array_like=True):
    health: Health = Health()
    breaker: Breaker = Breaker()


BLANK: Final = Chart()


def name_of(scope: Scope, name: str) -> str:
    return f"{scope.value}/{name}"


def scope_of(name: str) -> tuple[Scope, str]:
    """The other way round. ValueError if it is no chart's name."""
    scope, _, rest = name.partition("/")
    return Scope(scope), rest


def is_name(name: str) -> bool:
    return name.partition("/")[0] in {one.value for one in Scope}


def names_of(seen: Observation) -> tuple[str, str]:
    """The charts that an observation belongs to."""
    return name_of(Scope.ROUTE, seen.route), name_of(Scope.PROVIDER, seen.provider)


def after(chart: Chart, scope: Scope, turn: Turn) -> Chart:
    """The chart after an observation."""
    return Chart(healths.fold(chart.health, turn.seen, turn.now_ms), breakers.after(chart.breaker, scope, turn))


def opened(before: Chart, now: Chart) -> bool:
    """Whether the breaker opened, also out of half-open, between the two."""
    return now.breaker.opened_ms > before.breaker.opened_ms


def observed_by_route(
    charts: Mapping[str, Chart],
    routes: Mapping[str, Route],
    rules: Mapping[str, Rules],
    now_ms: int,
    *,
    drained: frozenset[str] = frozenset(),
) -> dict[str, Observed]:
    """What decisions may know of every configured route. `rules`: by provider. `drained`: by an operator, named as
    charts are."""
    found = {}
    for route in routes.values():
        one = charts.get(name_of(Scope.ROUTE, route.name), BLANK)
        provider = charts.get(name_of(Scope.PROVIDER, route.provider), BLANK)
        if one is not BLANK or provider is not BLANK:
            found[route.name] = observed(one, provider, rules.get(route.provider, Rules()), now_ms)
        if drained and not drained.isdisjoint(
            (name_of(Scope.ROUTE, route.name), name_of(Scope.PROVIDER, route.provider))
        ):
            found[route.name] = shut_by_hand(found.get(route.name, UNKNOWN), now_ms)
    return found


def observed(route: Chart, provider: Chart, rules: Rules, now_ms: int) -> Observed:
    health = healths.decayed(route.health, now_ms)
    both = (route.breaker, provider.breaker)
    return Observed(
        success=health.success,
        weight=health.weight,
        latency_s=healths.latencies(health, now_ms),
        open_until_ms=max(closed_until_ms(one, rules, now_ms) for one in both),
        half_open=any(breakers.state_of(one, now_ms) is State.HALF_OPEN for one in both),
    )


def closed_until_ms(breaker: Breaker, rules: Rules, now_ms: int) -> int:
    """Nothing more gets through before; 0: something does now. A half-open breaker without a probe left lets nothing
    through either, but may close at any moment."""
    match breakers.state_of(breaker, now_ms):
        case State.OPEN:
            return min(breaker.until_ms, now_ms + breakers.OPEN_MS_MAX)
        case State.HALF_OPEN if not breakers.free_probes(breaker, now_ms, rules.probes):
            return now_ms + PROBE_WAIT_MS
        case _:
            return 0


def forgotten(name: str, chart: Chart, known: frozenset[str], now_ms: int) -> bool:
    """Of what the configuration does not know, and nobody wrote to it for long."""
    return name not in known and now_ms - min(chart.health.at_ms, now_ms) > IDLE_MS_MAX


def closed(chart: Chart, now_ms: int) -> Chart:
    """By an operator's hand."""
    return replace(chart, breaker=breakers.reset(now_ms))


def row(name: str, chart: Chart, now_ms: int) -> dict[str, Json]:
    """A chart as operators see it. Latencies in seconds, by length of the clip."""
    breaker, health = chart.breaker, healths.decayed(chart.health, now_ms)
    state = breakers.state_of(breaker, now_ms)
    scope, rest = scope_of(name)
    return {
        "scope": scope.value,
        "name": rest,
        "state": state.value,
        "reason": breaker.reason if state is not State.CLOSED else None,
        "opens": breaker.opens if state is not State.CLOSED else 0,
        "opens_for_s": max(0, breaker.until_ms - now_ms) // 1_000 if state is State.OPEN else None,
        "probes": sum(1 for end_ms in breaker.probes.values() if end_ms > now_ms),
        "throttled_for_s": max(0, health.retry_until_ms - now_ms) // 1_000 or None,
        "success": round(health.success, 4) if health.weight else None,
        "weight": round(health.weight, 1),
        "latency_s": {
            str(seconds): {"p50": p50, "p95": p95, "weight": round(weight, 1)}
            for seconds, (p50, p95, weight) in healths.latencies(health, now_ms).items()
        },
    }


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Chart).decode


def encode_chart(chart: Chart) -> bytes:
    return _encode(chart)


def decode_chart(data: bytes) -> Chart | None:
    """None for what is no chart of ours, or of another version: to be forgotten."""
    try:
        return _decode(data)
    except msgspec.DecodeError:
        return None
