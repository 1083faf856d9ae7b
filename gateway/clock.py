"""The clocks: Unix time as Redis tells it, and seconds that go on counting while the machine sleeps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

# CLOCK_BOOTTIME is Linux's; elsewhere the monotonic clock is the nearest there is.
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _boot_s() -> float:
    return time.clock_gettime(_BOOT_CLOCK)


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix milliseconds, as near to the store's clock as is known."""
        ...

    def boot_s(self) -> float:
        """Seconds since the machine started, suspends included: for limits that no sleep may stretch."""
        ...


class SystemClock:
    """This machine's clock, corrected by what the store last said. Replicas then agree whatever their clocks say.

    An answer tells only that the store's time fell between asking and hearing, so the clock moves no further than that
    span demands: two clocks that agree stay still, however late an answer was heard, and ids made one after the other
    sort so. `wall_ns` and `boot_s` are a test's to replace.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns, boot_s: Callable[[], float] = _boot_s) -> None:
        self._wall_ns = wall_ns
        self._boot_s = boot_s
        self._offset_ms = 0

    def now_ms(self) -> int:
        return self._wall_ns() // 1_000_000 + self._offset_ms

    def boot_s(self) -> float:
        return self._boot_s()

    def correct(self, store_now_ms: int, asked_boot_s: float) -> None:
        """Take the store's time from an answer to what was asked at `asked_boot_s`."""
        latest = self.now_ms()
        earliest = latest - math.ceil((self._boot_s() - asked_boot_s) * 1_000) - 1
        self._offset_ms += store_now_ms - min(max(store_now_ms, earliest), latest)
