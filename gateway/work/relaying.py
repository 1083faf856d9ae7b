"""Relaying the stream of events to webhooks: budgets, providers, configuration, whatever is no change of a video.

The stream is written in the commit of what it tells of; here each entry becomes deliveries, once, whichever worker
reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.domain import announcements
from gateway.domain.announcements import Told
from gateway.domain.change import Message
from gateway.domain.deliveries import Delivery
from gateway.domain.events import OF_VIDEOS, Event
from gateway.work.telling import message
from gateway.work.tools import Tools

ENTRIES_MAX: Final = 50
MESSAGES_MAX: Final = 64  # in one commit; a scope has a few targets, so no single entry needs as many
OWN: Final = frozenset(Event) - OF_VIDEOS


async def relay(tools: Tools) -> int:
    """How many deliveries were written. Where nobody wants to hear of it, nothing is read."""
    if not tools.hearers.any_for(OWN):
        return 0
    before = upto = await tools.store.events_read()
    entries = await tools.store.events_after(before, ENTRIES_MAX)
    if not entries:
        return 0
    messages: list[Message] = []
    for place, fields in entries:
        messages += _messages(tools, place, fields)
        upto = place
        if len(messages) > MESSAGES_MAX // 2:
            break
    done = await tools.store.add_deliveries(messages[:MESSAGES_MAX], read=(before, upto))
    if upto != entries[-1][0] or len(entries) == ENTRIES_MAX:
        tools.told.set()
    return done or 0


def _messages(tools: Tools, place: str, fields: dict[str, str]) -> Iterator[Message]:
    told = announcements.read(place, fields)
    if told is None:
        return
    for target in tools.hearers.of(told.event, *told.scopes):
        if told.at_ms >= target.created_ms:
            yield message(_delivery(told, target.id))


def _delivery(told: Told, target: str) -> Delivery:
    return Delivery(
        id=f"{told.id}.{target}",
        event=told.id,
        type=told.event,
        about=told.about,
        target=target,
        lane=target,
        body=told.body,
        made_ms=told.at_ms,
    )
