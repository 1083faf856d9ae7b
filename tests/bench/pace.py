"""What all measurements share: how long and how often, and what they tell while they run."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tests.bench import stage
from tests.support.gateway import Gateway


class Pace(Struct, frozen=True, kw_only=True):
    rounds: int
    seconds: float
    warm_s: float
    fetches: int
    slow_s: float
    in_flight: int
    watch_s: float


FULL: Final = Pace(rounds=5, seconds=3, warm_s=0.7, fetches=40, slow_s=8, in_flight=10_000, watch_s=20)
QUICK: Final = Pace(rounds=1, seconds=1, warm_s=0.3, fetches=5, slow_s=2, in_flight=500, watch_s=3)


def tell(what: str) -> None:
    print(what, flush=True)


def tell_processes(gateway: Gateway) -> None:
    """Every process's command line; vendors and floors have told theirs."""
    lines = gateway.command_lines()
    for pid, role in sorted(stage.roles(gateway).items()):
        tell(f"  {role:<12} {lines.get(pid, '')}")
