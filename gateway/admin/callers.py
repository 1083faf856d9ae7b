"""Who may come in here: keys by their role. 1 uses, 10 administers, 100 controls."""

from __future__ import annotations

from typing import Final

from gateway.api.exchange import Exchange
from gateway.api.videos import caller_of
from gateway.domain.errors import Forbidden
from gateway.work.caller import Caller

ADMINISTERS: Final = 10


async def administrator(exchange: Exchange) -> Caller:
    """The key behind a request, if it administers. WrongKey, Forbidden."""
    caller = await caller_of(exchange)
    if caller.role < ADMINISTERS:
        raise Forbidden("This API key may not administer. Ask with a key of role 10 or more.")
    return caller
