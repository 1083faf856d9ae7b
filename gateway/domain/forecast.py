"""What to expect of a route for one request: its chance of success, how long it takes, what a clip comes to there.

Pure. Few observations count for little: a route begins with the benefit of the doubt and earns its own figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from gateway.domain.observed import Observed

PRIOR_SUCCESS: Final = 0.95
PRIOR_WEIGHT: Final = 2.0
"""Before anything was seen, a route counts as if so many attempts had gone so well."""

SUCCESS_MIN: Final = 0.02
"""Nothing is divided by less: a route that never worked is fifty times as dear, not infinitely."""

ENOUGH: Final = 20.0
"""From so many observations on, decayed, a route counts as known."""


class Forecast(Struct, frozen=True):
    success: float  # above 0, at most 1
    p50_s: float | None = None  # None: nothing was learnt of how long it takes
    p95_s: float | None = None
    latency_s: float | None = (
        None  # between the usual and the long time, because a client waits for both; and what is ahead
    )


NOTHING_LEARNT: Final = Forecast(PRIOR_SUCCESS)


def forecast(observed: Observed, seconds: int) -> Forecast:
    """For a clip of so many seconds."""
    times = latency_s(observed.latency_s, seconds)
    if times is None:
        return Forecast(success(observed))
    p50_s, p95_s = times
    # What is ahead is taken for clips like this one: how long they are, no server tells.
    return Forecast(success(observed), p50_s, p95_s, (p50_s + p95_s) / 2 + observed.ahead * p50_s)


def success(observed: Observed) -> float:
    weight = max(observed.weight, 0.0)
    share = (observed.success * weight + PRIOR_SUCCESS * PRIOR_WEIGHT) / (weight + PRIOR_WEIGHT)
    return min(max(share, SUCCESS_MIN), 1.0)


def expected_micros(price_micros: int, chance: float) -> int:
    """What a clip comes to when failed attempts are paid like finished ones: price by chance of success."""
    return round(price_micros / max(chance, SUCCESS_MIN))


def latency_s(learnt: Mapping[int, tuple[float, float, float]], seconds: int) -> tuple[float, float] | None:
    """(p50, p95) in s for a clip length, on a straight line between the lengths that were seen. A shorter clip than any
    of them takes as long as the shortest; a longer one longer in proportion. None where nothing was seen."""
    below = above = 0  # the nearest lengths around; 0: there is none
    for length, line in learnt.items():
        if line[2] > 0:
            if below < length <= seconds:
                below = length
            if length >= seconds and not 0 < above <= length:
                above = length
    if not below and not above:
        return None
    low50, low95, _ = learnt[below or above]
    if not below or below == above:
        return low50, low95
    if not above:
        return low50 * seconds / below, low95 * seconds / below
    high50, high95, _ = learnt[above]
    share = (seconds - below) / (above - below)
    return low50 + (high50 - low50) * share, low95 + (high95 - low95) * share
