"""What a request costs on a route: one line of a dated price list, in whole micro-dollars.

Pure. Of the lines that fit size, length and sound and have begun, the one that began last counts; of several that began
on the same day, or that name no day, the first. A line's factors multiply what its seconds and its clip cost, its added
amounts come on top of that. All of it is counted exactly, in integers, and rounded once, at the end: up to a whole
micro-dollar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from gateway.domain.money import MICROS
from gateway.domain.videos import Request
from providers.contract import BILLION, Abilities, Modifier, Price, Size, Verb

ALWAYS: Final = ""
"""Sorts before every day: when a line begins that names none."""

# Credits and what one is worth are counted in billionths, so a product of both is counted in these.
_FINE: Final = BILLION * BILLION
_FINE_PER_MICRO: Final = _FINE // MICROS


class Quote(Struct, frozen=True):
    micros: int
    price: Price  # the line that it was read from


def with_sound(abilities: Abilities, wanted: bool | None = None) -> bool:
    """Whether a clip has sound. `wanted`: what the request says; a model with a switch is asked for sound where it says
    nothing, and one without does as it always does."""
    return abilities.audio if abilities.audio is not None else wanted is not False


def quote(prices: Sequence[Price], request: Request, *, sound: bool, day: str) -> Quote | None:
    """`day`: YYYY-MM-DD in UTC. None where the list says nothing, which is not the same as free."""
    price = line_for(prices, request.size, request.seconds, sound=sound, day=day)
    if price is None:
        return None
    return Quote(cost_micros(price, request.seconds, verb=request.verb, image=bool(request.images)), price)


def line_for(prices: Sequence[Price], size: Size, seconds: int, *, sound: bool, day: str) -> Price | None:
    """The line that counts."""
    begun = [one for one in prices if fits(one, size, seconds, sound=sound) and begins(one) <= day]
    if len(begun) < 2:
        return begun[0] if begun else None
    return max(begun, key=begins)  # of equals, max takes the first


def fits(price: Price, size: Size, seconds: int, *, sound: bool) -> bool:
    measured = (not price.sizes or size in price.sizes) and (not price.seconds or seconds in price.seconds)
    return measured and price.audio in (None, sound)


def begins(price: Price) -> str:
    """The day from which a line counts, in a form that sorts."""
    return price.valid_from or ALWAYS


def cost_micros(price: Price, seconds: int, *, verb: Verb, image: bool) -> int:
    """What one clip costs by this line."""
    rate = price.credit_usd_billionths or 0
    micros = price.per_clip_micros + price.per_second_micros * seconds
    in_credits = price.per_clip_credit_billionths + price.per_second_credit_billionths * seconds
    fine, scale = micros * _FINE_PER_MICRO + in_credits * rate, 1
    plain = price.image is price.remix is price.edit is price.extend is None
    applied = () if plain else tuple(_applied(price, verb, image))
    for modifier in applied:
        fine, scale = fine * modifier.factor_billionths, scale * BILLION
    for modifier in applied:
        fine += (modifier.add_micros * _FINE_PER_MICRO + modifier.add_credit_billionths * rate) * scale
    return -(-fine // (scale * _FINE_PER_MICRO))


def modifiers_of(price: Price) -> tuple[tuple[str, Modifier | None], ...]:
    """By the name of what they are for."""
    return (
        ("image", price.image),
        (Verb.REMIX.value, price.remix),
        (Verb.EDIT.value, price.edit),
        (Verb.EXTEND.value, price.extend),
    )


def _applied(price: Price, verb: Verb, image: bool) -> Iterator[Modifier]:
    for name, modifier in modifiers_of(price):
        if modifier is not None and (name == verb.value or (name == "image" and image)):
            yield modifier
