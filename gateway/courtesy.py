"""Courtesy: requests come first while they keep the event loop busy, and the videos' steps wait for a moment.

Both share one core. A client waits for its answer in milliseconds, a clip takes minutes; so a burst of requests is let
through and what it created is worked off behind it. The later the work gets, the less it gives way: every two seconds
double what it may take, so a load that lasts is shared after a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TICK_S: Final = 0.02
BUSY_S: Final = 0.0005
"""A turn of the event loop as long as this means that somebody waits for it."""
LEAST_PER_TICK: Final = 2
DOUBLES_S: Final = 2.0
LATE_S_MAX: Final = 20.0
SMOOTHING: Final = 0.2


def quota(turn_s: float, arrivals: int, late_s: float, most: int) -> int:
    """How many videos may be claimed in a tick: all, unless requests arrived and the loop is busy."""
    if not arrivals or turn_s < BUSY_S:
        return most
    return min(most, round(LEAST_PER_TICK * 2 ** (min(max(late_s, 0.0), LATE_S_MAX) / DOUBLES_S)))


class Courtesy:
    """What one runner knows of its neighbours. `arrived` counts the requests of this process and never falls."""

    def __init__(self, arrived: Callable[[], int]) -> None:
        self._arrived = arrived
        self._seen = arrived()
        self._turn_s = 0.0
        self._late_s = 0.0

    def turned(self, seconds: float) -> None:
        """So long a turn of the event loop took."""
        self._turn_s += SMOOTHING * (seconds - self._turn_s)

    def late(self, seconds: float) -> None:
        """So late the video was that waited longest."""
        self._late_s = seconds

    def quota(self, most: int) -> int:
        """How many videos may be claimed now; `most` where nobody needs to give way."""
        arrived = self._arrived()
        arrivals, self._seen = arrived - self._seen, arrived
        return quota(self._turn_s, arrivals, self._late_s, most)
