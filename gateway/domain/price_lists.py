"""What is wrong with a price list, given what its model can do: lines that never count, and prices beyond counting.

Pure. A line that another one will replace, or has replaced, on a later day is no mistake: a list may hold its own
history and its future.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.domain.pricing import begins, cost_micros, fits, modifiers_of
from providers.contract import Abilities, Price, Size, Verb


def faults(prices: Sequence[Price], able: Abilities) -> Iterator[tuple[int, str]]:
    """Which line, from 0, and what is wrong with it."""
    for at, price in enumerate(prices):
        reason = _never_counts(prices[:at], price, able) or _idle_modifier(price, able) or _too_dear(price, able)
        if reason is not None:
            yield at, reason


def _never_counts(before: Sequence[Price], price: Price, able: Abilities) -> str | None:
    if price.audio is not None and price.audio not in _sounds(able):
        return f"never counts: clips of this model are always {_said(not price.audio)}"
    clips = _clips(price, able)
    if not clips:
        lacking = "lengths" if any(not price.sizes or size in price.sizes for size in able.sizes) else "sizes"
        return f"never counts: the model renders none of these {lacking}"
    rivals = [one for one in before if begins(one) == begins(price)]
    if all(any(fits(one, size, seconds, sound=sound) for one in rivals) for size, seconds, sound in clips):
        return "never counts: lines before it that begin on the same day fit all that it fits"
    return None


def _idle_modifier(price: Price, able: Abilities) -> str | None:
    possible = {"image": able.image or able.last_image, **{verb.value: verb in able.verbs for verb in Verb}}
    idle = [name for name, modifier in modifiers_of(price) if modifier is not None and not possible[name]]
    return f"`{idle[0]}` never counts: the model cannot do that" if idle else None


def _too_dear(price: Price, able: Abilities) -> str | None:
    longest = max(price.seconds or able.seconds)
    dearest = max(cost_micros(price, longest, verb=verb, image=image) for verb, image in product(Verb, (False, True)))
    return "its dearest clip costs more than the ledger can count" if dearest > AMOUNT_MICROS_MAX else None


def _clips(price: Price, able: Abilities) -> list[tuple[Size, int, bool]]:
    """Sizes and lengths of the model, with and without sound, that a line fits."""
    every = product(able.sizes, able.seconds, _sounds(able))
    return [clip for clip in every if fits(price, clip[0], clip[1], sound=clip[2])]


def _sounds(able: Abilities) -> tuple[bool, ...]:
    return (True, False) if able.audio is None else (able.audio,)


def _said(sound: bool) -> str:
    return "with sound" if sound else "silent"
