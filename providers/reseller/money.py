"""What resellers say of money: what a job took, what is left. Pure; decimal text in, decimal text out, never a float.

A zero is how relays spell that they did not count, so it is no charge.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final

from providers.contract import Charge, Json, Unit
from providers.reseller.places import first, look
from providers.reseller.settings import Amount, Balance
from providers.toolbox import Node

DIGITS_MAX: Final = 30
AMOUNT_MAX: Final = Decimal(10) ** 15


def number(value: Json) -> Decimal | None:
    """A number that is written as one or as text; None for what is none, or is beyond all sense."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > DIGITS_MAX:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) <= AMOUNT_MAX and found.as_tuple().exponent != "n" else None


def charge_of(places: Iterable[Amount], document: Node) -> Charge | None:
    """What the job took, by the first place that says it."""
    for place in places:
        amount = number(look(document, place.at).raw)
        if amount is not None and amount > 0:
            return _charge(amount, place.per_usd)
    return None


def balance_of(balance: Balance, document: Node, taken: Decimal) -> Charge | None:
    """What is left, None where the reseller says that there is no limit or nothing that makes sense."""
    if balance.unlimited_at is not None and _among(look(document, balance.unlimited_at).raw, balance.unlimited):
        return None
    amount = number(first(document, balance.paths).raw)
    if amount is None:
        return None
    return _charge(max(Decimal(0), amount - taken), balance.per_usd)


def _among(value: Json, words: Iterable[bool | int]) -> bool:
    """`1` is not `true` here, and 100000000.0 is 100000000."""
    return any(value == word and isinstance(value, bool) == isinstance(word, bool) for word in words)


def _charge(amount: Decimal, per_usd: str | None) -> Charge:
    unit = Unit.CREDITS if per_usd is None else Unit.USD
    with localcontext() as context:
        context.prec = 40
        worth = amount if per_usd is None else amount / Decimal(per_usd)
    return Charge(_text(worth), unit)


def _text(amount: Decimal) -> str:
    """Without an exponent, rounded up where it does not end."""
    short = round(amount, 12).normalize()
    return f"{short:f}"
