"""Usage: the ledger rolled up into rows, and read as it is at this moment.

A roll-up adds a page of entries to the rows and moves the cursor behind it, in one script that does nothing once the
cursor has moved: however many roll up, and wherever they die, every entry is counted once. Who reads adds the entries
behind the cursor, so the answer is never late. Each cell is read together with the cursor, and entries are added to it
from there on; so nothing needs to stand still meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway import killpoints
from gateway.domain.change import Kind, Posting
from gateway.domain.ledger import Entry, utc_day
from gateway.domain.usage import (
    ROWS_MAX,
    Cell,
    Cells,
    add,
    add_up,
    decode_row,
    decode_sums,
    encode_row,
    encode_sums,
    parts,
    unlike,
)
from gateway.domain.usage_query import Query
from gateway.domain.usage_report import Report, Summary
from gateway.store.lane import Word
from gateway.store.ledger import ENTRIES_MAX, Ledger, read_entry
from gateway.store.loader import ROLL_UP
from gateway.store.room import batches

PAGE: Final = 250  # entries in one roll-up: some milliseconds of this process, less of the server's
CELLS_AT_ONCE: Final = 4
TRIES: Final = 3

Stamp: TypeAlias = tuple[int, int]  # an entry's place in the stream
START: Final[Stamp] = (0, 0)


class Rolled(Struct, frozen=True):
    """`entries`: how many there were to count; `adjusts`: those that correct others. `moved` False: another has
    counted them."""

    cursor: str
    entries: int
    moved: bool
    adjusts: tuple[Posting, ...] = ()


class Bounds(Struct, frozen=True):
    """Of one query."""

    cells: int = 50_000  # read
    tail: int = 20_000  # entries behind the cursor, added up by the query itself
    page: int = ENTRIES_MAX  # of them at once


BOUNDS: Final = Bounds()


class UsageBehind(Exception):
    """More entries stand behind the cursor than a query adds up; the runners are at it."""


class TooManyCells(Exception):
    """The query is about more projects and days than are read at once."""


class Usage(Ledger):
    async def usage_cursor(self) -> str:
        """The last entry that was rolled up; empty: none yet."""
        return _text(await self._link.command("GET", self._names.usage_cursor))

    async def roll_up(self, cursor: str, *, limit: int = PAGE, rows_max: int = ROWS_MAX) -> Rolled:
        """Count the entries behind `cursor`, where it still stands, at most so many."""
        page = await self._entries_after(cursor, limit)
        if not page:
            return Rolled(cursor, 0, False)
        names, after = self._names, page[-1][0]
        cells = add_up(entry for _, entry in page)
        keys = [names.usage_cursor, names.usage_cells, *(names.usage(*cell) for cell in cells)]
        words: list[Word] = [cursor, after, rows_max]
        for (day, project), rows in cells.items():
            words += (f"{day} {project}", len(rows))
            for row, sums in rows.items():
                words += (encode_row(row), encode_row(row.other()), encode_sums(sums))
        killpoints.reach("before.commit.roll_up")
        moved = bool(await self._link.run(ROLL_UP, keys, words))
        killpoints.reach("after.commit.roll_up")
        adjusts = (entry.posting for _, entry in page if entry.posting.kind is Kind.ADJUST)
        return Rolled(after, len(page), moved, tuple(adjusts))

    async def catch_up(self) -> None:
        """Roll up to about now, for who cannot leave it to the runners."""
        while True:
            cursor = await self.usage_cursor()
            rolled = await self.roll_up(cursor, limit=ENTRIES_MAX)
            if rolled.entries < ENTRIES_MAX and (rolled.moved or not rolled.entries):
                return

    async def usage(self, query: Query, *, bounds: Bounds = BOUNDS) -> Report:
        """Exact as of the moment of the answer. UsageBehind, TooManyCells, TooManyLines."""
        for _ in range(TRIES):
            summary, read = Summary(query), dict[Cell, Stamp]()
            default, cells = await self._cells(query, bounds.cells)
            async for cell, stamp, rows in self._rows(cells):
                read[cell] = stamp
                for row, sums in rows.items():
                    summary.add(cell, row, sums)
            begin = min([default, *read.values()])
            days = frozenset(query.each_day())
            async for stamp, entry in self._tail(begin, bounds):
                for cell, row, sums in parts(entry):
                    asked = cell[0] in days and query.project in (None, cell[1])
                    if asked and stamp > read.get(cell, default):
                        summary.add(cell, row, sums)
            if await self._nothing_trimmed(begin):
                return summary.report()
        raise UsageBehind

    async def verify(self) -> list[str]:
        """The same for rows of usage, as far as the entries that they count are there."""
        return await super().verify() + await self._verify_rows()

    # --- reading --------------------------------------------------------------------------------------------------

    async def _cells(self, query: Query, most: int) -> tuple[Stamp, list[Cell]]:
        """Cells that may have rows, and the entry up to which there are no others."""
        days = query.each_day()
        if query.project is not None:
            return _stamp(await self.usage_cursor()), [(day, query.project) for day in days]
        cursor, found = await self._at_one_moment(
            ("GET", self._names.usage_cursor),
            ("ZRANGEBYLEX", self._names.usage_cells, f"[{days[0]}", f"({days[-1]}!", "LIMIT", 0, most + 1),
        )
        if len(found) > most:
            raise TooManyCells
        return _stamp(_text(cursor)), [_cell(one) for one in found]

    async def _rows(self, cells: Sequence[Cell]) -> AsyncIterator[tuple[Cell, Stamp, Any]]:
        """Each cell with its rows, and the last entry that they count."""
        for batch in batches(cells, CELLS_AT_ONCE):
            reads = [("HGETALL", self._names.usage(*cell)) for cell in batch]
            cursor, *replies = await self._at_one_moment(("GET", self._names.usage_cursor), *reads)
            for cell, flat in zip(batch, replies, strict=True):
                pairs = zip(flat[::2], flat[1::2], strict=True)
                yield cell, _stamp(_text(cursor)), {decode_row(row): decode_sums(sums) for row, sums in pairs}

    async def _tail(self, begin: Stamp, bounds: Bounds) -> AsyncIterator[tuple[Stamp, Entry]]:
        after, count = _said(begin), 0
        while True:
            page = await self._entries_after(after, bounds.page)
            for name, entry in page:
                yield _stamp(name), entry
            count += len(page)
            if len(page) < bounds.page:
                return
            if count >= bounds.tail:
                raise UsageBehind
            after = page[-1][0]

    async def _nothing_trimmed(self, begin: Stamp) -> bool:
        """Whether every entry behind `begin` was there while they were read."""
        return _stamp(_text(await self._link.command("HGET", self._names.trimmed, "until_id"))) <= begin

    async def _entries_after(self, cursor: str, limit: int) -> list[tuple[str, Entry]]:
        start = f"({cursor}" if cursor else "-"
        rows = await self._link.command("XRANGE", self._names.ledger, start, "+", "COUNT", limit)
        return [(name.decode(), read_entry(fields)) for name, fields in rows]

    # --- the proof ------------------------------------------------------------------------------------------------

    async def _verify_rows(self) -> list[str]:
        cursor, names = await self._at_one_moment(
            ("GET", self._names.usage_cursor), ("ZRANGE", self._names.usage_cells, 0, -1)
        )
        default = _stamp(_text(cursor))
        stored: Cells = {}
        read: dict[Cell, Stamp] = {}
        async for cell, stamp, rows in self._rows([_cell(one) for one in names]):
            stored[cell], read[cell] = rows, stamp
        booked: Cells = {}
        after, last = "", max([default, *read.values()])
        while page := await self._entries_after(after, ENTRIES_MAX):
            for name, entry in page:
                for cell, row, sums in parts(entry):
                    if _stamp(name) <= read.get(cell, default):
                        add(booked, cell, row, sums)
            after = page[-1][0]
            if _stamp(after) >= last:
                break
        trimmed_ms = await self.trimmed_until_ms()
        if trimmed_ms is not None:  # what is left of the entries proves later days only
            day = utc_day(trimmed_ms)
            stored, booked = ({cell: rows for cell, rows in one.items() if cell[0] > day} for one in (stored, booked))
        return unlike(stored, booked)


def _stamp(name: str) -> Stamp:
    """`1795200000000-3` -> (1795200000000, 3); the empty name comes before all."""
    ms, _, number = name.partition("-")
    return (int(ms), int(number)) if name else START


def _said(stamp: Stamp) -> str:
    return f"{stamp[0]}-{stamp[1]}" if stamp != START else ""


def _cell(name: bytes) -> Cell:
    day, _, project = name.decode().partition(" ")
    return day, project


def _text(value: bytes | None) -> str:
    return (value or b"").decode()
