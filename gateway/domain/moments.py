"""Moments as people and bills write them, in UTC, as Unix milliseconds; and the time between two of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

CHARS_MAX: Final = 40
LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_DATE = r"\d{4}-\d{2}-\d{2}"
_TIME = r"\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?"
_MOMENT: Final = re.compile(rf"{_DATE}(?:[Tt ]{_TIME}(?:[Zz]|[+-]\d{{2}}:\d{{2}}))?", re.ASCII)
_BARE: Final = re.compile(rf"{_DATE}[Tt ]{_TIME}", re.ASCII)
_UNIX: Final = re.compile(r"(\d{10})(\d{3})?", re.ASCII)


class Period(Struct, frozen=True):
    """From `since_ms` on, before `until_ms`; None: without end."""

    since_ms: int | None = None
    until_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        return (self.since_ms is None or at_ms >= self.since_ms) and (self.until_ms is None or at_ms < self.until_ms)

    def begins_after(self, at_ms: int) -> bool:
        return self.since_ms is not None and self.since_ms > at_ms


def parse_moment(text: str) -> int:
    """`2026-11-21` (its first instant in UTC) or RFC 3339 with an offset. ValueError with a sentence for the rest."""
    if len(text) <= CHARS_MAX and _MOMENT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError:
            pass
        else:
            return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // _MS
    short = text[:CHARS_MAX]
    raise ValueError(f"{short!r} is neither a date such as 2026-11-21 nor a moment such as 2026-11-21T09:30:00Z")


def parse_loosely(text: str) -> int:
    """The same for a bill, which may leave the offset out (then it is UTC) or count Unix seconds or milliseconds."""
    short = text.strip().removesuffix(" UTC")
    if unix := _UNIX.fullmatch(short):
        return int(unix[1]) * 1_000 + int(unix[2] or 0)
    return parse_moment(f"{short}Z" if _BARE.fullmatch(short) else short)


def moment_text(unix_ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond. What lies beyond the calendar is its end."""
    moment = _EPOCH + timedelta(milliseconds=max(0, min(unix_ms, LAST_MS)))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{unix_ms % 1_000:03d}Z"
