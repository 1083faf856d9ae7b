"""How long a plan takes over fifty routes, by strategy: in this process, without a gateway."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway.domain.observed import Observed
from gateway.domain.routing import Model, Route, plan
from gateway.domain.strategies import Policy, Strategy
from gateway.domain.videos import Request
from providers.contract import Price
from tests.bench.pace import Pace, tell
from tests.bench.rows import Row, Target
from tests.support.videos import SIZE, T0, route

ROUTES: Final = 50
DAY: Final = "2026-11-21"
REQUEST: Final = Request(model="sora-2", prompt="a paper boat", seconds=8, size=SIZE)


def planning(folder: Path, pace: Pace) -> list[Row]:
    """One row for each strategy: microseconds for a whole plan, abilities and prices included. No file is needed."""
    routes, observed = field(random.Random(5))
    found = []
    for strategy in Strategy:
        model = Model(name="sora-2", routes=routes, policy=Policy(strategy=strategy))
        rounds = [measured(model, observed, pace.seconds / 10) for _ in range(pace.rounds)]
        tell(f"  plan {strategy.value}: {', '.join(f'{one:.0f}' for one in rounds)} µs")
        found.append(
            Row(
                name=f"plan over {ROUTES} routes, {strategy.value}",
                unit="µs",
                products=rounds,
                target=Target(most=800),
            )
        )
    return found


def field(chance: random.Random) -> tuple[tuple[Route, ...], dict[str, Observed]]:
    """Routes that can all serve, each with a price of its own and a history."""
    routes, observed = [], {}
    for number in range(ROUTES):
        price = Price(per_second_micros=chance.randrange(50_000, 500_000), as_of="2026-11-01", source="a test")
        one = replace(route(f"p{number}"), prices=(price,))
        routes.append(one)
        usual = chance.uniform(20, 200)
        observed[one.name] = Observed(
            success=chance.uniform(0.6, 1),
            weight=chance.uniform(0, 200),
            latency_s={4: (usual, usual * 2, 50.0), 12: (usual * 2, usual * 5, 50.0)},
            open_until_ms=T0 + 5_000 if number % 17 == 16 else 0,
        )
    return tuple(routes), observed


def measured(model: Model, observed: dict[str, Observed], seconds: float) -> float:
    """Microseconds for one plan, over as many as fit into the time."""
    draws = [number / 97 for number in range(97)]
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for draw in draws:
            plan(model, REQUEST, DAY, observed=observed, now_ms=T0, draw=draw)
        count += len(draws)
    return (time.perf_counter() - began) / count * 1e6
