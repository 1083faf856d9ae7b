"""The waiting lines: calling those whose turn it is, and knowing how long the lines are.

Every worker calls; a script decides, so two that call at once call nobody twice. The lengths are those of a moment ago,
good enough to refuse a create that would only wait behind too many others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway import metrics
from gateway.domain.errors import Unavailable
from gateway.domain.observed import UNKNOWN
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.store.providers import CALL_MAX
from gateway.work.tools import Tools

EVERY_S: Final = 0.25
AWAY_S: Final = 1.0
FULL_RETRY_S: Final = 30
PROBES_AT_ONCE: Final = 2


async def call_lines(tools: Tools) -> float:
    """Call at every provider that somebody waits for. Seconds until that is to be done again."""
    try:
        lengths = await tools.store.waiting()
        most = {provider: _most(tools, provider) for provider in lengths}
        called = sum([await tools.store.call(provider, limit) for provider, limit in most.items() if limit])
        limits = tools.snapshot().limits
        in_flight = await tools.store.in_flight() if limits else {}
    except StoreAway as error:
        log("store_away", level="error", operation=error.operation, reason=str(error))
        return AWAY_S
    _show(tools.lines, lengths, {name: count for name, count in in_flight.items() if name in limits})
    tools.lines = lengths
    if called:
        tools.due.set()
    return EVERY_S * (0.5 + tools.chance())


def _most(tools: Tools, provider: str) -> int:
    """How many to call at once: none while every breaker on the way is open, a few where they let probes through."""
    snapshot = tools.snapshot()
    seen = [
        tools.observer.observed.get(name, UNKNOWN)
        for name, route in snapshot.routes.items()
        if route.provider == provider
    ]
    now_ms = tools.clock.now_ms()
    if seen and all(one.open_until_ms > now_ms for one in seen):
        return 0
    if any(not one.half_open and one.open_until_ms <= now_ms for one in seen):
        return CALL_MAX
    return PROBES_AT_ONCE


def refuse_if_full(lengths: Mapping[str, int], providers: Iterable[str], waiting_max: int) -> None:
    """Unavailable if too many wait already for each of the providers that could take a new video."""
    there = [lengths.get(provider, 0) for provider in providers]
    if there and min(there) >= waiting_max:
        metrics.create_refused("waiting")
        raise Unavailable(
            "Too many videos wait for their providers already. Nothing was made or charged; try again later.",
            code="queue_full",
            retry_after_s=FULL_RETRY_S,
        )


def _show(before: Mapping[str, int], lengths: Mapping[str, int], in_flight: Mapping[str, int]) -> None:
    for provider in before.keys() | lengths.keys():
        metrics.waiting(provider, lengths.get(provider, 0))
    metrics.in_flight(in_flight)
