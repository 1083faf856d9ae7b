"""Usage: what the ledger's entries add up to, by the day, who asked, what was asked for and its tags.

A *cell* is one project on one day (UTC); a *row* is what was used in it by one key, on one route, for one model, under
one set of tags. Entries only ever add to rows, so rows may be added up in any order and in any number of pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from gateway.domain.change import Kind, Posting
from gateway.domain.ledger import Entry, moves, utc_day

ROWS_MAX: Final = 2_000
"""In a cell. What would be a further row is counted in one whose tags are not told apart."""

_DAY_COUNTER: Final = "gateway/day/"


class Row(Struct, frozen=True, array_like=True):
    key: str
    provider: str
    route: str
    model: str
    tags: str | None = ""  # a JSON object of texts, empty: none; None: other tags, not told apart

    def other(self) -> Row:
        """Where it is counted when its cell is full."""
        return Row(self.key, self.provider, self.route, self.model, None)


class Sums(Struct, frozen=True, array_like=True):
    """All but the first in micro-dollars."""

    completed: int = 0  # videos
    spent: int = 0  # settled, and adjusted afterwards
    delivered: int = 0  # of `spent`: for the clips that clients got
    adjusted: int = 0  # of `spent`: by adjusts, signed
    house: int = 0  # of `spent`: not borne by key and project
    held: int = 0  # of the holds made on this day, what nothing has ended yet
    dearest: int = 0  # what the completed videos would have cost on the dearest routes of their plans
    house_adjusted: int = 0  # of `adjusted`: not borne by key and project

    def plus(self, more: Sums) -> Sums:
        return Sums(
            self.completed + more.completed,
            self.spent + more.spent,
            self.delivered + more.delivered,
            self.adjusted + more.adjusted,
            self.house + more.house,
            self.held + more.held,
            self.dearest + more.dearest,
            self.house_adjusted + more.house_adjusted,
        )


NOTHING: Final = Sums()
Cell: TypeAlias = tuple[str, str]  # day, project
Cells: TypeAlias = "dict[Cell, dict[Row, Sums]]"


def add_up(entries: Iterable[Entry]) -> Cells:
    """What some entries add to the rows that they touch."""
    cells: Cells = {}
    for entry in entries:
        for cell, row, sums in parts(entry):
            add(cells, cell, row, sums)
    return cells


def add(cells: Cells, cell: Cell, row: Row, sums: Sums) -> None:
    rows = cells.setdefault(cell, {})
    rows[row] = rows.get(row, NOTHING).plus(sums)


def parts(entry: Entry) -> Iterator[tuple[Cell, Row, Sums]]:
    """What an entry adds, and where. Spend belongs to the day of its own entry; what is held, and let go again, to the
    day whose counters the hold names. So a day's `held` comes down to nothing when all its holds have ended."""
    posting = entry.posting
    row = Row(posting.key_id, posting.provider, posting.route, posting.model, posting.tags)
    held = moves(posting).held_micros
    if held:
        yield (_day_of_hold(entry), posting.project), row, Sums(held=held)
    if posting.kind is Kind.SETTLE or posting.kind is Kind.ADJUST:
        yield (utc_day(entry.at_ms), posting.project), row, _spend(posting)


def _spend(posting: Posting) -> Sums:
    amount = posting.amount_micros
    adjusted = amount if posting.kind is Kind.ADJUST else 0
    completes = posting.delivered and posting.kind is Kind.SETTLE
    return Sums(
        completed=int(completes),
        spent=amount,
        delivered=amount if posting.delivered else 0,
        adjusted=adjusted,
        house=amount if posting.spared else 0,
        dearest=posting.dearest_micros if completes else 0,
        house_adjusted=adjusted if posting.spared else 0,
    )


def _day_of_hold(entry: Entry) -> str:
    for counter in entry.posting.counters:
        if counter.startswith(_DAY_COUNTER):
            return counter.removeprefix(_DAY_COUNTER)
    return utc_day(entry.at_ms)


# --- as text ------------------------------------------------------------------------------------------------------

_encode = msgspec.json.Encoder().encode
_decode_row = msgspec.json.Decoder(Row).decode


def encode_row(row: Row) -> bytes:
    """`["key_1","mock","mock/m","sora-2","{\\"campaign\\":\\"spring\\"}"]`"""
    return _encode(row)


def decode_row(data: bytes) -> Row:
    return _decode_row(data)


def encode_sums(sums: Sums) -> str:
    """`1 400000 400000 0 0 0 900000 0`"""
    return " ".join(map(str, astuple(sums)))


def decode_sums(data: bytes) -> Sums:
    return Sums(*map(int, data.split()))


# --- the proof ----------------------------------------------------------------------------------------------------


def unlike(stored: Cells, booked: Cells) -> list[str]:
    """Where rows are not what the entries add up to, one sentence each. `booked` has each row in full; a row that is
    not among the stored ones was counted among the other tags of its cell."""
    found = []
    for cell in sorted(stored.keys() | booked.keys()):
        rows = stored.get(cell, {})
        sums: dict[Row, Sums] = {}
        for row, more in booked.get(cell, {}).items():
            place = row if row in rows or row.other() not in rows else row.other()
            sums[place] = sums.get(place, NOTHING).plus(more)
        for row in sorted(rows.keys() | sums.keys(), key=encode_row):
            kept, right = rows.get(row, NOTHING), sums.get(row, NOTHING)
            if kept != right:
                what = encode_row(row).decode()
                found.append(
                    f"usage of {cell[1]} on {cell[0]} says {encode_sums(kept)} for {what}, "
                    f"its entries add up to {encode_sums(right)}"
                )
    return found
