"""How commands print: JSON for programs, one object a line; a plain table for people."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

import click
import msgspec

from providers.contract import Json

LAST_S: Final = 253_402_300_799  # 9999-12-31T23:59:59Z


def print_json(*values: dict[str, Json]) -> None:
    for value in values:
        click.echo(msgspec.json.encode(value).decode())


def print_table(columns: Sequence[str], rows: Sequence[dict[str, Json]]) -> None:
    """Columns as wide as they need to be; what is missing is a dash."""
    cells = [[str(row[column] or "-") for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in ([column.upper() for column in columns], *cells):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def utc(unix_ms: int) -> str:
    """RFC 3339, to the second. What lies beyond the calendar is its end: a list must not fail because of one entry."""
    seconds = max(0, min(unix_ms // 1_000, LAST_S))
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_ms(unix_ms: int) -> str:
    """The same to the millisecond."""
    return f"{utc(unix_ms)[:-1]}.{max(0, unix_ms) % 1_000:03d}Z"
