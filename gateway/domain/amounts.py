"""Amounts as vendors' bills write them: `0.40`, `$1,234.56`, `(1.20)` and `-1.20` for credits, `1.2e-05`.

A bill may be finer than a micro-dollar, and the lines of one job are added before they are rounded; so amounts are
whole *parts* here, a millionth of a micro-dollar each. Read exactly or refused: nothing passes through a float.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from gateway.domain.money import AMOUNT_MICROS_MAX, MICROS

PARTS: Final = 1_000_000  # of a micro-dollar
DIGITS: Final = 12  # decimals of a dollar that parts can tell
CHARS_MAX: Final = 64

# What an amount can be counted in -> how many places its point moves to make dollars.
UNITS: Final = {
    "usd": 0, "usdollar": 0, "usdollars": 0, "dollar": 0, "dollars": 0,
    "cent": 2, "cents": 2, "uscents": 2, "usdcents": 2,
}  # fmt: skip

_AMOUNT: Final = re.compile(
    r"(?P<open>\()? ?(?P<before>[-+\u2212])? ?(?:US ?\$|\$|USD)? ?(?P<after>[-+\u2212])? ?"
    r"(?P<number>(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?(?:[eE][-+]?\d{1,3})?|\.\d+) ?(?:USD|\$)? ?(?P<close>\))?",
    re.ASCII,
)
_SWAP: Final = str.maketrans(",.", ".,")


def parse_amount(text: str, *, places: int = 0, decimal_comma: bool = False) -> int:
    """Parts. `places` as in UNITS; `decimal_comma`: as in 1.234,56. ValueError with the end of a sentence."""
    if len(text) > CHARS_MAX:
        raise ValueError(f"an amount of {len(text)} characters")
    plain = " ".join(text.split())
    found = _AMOUNT.fullmatch(plain.translate(_SWAP) if decimal_comma else plain)
    if found is None or bool(found["open"]) != bool(found["close"]):
        raise ValueError(f"{text!r}, which is no amount of dollars such as 0.40, $1,234.56 or (1.20)")
    signs = [sign for sign in ("-" if found["open"] else None, found["before"], found["after"]) if sign]
    if len(signs) > 1:
        raise ValueError(f"{text!r}, which has {len(signs)} signs")
    parts = _parts(found["number"].replace(",", ""), places, text)
    return -parts if signs and signs[0] != "+" else parts


def micros_of(parts: int) -> int:
    """Rounded up, as a charge that a vendor reports is."""
    return -(-parts // PARTS)


def _parts(number: str, places: int, text: str) -> int:
    _, digits, exponent = Decimal(number).as_tuple()
    assert isinstance(exponent, int), "the pattern lets no infinity in"
    value = int("".join(map(str, digits)))
    shift = exponent - places + DIGITS
    up: int = 10 ** max(shift, 0)
    down: int = 10 ** max(-shift, 0)
    whole, rest = divmod(value * up, down)
    if rest:
        raise ValueError(f"{text!r}, which is finer than {DIGITS} decimals of a dollar")
    if whole > AMOUNT_MICROS_MAX * PARTS:
        raise ValueError(f"{text!r}, which is more than ${AMOUNT_MICROS_MAX // MICROS}")
    return whole
