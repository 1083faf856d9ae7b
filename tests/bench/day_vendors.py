"""Three vendors whose price, latency and health change during a day, and what each really is at a moment."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.observed import Observed
from gateway.domain.routing import Model, Route
from gateway.domain.strategies import Policy, Strategy
from providers.contract import Price
from tests.support.videos import route

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
SPREAD: Final = 0.35
"""Of the logarithm of a latency: the slowest of twenty takes 1.8 times as long as the usual one."""
P95: Final = math.exp(1.645 * SPREAD)
CERTAIN: Final = 1e9
"""The weight of what is not guessed."""


class Hours(Struct, frozen=True):
    """From an hour on, a vendor is like this. `per_second_s`: seconds that a second of the clip takes, usually."""

    begins: float
    price_micros: int  # for a second
    per_second_s: float
    success: float


VENDORS: Final[dict[str, Sequence[Hours]]] = {
    # Dependable, dear at noon, slow in the rush of the afternoon.
    "steady": (
        Hours(0, 100_000, 8, 0.985),
        Hours(11, 150_000, 8, 0.985),
        Hours(14, 100_000, 24, 0.97),
        Hours(18, 100_000, 8, 0.985),
    ),
    # Cheap; breaks most jobs in the morning, and costs more than others in the evening.
    "bargain": (
        Hours(0, 60_000, 12, 0.96),
        Hours(8, 60_000, 14, 0.15),
        Hours(11, 60_000, 12, 0.96),
        Hours(19, 160_000, 12, 0.96),
    ),
    # Quick and dear; overloaded at night, on offer in the afternoon.
    "swift": (
        Hours(0, 170_000, 30, 0.99),
        Hours(6, 170_000, 4, 0.99),
        Hours(15, 80_000, 4, 0.99),
        Hours(17, 170_000, 4, 0.8),
        Hours(18, 170_000, 4, 0.99),
    ),
}


class Outcome(Struct, frozen=True):
    good: bool
    took_ms: int


def now_of(vendor: str, at_ms: int) -> Hours:
    """Behind the end of the day, as at its end."""
    hour = at_ms / HOUR_MS
    return [one for one in VENDORS[vendor] if one.begins <= hour][-1]


def truth(vendor: str, seconds: int, at_ms: int) -> Observed:
    """What one would have observed of it who has seen everything."""
    now = now_of(vendor, at_ms)
    usual_s = now.per_second_s * seconds
    return Observed(success=now.success, weight=CERTAIN, latency_s={seconds: (usual_s, usual_s * P95, CERTAIN)})


def outcome(vendor: str, seconds: int, at_ms: int, dice: random.Random) -> Outcome:
    """Of a job sent at that moment. A job that breaks does so on its way."""
    now = now_of(vendor, at_ms)
    good = dice.random() < now.success
    took_s = now.per_second_s * seconds * math.exp(SPREAD * dice.gauss(0, 1))
    return Outcome(good, max(1, round(took_s * 1_000 * (1.0 if good else 0.4))))


def model_at(at_ms: int, strategy: Strategy) -> Model:
    """As configured then: a price that changes is a reload. Failed jobs are charged like others."""
    return Model(name="film", routes=tuple(_route(name, at_ms) for name in VENDORS), policy=Policy(strategy=strategy))


def _route(vendor: str, at_ms: int) -> Route:
    price = Price(per_second_micros=now_of(vendor, at_ms).price_micros, as_of="2026-11-21", source="a simulation")
    return replace(route(vendor, seconds=(4, 8, 12)), prices=(price,))
