"""What one process knows of the routes, and what it has yet to tell the others.

Requests and steps leave their observations in a bounded queue, and look at mappings that are at most some seconds old;
`observing` empties the one and replaces the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from gateway import metrics
from gateway.domain import chart as charts
from gateway.domain.chart import BLANK, Chart
from gateway.domain.observations import Observation
from gateway.domain.observed import NOTHING_OBSERVED, Observed
from gateway.snapshot import Snapshot
from gateway.store.health import Charts

QUEUE_MAX: Final = 4_000
"""Observations that wait, one for each chart that they belong to."""
READ_EVERY_S: Final = 1.0
GATHER_S: Final = 0.05
"""What comes in a burst is folded together."""


class Observer:
    """One per process. `observed` and `charts` are replaced as a whole, never changed."""

    def __init__(self, queue_max: int = QUEUE_MAX) -> None:
        self.observed: Mapping[str, Observed] = NOTHING_OBSERVED
        self.charts: Mapping[str, Chart] = {}
        self.raw: Mapping[str, bytes] = {}
        self.drained: frozenset[str] = frozenset()  # routes and providers, by an operator's hand
        self.retired_s = 0.0
        self._queue_max = queue_max
        self._waiting: dict[str, list[Observation]] = {}  # by chart
        self._count = 0
        self._wake = asyncio.Event()
        self.busy = asyncio.Lock()  # while one tells, another would tell the same again

    def note(self, seen: Iterable[Observation]) -> None:
        """Remember to tell. What is too much is dropped and counted."""
        for one in seen:
            names = charts.names_of(one)
            if self._count + len(names) > self._queue_max:
                metrics.observation_dropped()
                continue
            self._count += len(names)
            for name in names:
                self._waiting.setdefault(name, []).append(one)
            self._wake.set()

    async def until_due(self) -> None:
        """Until there is something to tell, or it is time to read."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_EVERY_S):
                await self._wake.wait()
                await asyncio.sleep(GATHER_S)
        self._wake.clear()

    def waiting(self) -> dict[str, list[Observation]]:
        return {name: list(ones) for name, ones in self._waiting.items()}

    def done(self, name: str, count: int) -> None:
        """So many of the oldest of a chart were folded, or are of no use."""
        self._count -= len(self._waiting[name][:count])
        del self._waiting[name][:count]
        if not self._waiting[name]:
            del self._waiting[name]

    def learn(self, found: Charts, snapshot: Snapshot, *, whole: bool) -> None:
        """Take in charts as they were just read: all there are, or some beside those that are known."""
        known = {} if whole else dict(self.charts)
        for name, raw in found.raw.items():
            chart = self.charts[name] if self.raw.get(name) == raw else charts.decode_chart(raw)
            known[name] = chart if chart is not None else BLANK
        self.charts = known
        self.raw = found.raw if whole else {**self.raw, **found.raw}
        self.drained = found.drained if whole else self.drained
        self.observed = charts.observed_by_route(
            known, snapshot.routes, snapshot.breakers, found.now_ms, drained=self.drained
        )
