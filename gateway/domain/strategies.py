"""Strategies: in which order the routes that can serve a request are asked.

Pure. A strategy is a row of a table, from what is expected of a route to a key that sorts; the smallest is asked first.
A route whose breaker is open stands last, because the breaker may close in time. A share of the requests, bounded,
begins with a route of which little is known, where it might turn out to be the best: otherwise a new route, or one
that has recovered, would never be found out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from statistics import median
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.forecast import ENOUGH, NOTHING_LEARNT, Forecast, expected_micros, forecast
from gateway.domain.observed import UNKNOWN, Observed

EXPLORE: Final = 0.05
CENT_MICROS: Final = 10_000
"""Costs are compared as multiples of the lowest one, which counts as a cent at least: some routes are free."""
SECOND_S: Final = 1.0
TIE: Final = math.log(1.05)
"""Latencies within about five percent of each other are equal: then the price decides."""


class Strategy(StrEnum):
    ORDERED = "ordered"
    WEIGHTED = "weighted"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    HEALTHIEST = "healthiest"
    BALANCED = "balanced"


EXPLORING: Final = frozenset(Strategy) - {Strategy.ORDERED, Strategy.WEIGHTED}
"""The others are what the operator wrote, to the letter."""


class Weights(Struct, frozen=True, kw_only=True):
    """What counts how much for `balanced`: a tenth dearer, a tenth slower, a tenth of all attempts failing."""

    cost: float = 1.0
    latency: float = 1.0
    failure: float = 1.0


class Policy(Struct, frozen=True, kw_only=True):
    """How a model ranks its routes."""

    strategy: Strategy = Strategy.ORDERED
    weights: Weights = Weights()
    explore: float = EXPLORE  # the share of requests that may begin with a route of which little is known, in [0, 1]
    shares: Mapping[str, float] = {}  # by route, for `weighted`; 1 where none is set


class Candidate(Struct, frozen=True):
    """A route that can serve the request. `place`: its place in the configuration."""

    route: str
    place: int
    price_micros: int
    cost_micros: int  # what a clip is expected to come to
    observed: Observed = UNKNOWN
    forecast: Forecast = NOTHING_LEARNT


class Ranked(Struct, frozen=True):
    """`score`: what it was ranked by, lower is better; None where the order was written down. `note`: why it does not
    stand where its score would put it."""

    candidate: Candidate
    score: float | None = None
    note: str | None = None


class _Field(Struct, frozen=True):
    """What all candidates have to be measured by."""

    policy: Policy
    least_micros: int
    least_s: float
    usual_s: float  # for those of which it is not known
    draw: float


Key: TypeAlias = tuple[float, ...]


def candidate(route: str, place: int, price_micros: int, observed: Observed, seconds: int) -> Candidate:
    """What is to be ranked, with everything that is expected of it."""
    expected = NOTHING_LEARNT if observed is UNKNOWN else forecast(observed, seconds)
    cost_micros = expected_micros(price_micros, expected.success)
    return Candidate(route, place, price_micros, cost_micros, observed, expected)


def rank(policy: Policy, candidates: Sequence[Candidate], *, now_ms: int, draw: float) -> list[Ranked]:
    """All of them, the one to be asked first at the front. `draw`: a number in [0, 1), the only chance there is."""
    if not candidates:
        return []
    field, key_of = _field_of(policy, candidates, draw), KEYS[policy.strategy]
    keyed = sorted(((key_of(one, field), one) for one in candidates), key=lambda pair: (*pair[0], pair[1].place))
    scored = policy.strategy is not Strategy.ORDERED
    ranked = [Ranked(one, _significant(key[0]) if scored else None) for key, one in keyed]
    shut = [_shut(one, now_ms) for one in ranked if one.candidate.observed.open_until_ms > now_ms]
    free = [one for one in ranked if one.candidate.observed.open_until_ms <= now_ms]
    explored = _explored(field, free) if policy.strategy in EXPLORING else None
    if explored is not None:
        free = [replace(explored, note="asked first to learn more of it"), *(one for one in free if one != explored)]
    return [*free, *sorted(shut, key=lambda one: one.candidate.observed.open_until_ms)]


def _shut(one: Ranked, now_ms: int) -> Ranked:
    left_s = -(-(one.candidate.observed.open_until_ms - now_ms) // 1_000)
    return replace(one, note=f"its breaker is open for {left_s} s more")


def _field_of(policy: Policy, candidates: Sequence[Candidate], draw: float) -> _Field:
    times = [one.forecast.latency_s for one in candidates if one.forecast.latency_s is not None]
    return _Field(
        policy=policy,
        least_micros=max(min(one.cost_micros for one in candidates), CENT_MICROS),
        least_s=max(min(times, default=SECOND_S), SECOND_S),
        usual_s=max(median(times) if times else SECOND_S, SECOND_S),
        draw=draw,
    )


# --- the table ----------------------------------------------------------------------------------------------------


def _ordered(one: Candidate, field: _Field) -> Key:
    return (one.place,)


def _weighted(one: Candidate, field: _Field) -> Key:
    """A race of exponential clocks: each route is first as often as its share says, and so on among those left."""
    share = field.policy.shares.get(one.route, 1.0)
    return (-math.log(_uniform(field.draw, one.place)) / share,) if share > 0 else (math.inf,)


def _cheapest(one: Candidate, field: _Field) -> Key:
    return (one.cost_micros, one.price_micros, one.observed.ahead)


def _fastest(one: Candidate, field: _Field) -> Key:
    """A failed attempt has taken its time, too. Unknown times stand behind known ones."""
    time_s = one.forecast.latency_s
    if time_s is None:
        return (math.inf, one.cost_micros, one.observed.ahead)
    return (round(math.log(max(time_s, 0.01) / one.forecast.success) / TIE), one.cost_micros, one.observed.ahead)


def _healthiest(one: Candidate, field: _Field) -> Key:
    return (1 - one.forecast.success, one.cost_micros, one.observed.ahead)


def _balanced(one: Candidate, field: _Field) -> Key:
    """1 for what is as cheap as the cheapest, 1 for what is as fast as the fastest, and the share of failures."""
    weights = field.policy.weights
    time_s = field.usual_s if one.forecast.latency_s is None else one.forecast.latency_s
    return (
        weights.cost * one.cost_micros / field.least_micros
        + weights.latency * time_s / field.least_s
        + weights.failure * (1 - one.forecast.success),
    )


KEYS: Final[Mapping[Strategy, Callable[[Candidate, _Field], Key]]] = {
    Strategy.ORDERED: _ordered,
    Strategy.WEIGHTED: _weighted,
    Strategy.CHEAPEST: _cheapest,
    Strategy.FASTEST: _fastest,
    Strategy.HEALTHIEST: _healthiest,
    Strategy.BALANCED: _balanced,
}


# --- exploring ----------------------------------------------------------------------------------------------------


def _explored(field: _Field, ranked: Sequence[Ranked]) -> Ranked | None:
    """The route that this request shall find out about, if any. Each that is little known owns an equal slice of the
    share that may explore, and uses the less of it the more is known of it: all of them together never get more."""
    if len(ranked) < 2 or field.draw >= field.policy.explore:
        return None
    little_known = [one for one in ranked[1:] if _might_be_best(one.candidate, ranked[0].candidate, field)]
    if not little_known:
        return None
    at = field.draw / field.policy.explore * len(little_known)
    one = little_known[min(int(at), len(little_known) - 1)]
    return one if at - int(at) < 1 - one.candidate.observed.weight / ENOUGH else None


def _might_be_best(one: Candidate, best: Candidate, field: _Field) -> bool:
    """If it never failed and was the fastest of all, would it stand before the best? Else there is nothing to learn."""
    if one.observed.weight >= ENOUGH:
        return False
    key_of = KEYS[field.policy.strategy]
    best_case = Forecast(1.0, field.least_s, field.least_s, field.least_s)
    hoped = replace(one, cost_micros=one.price_micros, forecast=best_case)
    return key_of(hoped, field) < key_of(best, field)


# --- numbers ------------------------------------------------------------------------------------------------------


def _uniform(draw: float, place: int) -> float:
    """One draw, spread over the places: a number in (0, 1] for each, as if drawn by itself (splitmix64)."""
    mixed = (int(draw * 2**53) * 0x9E3779B97F4A7C15 + (place + 1) * 0xD1B54A32D192ED03) & _WORD
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _WORD
    return ((mixed ^ (mixed >> 31)) + 1) / 2**64


_WORD: Final = 2**64 - 1


def _significant(score: float) -> float | None:
    """Enough digits to see a rank by; a score that has no end is none."""
    return float(f"{score:.6g}") if math.isfinite(score) else None
