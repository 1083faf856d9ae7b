"""What a request costs on a route: whole micro-dollars from dated list prices."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.videos import Request
from providers.contract import Price


def quote_micros(prices: Sequence[Price], request: Request) -> int | None:
    """The first price that fits the size; None where the list says nothing, which is not the same as free."""
    for price in prices:
        if not price.sizes or request.size in price.sizes:
            return price.per_clip_micros + price.per_second_micros * request.seconds
    return None
