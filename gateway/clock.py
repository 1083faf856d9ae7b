"""The clocks: Unix time as Redis tells it, and seconds that go on counting while the machine sleeps."""

from __future__ import annotations

import time
from typing import Protocol

# CLOCK_BOOTTIME is Linux's; elsewhere the monotonic clock is the nearest there is.
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix milliseconds, as near to the store's clock as is known."""
        ...

    def boot_s(self) -> float:
        """Seconds since the machine started, suspends included: for limits that no sleep may stretch."""
        ...


class SystemClock:
    """This machine's clock, corrected by what the store last said. Replicas then agree whatever their clocks say."""

    def __init__(self) -> None:
        self._offset_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms

    def boot_s(self) -> float:
        return time.clock_gettime(_BOOT_CLOCK)

    def correct(self, store_now_ms: int) -> None:
        self._offset_ms = store_now_ms - time.time_ns() // 1_000_000
