"""Telling the world of what is no change of a video: `config.reloaded`, `provider.drained`, and their like.

It lands in the store's stream of events, from where webhooks go out to whoever wants to hear of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.domain.events import Event
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.store.store import Store

FACT_CHARS_MAX: Final = 1_000


async def announce(store: Store, event: Event, name: str, facts: Mapping[str, str] | None = None, *, once: str) -> None:
    """`name`: of whom it tells, such as a provider or a version. `facts`: short texts without a secret. `once`: every
    replica may say the same; those with the same word are one. Never raises: who tells of something has done it."""
    told = {"name": name, **(facts or {})}
    short = {key: value[:FACT_CHARS_MAX] for key, value in told.items()}
    try:
        await store.announce(event.value, short, once=once)
    except StoreAway as error:
        log("event_not_told", level="warning", event_type=event.value, name=name, reason=str(error))
