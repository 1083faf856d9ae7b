"""Money: whole micro-dollars inside, decimal dollars where people read and write. Never a float."""

from __future__ import annotations

import re
from decimal import Decimal

from providers.contract import BILLION

MICROS = 1_000_000
AMOUNT_MICROS_MAX = 2**53 - 1  # Redis compares in doubles; sums stay exact below this

_DOLLARS = re.compile(r"\d{1,10}(\.\d{1,6})?", re.ASCII)
_FINE = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?", re.ASCII)


def parse_dollars(text: str) -> int:
    """`"0.10"` -> 100000. ValueError for anything negative, finer than a micro-dollar or not a plain decimal."""
    if not _DOLLARS.fullmatch(text):
        raise ValueError(f"{text!r} is not an amount of dollars such as 0.10, with at most six digits after the point")
    micros = int(Decimal(text) * MICROS)
    if micros > AMOUNT_MICROS_MAX:
        raise ValueError(f"{text!r} is more than the ledger can count")
    return micros


def parse_billionths(text: str) -> int:
    """`"0.005"` -> 5000000. ValueError for anything negative, finer than a billionth or not a plain decimal."""
    found = _FINE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a number such as 0.005, with at most nine digits after the point")
    return int(found[1]) * BILLION + int((found[2] or "").ljust(9, "0"))


def format_usd(micros: int) -> str:
    """-1200000 -> `-1.20`: dollars for programs, without the sign of the currency."""
    return format_dollars(micros).replace("$", "")


def format_dollars(micros: int) -> str:
    """100000 -> `$0.10`; at least cents, as many digits as needed."""
    sign = "-" if micros < 0 else ""
    whole, fraction = divmod(abs(micros), MICROS)
    digits = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole}.{digits}"
