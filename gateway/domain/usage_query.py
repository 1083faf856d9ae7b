"""What is asked of usage: which days, grouped by what, only of whom. Read from texts, refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from gateway.domain.ledger import DAY_MS, utc_day
from gateway.domain.moments import parse_moment
from gateway.domain.usage import Cell, Row

PLAIN: Final = ("day", "month", "project", "key", "provider", "route", "model")
TAG: Final = "tag:"
DAYS: Final = 30  # unless told otherwise
DAYS_MAX: Final = 366
LAST_MS: Final = 253_402_214_400_000  # 9999-12-31: there is no day behind it
GROUPS_MAX: Final = 8
FILTERS_MAX: Final = 16
TEXT_CHARS_MAX: Final = 512

_KNOWN: Final = ", ".join((*PLAIN, "tag:NAME"))


class BadQuery(ValueError):
    """What cannot be answered: a sentence, and the field that it is about."""

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class Query(Struct, frozen=True, kw_only=True):
    since: str  # the first day that counts
    days: int  # so many from then on
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    project: str | None = None  # None: all
    bears: bool = False  # only what the project itself bears

    def each_day(self) -> list[str]:
        first = datetime.strptime(self.since, "%Y-%m-%d").replace(tzinfo=UTC)
        return [(first + timedelta(days=number)).strftime("%Y-%m-%d") for number in range(self.days)]


def read_query(fields: Mapping[str, str], now_ms: int) -> Query:
    """From the fields `from`, `until` (the first day that no longer counts), `group_by` (names between commas), and
    filters under the names that one can group by. BadQuery."""
    since_ms, until_ms = _period(fields, now_ms)
    filters = tuple((name, value) for name, value in fields.items() if name not in ("from", "until", "group_by"))
    if len(filters) > FILTERS_MAX:
        raise BadQuery(f"at most {FILTERS_MAX} filters", filters[FILTERS_MAX][0])
    for name, value in filters:
        _dimension(name, name)
        if len(value) > TEXT_CHARS_MAX:
            raise BadQuery(f"a value to look for has at most {TEXT_CHARS_MAX} characters", name)
    words = [word.strip() for word in fields.get("group_by", "").split(",")]
    groups = tuple(dict.fromkeys(word for word in words if word))
    if len(groups) > GROUPS_MAX:
        raise BadQuery(f"at most {GROUPS_MAX} names to group by", "group_by")
    for name in groups:
        _dimension(name, "group_by")
    return Query(
        since=utc_day(since_ms),
        days=(until_ms - since_ms) // DAY_MS,
        group_by=groups,
        filters=filters,
        project=fields.get("project"),
    )


def values(names: Iterable[str], cell: Cell, row: Row) -> tuple[str | None, ...]:
    """What a row has under these names. None: it has no such tag, or nobody knows."""
    names = tuple(names)
    tags = _tags(row.tags) if row.tags and any(name.startswith(TAG) for name in names) else {}
    day, project = cell
    plain = {
        "day": day,
        "month": day[:7],
        "project": project,
        "key": row.key,
        "provider": row.provider,
        "route": row.route,
        "model": row.model,
    }
    return tuple(tags.get(name.removeprefix(TAG)) if name.startswith(TAG) else plain[name] for name in names)


def _period(fields: Mapping[str, str], now_ms: int) -> tuple[int, int]:
    tomorrow_ms = now_ms - now_ms % DAY_MS + DAY_MS
    until_ms = _midnight(fields["until"], "until") if "until" in fields else None
    since_ms = _midnight(fields["from"], "from") if "from" in fields else None
    if until_ms is None:
        until_ms = tomorrow_ms if since_ms is None else max(tomorrow_ms, since_ms + DAY_MS)
    if since_ms is None:
        since_ms = until_ms - DAYS * DAY_MS
    if until_ms > LAST_MS:
        raise BadQuery("the last day that can be asked for is 9999-12-30", "until" if "until" in fields else "from")
    if not 0 <= since_ms < until_ms:
        raise BadQuery("'from' must lie before 'until', the first day that no longer counts", "from")
    if until_ms - since_ms > DAYS_MAX * DAY_MS:
        raise BadQuery(f"at most {DAYS_MAX} days at once; give a nearer 'until'", "until")
    return since_ms, until_ms


def _midnight(text: str, field: str) -> int:
    try:
        at_ms = parse_moment(text)
    except ValueError as error:
        raise BadQuery(str(error), field) from error
    if at_ms % DAY_MS:
        raise BadQuery("usage is counted by whole days in UTC; give a date such as 2026-11-21", field)
    return at_ms


def _dimension(name: str, field: str) -> None:
    tag = name.removeprefix(TAG) if name.startswith(TAG) else None
    if name not in PLAIN and not tag:
        known = f"usage is looked for by {_KNOWN}" if field == name else f"usage is grouped by {_KNOWN}"
        raise BadQuery(f"{name[:64]!r} is unknown: {known}", field[:64])
    if len(name) > TEXT_CHARS_MAX:
        raise BadQuery(f"a tag's name has at most {TEXT_CHARS_MAX} characters", field[:64])


_decode_tags = msgspec.json.Decoder(dict[str, str]).decode


def _tags(text: str) -> dict[str, str]:
    return _decode_tags(text)
