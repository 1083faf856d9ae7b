"""How commands print: JSON for programs, one object a line; a plain table for people."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import click
import msgspec

from providers.contract import Json


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
    """RFC 3339, to the second."""
    return datetime.datetime.fromtimestamp(unix_ms // 1_000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
