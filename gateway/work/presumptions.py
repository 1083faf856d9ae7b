"""Presumptions: attempts that were booked without proof, found by their entries until somebody corrects them."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.domain.change import Kind
from gateway.domain.videos import Attempt, Video, attempt_id
from gateway.store.ledger import ENTRIES_MAX
from gateway.store.store import Store

PAGES_MAX: Final = 1_000
FOUND_MAX: Final = 1_000
READ_AT_ONCE: Final = 50


async def presumptions(store: Store, *, since_ms: int) -> tuple[list[tuple[Video, Attempt]], bool]:
    """Those of entries from `since_ms` on whose records are still there, oldest first; and whether these are all."""
    names, whole = await _names(store, since_ms)
    found: list[tuple[Video, Attempt]] = []
    for at in range(0, len(names), READ_AT_ONCE):
        part = names[at : at + READ_AT_ONCE]
        videos = await asyncio.gather(*(store.read(one.partition(".")[0]) for one in part))
        for name, video in zip(part, videos, strict=True):
            attempts = video.attempts if video is not None else ()
            found += [
                (video, one)
                for one in attempts
                if video is not None and one.presumed and attempt_id(video.id, one.ordinal) == name
            ]
    return found, whole


async def _names(store: Store, since_ms: int) -> tuple[list[str], bool]:
    names: dict[str, None] = {}
    after = f"{max(0, since_ms)}-0"
    for _ in range(PAGES_MAX):
        page, after = await store.ledger_entries(after=after)
        for entry in page:
            if entry.posting.kind is Kind.SETTLE and entry.posting.presumed:
                names[entry.posting.attempt] = None
            elif entry.posting.kind is Kind.ADJUST:
                names.pop(entry.posting.attempt, None)
        if len(names) > FOUND_MAX:
            return list(names)[:FOUND_MAX], False
        if len(page) < ENTRIES_MAX:
            return list(names), True
    return list(names), False
