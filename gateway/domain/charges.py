"""What a vendor says it took, in our money: exact, rounded up to a whole micro-dollar, or not known."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import ceil
from typing import Final

from gateway.domain.money import AMOUNT_MICROS_MAX, MICROS
from providers.contract import BILLION, Charge, Unit

CHARS_MAX: Final = 64
DIGITS_MAX: Final = 40
"""Before and after the point; beyond that an exponent could ask for a number of any length."""


def micros_of(charged: Charge | None, credit_usd_billionths: int | None) -> int | None:
    """Micro-dollars, None where the charge is in no unit that has a rate or makes no sense. `credit_usd_billionths`:
    what a credit is worth by the price line of the attempt's quote. No credits are no dollars at any rate."""
    amount = _amount(charged.amount) if charged is not None else None
    if charged is None or amount is None:
        return None
    match charged.unit:
        case Unit.USD:
            dollars = amount
        case Unit.CREDITS if credit_usd_billionths is not None:
            dollars = amount * Fraction(credit_usd_billionths, BILLION)
        case Unit.CREDITS if amount == 0:
            dollars = amount
        case _:
            return None
    micros = ceil(dollars * MICROS)
    return micros if micros <= AMOUNT_MICROS_MAX else None


def _amount(text: str) -> Fraction | None:
    """Decimal text, an exponent allowed, as what it says exactly."""
    try:
        amount = Decimal(text) if len(text) <= CHARS_MAX else Decimal("NaN")
    except InvalidOperation:
        return None
    if not amount.is_finite() or (amount.is_signed() and amount != 0):
        return None
    if amount == 0:
        return Fraction(0)
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    return Fraction(amount) if exponent >= -DIGITS_MAX and amount.adjusted() < DIGITS_MAX else None
