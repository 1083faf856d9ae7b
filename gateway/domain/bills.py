"""A vendor's bill in CSV: read line by line, exactly, or refused with the number of the line.

UTF-8 with or without a byte order mark; separated by comma, semicolon or tab; the first line names the columns. What
comes out is small: for each of the vendor's jobs what its lines add up to.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, Protocol

from msgspec import Struct

from gateway.domain.amounts import PARTS, micros_of, parse_amount
from gateway.domain.bill_columns import NAME_CHARS_MAX, BadBill, Columns, Wanted, find_columns, places_of
from gateway.domain.moments import parse_loosely
from gateway.domain.money import AMOUNT_MICROS_MAX

LINES_MAX: Final = 1_000_000
LINE_BYTES_MAX: Final = 65_536
JOB_CHARS_MAX: Final = 512
COLUMNS_MAX: Final = 200
SEPARATORS: Final = ",;\t"
_OTHER_ENCODINGS: Final = (b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04")


class Job(Struct, gc=False):
    """One of the vendor's jobs on the bill. `line`: the first that names it."""

    line: int
    lines: int = 0
    parts: int = 0

    @property
    def micros(self) -> int:
        return micros_of(self.parts)


class Bill(Struct):
    """`first_ms` and `last_ms`: of its dates; None: it has none."""

    jobs: dict[str, Job]
    lines: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


def read_bill(
    lines: Iterable[bytes], wanted: Wanted, *, decimal_comma: bool | None = None, lines_max: int = LINES_MAX
) -> Bill:
    """Each of `lines` with its end, at most LINE_BYTES_MAX + 1 bytes of it. `decimal_comma` None: points, and an amount
    that could mean either is refused. BadBill says what is wrong, and on which line."""
    text = _decoded(lines)
    first = next(text, "")
    if not first.strip():
        raise BadBill("line 1: the names of the columns are missing")
    separator = max(SEPARATORS, key=lambda one: _fields(first, one))
    rows = _rows(csv.reader(chain([first], text), delimiter=separator, strict=True))
    _, header = next(rows, (1, []))
    if not header:
        raise BadBill("line 1: the names of the columns are missing")
    if len(header) > COLUMNS_MAX:
        raise BadBill(f"line 1: more than {COLUMNS_MAX} columns")
    columns = find_columns(header, wanted)
    reader = _Lines(columns, decimal_comma=bool(decimal_comma), strict=separator == ";" and decimal_comma is None)
    for number, row in rows:
        if reader.bill.lines >= lines_max:
            raise BadBill(f"line {number}: a bill has at most {lines_max} lines; split it")
        try:
            reader.read(number, row)
        except ValueError as error:
            raise BadBill(f"line {number}: {error}") from error
    if not reader.bill.lines:
        raise BadBill("the bill has no lines below the names of its columns")
    return reader.bill


def _fields(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line.rstrip("\r\n")], delimiter=separator)))
    except csv.Error:
        return 0


class _Lines:
    """Adds up the bill. `strict`: a comma in an amount may be a decimal one."""

    def __init__(self, columns: Columns, *, decimal_comma: bool, strict: bool) -> None:
        self.bill = Bill({})
        self._columns = columns
        self._decimal_comma = decimal_comma
        self._strict = strict
        self._total = 0  # of amounts without their signs, so that no sum of them is too much

    def read(self, number: int, row: Sequence[str]) -> None:
        """ValueError with what is wrong with the line."""
        columns, bill = self._columns, self.bill
        if len(row) != columns.count:
            raise ValueError(f"it has {len(row)} fields, the first line {columns.count}")
        name = _job(row[columns.job])
        parts = self._amount(row)
        self._total += abs(parts)
        if self._total > AMOUNT_MICROS_MAX * PARTS:
            raise ValueError("so far the bill adds up to more than the ledger can count")
        if columns.date is not None:
            self._date(row[columns.date])
        bill.lines += 1
        job = bill.jobs.get(name)
        if job is None:
            job = bill.jobs[name] = Job(number)
        job.lines += 1
        job.parts += parts

    def _amount(self, row: Sequence[str]) -> int:
        columns, text = self._columns, row[self._columns.amount]
        places = columns.places
        if columns.currency is not None and (unit := row[columns.currency].strip()):
            found = places_of(unit)
            if found is None:
                raise ValueError(f"it is in {unit[:NAME_CHARS_MAX]!r}; only dollars and cents can be compared")
            places = found or places
        if self._strict and "," in text and "." not in text:
            raise ValueError(
                f"is {text[:NAME_CHARS_MAX]!r} with a decimal comma? say --decimal comma or --decimal point"
            )
        try:
            return parse_amount(text, places=places, decimal_comma=self._decimal_comma)
        except ValueError as error:
            raise ValueError(f"the amount is {error}") from error

    def _date(self, text: str) -> None:
        try:
            at_ms = parse_loosely(text)
        except ValueError as error:
            raise ValueError(f"{error}; with --since and --until no dates are read") from error
        bill = self.bill
        bill.first_ms = at_ms if bill.first_ms is None else min(bill.first_ms, at_ms)
        bill.last_ms = at_ms if bill.last_ms is None else max(bill.last_ms, at_ms)


def _job(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError("the job's id is empty; take lines out that are about no job")
    if len(name) > JOB_CHARS_MAX:
        raise ValueError(f"the job's id has more than {JOB_CHARS_MAX} characters")
    if not name.isprintable():
        raise ValueError("the job's id has characters that cannot be printed")
    return name


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    """Text of each line; the mark at the very beginning goes."""
    for number, line in enumerate(lines, 1):
        if number == 1 and line.startswith(_OTHER_ENCODINGS):
            raise BadBill("this is no CSV in UTF-8; save it as such")
        if len(line) > LINE_BYTES_MAX:
            raise BadBill(f"line {number}: longer than {LINE_BYTES_MAX} bytes")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise BadBill(f"line {number}: this is no UTF-8; save the bill as CSV in UTF-8") from error


class _Reader(Protocol):
    """A csv.reader, whose type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def _rows(reader: _Reader) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line it begins on, empty ones left out."""
    number = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadBill(f"line {number}: no CSV: {error}") from error
        if any(cell.strip() for cell in row):
            yield number, row
        number = reader.line_num + 1
