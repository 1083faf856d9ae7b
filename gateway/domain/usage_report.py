"""The answer to a query of usage: rows summed up by what was asked for, in order, with their total; as JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.money import format_dollars
from gateway.domain.tables import cell as csv_cell
from gateway.domain.tables import csv_bytes
from gateway.domain.usage import NOTHING, Cell, Row, Sums
from gateway.domain.usage_query import TAG, Query, values
from providers.contract import Json

LINES_MAX: Final = 10_000

Place: TypeAlias = "tuple[tuple[str | None, ...], bool]"


class TooManyLines(Exception):
    """More than LINES_MAX: shorten the time, group by less, or look for less."""


class Line(Struct, frozen=True):
    values: tuple[str | None, ...]  # as grouped by; None: no such tag
    other: bool  # tags that its cells no longer told apart
    sums: Sums


class Report(Struct, frozen=True):
    query: Query
    lines: tuple[Line, ...]  # by their values; without names to group by, the total says it all
    total: Sums  # of what is asked for for certain: with a filter by a tag, without `other`


class Summary:
    """Adds up rows into lines. TooManyLines."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._lines: dict[Place, Sums] = {}
        self._total = NOTHING
        self._plain = tuple(one for one in query.filters if not one[0].startswith(TAG))
        self._tags = tuple(one for one in query.filters if one[0].startswith(TAG))
        self._by_tags = any(name.startswith(TAG) for name in query.group_by)

    def add(self, cell: Cell, row: Row, sums: Sums) -> None:
        if sums == NOTHING or not _fits(self._plain, cell, row):
            return
        unknown = row.tags is None
        if not unknown and not _fits(self._tags, cell, row):
            return
        place = (values(self._query.group_by, cell, row), unknown and (self._by_tags or bool(self._tags)))
        if place not in self._lines and len(self._lines) >= LINES_MAX:
            raise TooManyLines
        sums = _borne(sums) if self._query.bears else sums
        self._lines[place] = self._lines.get(place, NOTHING).plus(sums)
        if not (unknown and self._tags):
            self._total = self._total.plus(sums)

    def report(self) -> Report:
        ordered = sorted(self._lines.items(), key=lambda one: _order(*one[0]))
        lines = (Line(texts, other, sums) for (texts, other), sums in ordered)
        told = (one for one in lines if one.sums != NOTHING and (self._query.group_by or one.other))
        return Report(self._query, tuple(told), self._total)


def _fits(filters: tuple[tuple[str, str], ...], cell: Cell, row: Row) -> bool:
    found = values((name for name, _ in filters), cell, row) if filters else ()
    return all(value == wanted for value, (_, wanted) in zip(found, filters, strict=True))


def _borne(sums: Sums) -> Sums:
    """Without what the house bears."""
    return replace(
        sums,
        spent=sums.spent - sums.house,
        adjusted=sums.adjusted - sums.house_adjusted,
        house=0,
        house_adjusted=0,
    )


def _order(texts: tuple[str | None, ...], other: bool) -> tuple[object, ...]:
    """What has no such tag, and the others, come last."""
    return (other, tuple((text is None, text or "") for text in texts))


# --- figures ------------------------------------------------------------------------------------------------------


def per_video(sums: Sums) -> int | None:
    """Everything that was spent, over the videos completed, to the nearest micro-dollar, halves up."""
    if not sums.completed:
        return None
    return (2 * sums.spent + sums.completed) // (2 * sums.completed)


def figures(sums: Sums, *, house: bool) -> dict[str, Json]:
    """What is said of a line, amounts in micro-dollars and in dollars. `house`: also what the house bears."""
    shown: dict[str, Json] = {"videos_completed": sums.completed}
    amounts = {
        "spend": sums.spent,
        "held": sums.held,
        "cost_per_video": per_video(sums),
        "failed_spend": sums.spent - sums.delivered,
        "adjusted": sums.adjusted,
        "savings": sums.dearest - sums.delivered,
        **({"house_spend": sums.house} if house else {}),
    }
    for name, micros in amounts.items():
        shown[f"{name}_micros"] = micros
        shown[f"{name}_usd"] = None if micros is None else format_dollars(micros).replace("$", "")
    return shown


def as_json(report: Report) -> dict[str, Json]:
    query, house = report.query, not report.query.bears
    return {
        "object": "usage",
        "from": query.since,
        "until": _until(query),
        "currency": "usd",
        "group_by": list(query.group_by),
        "data": [
            {
                **dict(zip(query.group_by, one.values, strict=True)),
                **({"other": True} if one.other else {}),
                **figures(one.sums, house=house),
            }
            for one in report.lines
        ],
        "total": figures(report.total, house=house),
    }


def as_rows(report: Report) -> Iterable[dict[str, Json]]:
    """The lines of a table: `line` is `group`, `other` or, once and last, `total`."""
    query, house = report.query, not report.query.bears
    for one in report.lines:
        names = dict(zip(query.group_by, one.values, strict=True))
        yield {"line": "other" if one.other else "group", **names, **figures(one.sums, house=house)}
    yield {"line": "total", **dict.fromkeys(query.group_by), **figures(report.total, house=house)}


def as_csv(report: Report) -> bytes:
    rows = list(as_rows(report))
    return csv_bytes(
        [[csv_cell(name) for name in rows[-1]], *([csv_cell(one) for one in row.values()] for row in rows)]
    )


def _until(query: Query) -> str:
    *_, last = query.each_day()
    return Query(since=last, days=2).each_day()[1]
