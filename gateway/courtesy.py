"""Courtesy: in a crowd of requests the videos' steps wait for a moment.

Both share one core. A client waits for its answer in milliseconds, a clip takes minutes; so a burst of requests is let
through and what it created is worked off behind it. The later the work gets, the less it gives way: every two seconds
double what it may take, so a load that lasts is shared after a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TICK_S: Final = 0.02
WINDOW_S: Final = 0.1
BUSY: Final = 0.6
"""Of a core; what a private store and the kernel take of it is not this process's."""
CROWD_PER_S: Final = 200
LEAST_PER_TICK: Final = 2
DOUBLES_S: Final = 2.0
LATE_S_MAX: Final = 20.0


def gives_way(busy: float, arrived_per_s: float) -> bool:
    """Whether requests would have to wait for steps: many come, and the core has little time to spare."""
    return busy >= BUSY and arrived_per_s >= CROWD_PER_S


def claims_per_tick(late_s: float) -> int:
    """How many videos are claimed while requests come first."""
    return round(LEAST_PER_TICK * 2 ** (min(max(late_s, 0.0), LATE_S_MAX) / DOUBLES_S))


class Courtesy:
    """What one runner knows of its neighbours. `arrived` counts the requests of this process and never falls."""

    def __init__(self, arrived: Callable[[], int]) -> None:
        self._arrived = arrived
        self._before = (float("-inf"), 0.0, 0)
        self._gives_way = False
        self._late_s = 0.0

    def late(self, seconds: float) -> None:
        """So late the video was that waited longest."""
        self._late_s = seconds

    def quota(self, most: int, *, now_s: float, cpu_s: float) -> int:
        """How many videos may be claimed in this tick. `cpu_s`: what this process has used of a core until now."""
        before_s, before_cpu_s, before = self._before
        window_s = now_s - before_s
        if window_s >= WINDOW_S:
            arrived = self._arrived()
            self._gives_way = gives_way((cpu_s - before_cpu_s) / window_s, (arrived - before) / window_s)
            self._before = (now_s, cpu_s, arrived)
        return min(most, claims_per_tick(self._late_s)) if self._gives_way else most
