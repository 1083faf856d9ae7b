"""Budgets: caps on spend for a scope in a window. Their names, when they reset, what is said of one that is used up.

Pure. A budget is named as the counters that it bounds, without the period: `project/proj_1/day` bounds
`project/proj_1/day/2026-11-21` today. What is held counts as spent: no hold may bring both together above the cap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from msgspec import Struct

from gateway.domain.money import format_dollars

THRESHOLDS: Final = (50, 80, 100)
THRESHOLDS_MAX: Final = 16

_PERIOD: Final = re.compile(r"/\d{4}-\d{2}(?:-\d{2})?\Z", re.ASCII)
_EVERY: Final = {"day": "daily ", "month": "monthly ", "total": "total "}


class Window(StrEnum):
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Cap(Struct, frozen=True):
    """A sum that no hold may pass, and the parts of it, in percent, that raise an event."""

    micros: int
    thresholds: tuple[int, ...] = THRESHOLDS


class Budget(Struct, frozen=True, kw_only=True):
    """A cap with what counts against it in the present window."""

    scope: str  # gateway, key/<id>, project/<id>, provider/<name>
    window: Window
    cap: Cap
    held_micros: int = 0
    settled_micros: int = 0

    @property
    def left_micros(self) -> int:
        return max(0, self.cap.micros - self.held_micros - self.settled_micros)

    @property
    def overrun_micros(self) -> int:
        """Above the cap: only a lowered cap, an adjust or a vendor that bills above its quote can do that."""
        return max(0, self.held_micros + self.settled_micros - self.cap.micros)


def name_of(scope: str, window: Window) -> str:
    return f"{scope}/{window}"


def parts_of(name: str) -> tuple[str, Window]:
    """The scope and window of a budget's name."""
    scope, _, window = name.rpartition("/")
    return scope, Window(window)


def budget_of(counter: str) -> str:
    """The name of the budget that a counter counts for."""
    return _PERIOD.sub("", counter)


def counter_of(name: str, now_ms: int) -> str:
    """The counter that a budget bounds now."""
    _, window = parts_of(name)
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    match window:
        case Window.DAY:
            return f"{name}/{now:%Y-%m-%d}"
        case Window.MONTH:
            return f"{name}/{now:%Y-%m}"
        case _:
            return name


def resets_at(counter: str) -> str | None:
    """When the counter's window ends, as RFC 3339; None for the one that never does."""
    name = budget_of(counter)
    if name == counter:
        return None
    year, month, *day = (int(part) for part in counter[len(name) + 1 :].split("-"))
    if day:
        end = datetime(year, month, day[0], tzinfo=UTC) + timedelta(days=1)
    else:
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return f"{end:%Y-%m-%dT%H:%M:%SZ}"


def exhausted(counter: str, cap_micros: int, spent_micros: int, price_micros: int) -> str:
    """What a client is told. Sums are told of its own budgets only."""
    scope, window = parts_of(budget_of(counter))
    kind, _, _ = scope.partition("/")
    mine = kind in ("key", "project")
    owner = {"key": "This API key's", "project": "This project's"}.get(kind, "A")
    whose = "" if mine else " of this gateway"
    of_cap = f" of {format_dollars(cap_micros)}" if mine else ""
    spent = f" {format_dollars(spent_micros)} are spent or held, and" if mine else ""
    reset = resets_at(counter)
    until = f" It resets at {reset}." if reset else ""
    return (
        f"{owner} {_EVERY[window]}budget{of_cap}{whose} does not allow this video:{spent} it costs "
        f"{format_dollars(price_micros)}.{until} Ask your administrator to raise it."
    )


def sane_thresholds(percents: Sequence[int]) -> bool:
    """Rising, from 1 to 100."""
    return (
        len(percents) <= THRESHOLDS_MAX
        and all(1 <= one <= 100 for one in percents)
        and all(low < high for low, high in pairwise(percents))
    )
