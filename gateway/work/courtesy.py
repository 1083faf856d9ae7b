"""Courtesy: in a crowd of requests the videos' steps wait for a moment.

Both share one core. A client waits for its answer in milliseconds, a clip takes minutes; so a burst of requests is let
through and what it created is worked off behind it. The later the work gets, the less it gives way: every second and a
half double what it may take, so a load that lasts is shared after a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TICK_S: Final = 0.02
WINDOW_S: Final = 0.1
CROWD_PER_S: Final = 200
LAG_S: Final = 0.0015
"""The event loop has no time to spare when its timers ring as late as this."""
CALM: Final = 0.25
"""It has again below such a part of either bound: giving way itself brings them down."""
SMOOTHING: Final = 0.1
LEAST_PER_TICK: Final = 1
DOUBLES_S: Final = 1.5
LATE_S_MAX: Final = 20.0


def gives_way(already: bool, lag_s: float, arrived_per_s: float) -> bool:
    """Whether requests would have to wait for steps: many come, and the loop has no time to spare."""
    part = CALM if already else 1.0
    return lag_s >= part * LAG_S and arrived_per_s >= part * CROWD_PER_S


def claims_per_tick(late_s: float) -> int:
    """How many videos are claimed while requests come first."""
    return round(LEAST_PER_TICK * 2 ** (min(max(late_s, 0.0), LATE_S_MAX) / DOUBLES_S))


class Courtesy:
    """What one runner knows of its neighbours. `arrived` counts the requests of this process and never falls."""

    def __init__(self, arrived: Callable[[], int]) -> None:
        self._arrived = arrived
        self._before = (float("-inf"), arrived())
        self._gives_way = False
        self._lag_s = 0.0
        self._late_s = 0.0

    def lagged(self, seconds: float) -> None:
        """So late a timer rang."""
        self._lag_s += SMOOTHING * (seconds - self._lag_s)

    def late(self, seconds: float) -> None:
        """So late the video was that waited longest."""
        self._late_s = seconds

    def quota(self, most: int, now_s: float) -> int:
        """How many videos may be claimed in this tick; `most` where nobody needs to give way."""
        before_s, before = self._before
        if now_s - before_s >= WINDOW_S:
            arrived = self._arrived()
            self._gives_way = gives_way(self._gives_way, self._lag_s, (arrived - before) / (now_s - before_s))
            self._before = (now_s, arrived)
        return min(most, claims_per_tick(self._late_s)) if self._gives_way else most
