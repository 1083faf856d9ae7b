"""Tables as CSV that a spreadsheet opens and does not run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from providers.contract import Json

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
# What makes a spreadsheet run a cell instead of showing it, full-width forms too.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_bytes(rows: Iterable[Iterable[str]]) -> bytes:
    """Lines in UTF-8, quoted where they must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def cell(value: Json) -> str:
    """A value as a cell of CSV that no spreadsheet runs."""
    if isinstance(value, list):
        text = " ".join(map(str, value))
    elif isinstance(value, dict):
        text = msgspec.json.encode(value).decode() if value else ""
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = "" if value is None else str(value)
    runs = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return f"'{text}" if runs and not _NUMBER.fullmatch(text) else text
