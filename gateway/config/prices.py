"""A price list as the file says it, turned into the lines that quotes are read from."""

from __future__ import annotations

from gateway.config.models import Modifier as ModifierEntry
from gateway.config.models import PriceEntry
from providers.contract import BILLION, Modifier, Price, Size


def price_of(entry: PriceEntry) -> Price:
    return Price(
        per_second_micros=entry.per_second or 0,
        per_clip_micros=entry.per_clip or 0,
        per_second_credit_billionths=entry.credits_per_second or 0,
        per_clip_credit_billionths=entry.credits_per_clip or 0,
        credit_usd_billionths=entry.credit_usd,
        sizes=tuple(Size.parse(size) for size in entry.sizes),
        seconds=entry.seconds,
        audio=entry.audio,
        valid_from=entry.valid_from,
        image=_modifier(entry.image),
        remix=_modifier(entry.remix),
        edit=_modifier(entry.edit),
        extend=_modifier(entry.extend),
        as_of=entry.as_of,
        source=entry.source,
    )


def _modifier(entry: ModifierEntry | None) -> Modifier | None:
    if entry is None:
        return None
    return Modifier(
        factor_billionths=BILLION if entry.factor is None else entry.factor,
        add_micros=entry.add or 0,
        add_credit_billionths=entry.add_credits or 0,
    )
