"""The books read from end to end, a page at a time: for an export, and for a comparison with a vendor's bill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from gateway.domain.ledger import Entry
from gateway.domain.reconcile import Gathering
from gateway.domain.videos import Video
from gateway.store.ledger import ENTRIES_MAX
from gateway.store.room import batches
from gateway.store.store import Store

RECORDS_MAX: Final = 100  # read at a time: a record may hold a long prompt


async def pages(store: Store, *, limit: int = ENTRIES_MAX) -> AsyncIterator[list[Entry]]:
    """Every entry, in the ledger's order, up to about now: a page that is not full is the last.
    LedgerTrimmed if it was trimmed meanwhile."""
    after = ""
    async with store.reading() as still:
        while True:
            page, after = await store.ledger_entries(after=after, limit=limit)
            await still()
            yield page
            if len(page) < limit:
                return


async def gather(store: Store, gathering: Gathering) -> None:
    """Tell it the whole ledger, with the records that it asks for. TooMany, LedgerTrimmed."""
    async for page in pages(store):
        for entries in batches(page, RECORDS_MAX):
            records = await _records(store, gathering.asks(entries))
            for entry in entries:
                gathering.add(entry, records.get(entry.posting.video))
    for holds in batches(list(gathering.open.values()), RECORDS_MAX):
        records = await _records(store, _videos(holds))
        for entry in holds:
            gathering.add_open(entry, records.get(entry.posting.video))


async def _records(store: Store, ids: Sequence[str]) -> dict[str, Video]:
    """What is asked for together travels together."""
    found = await asyncio.gather(*(store.read(one) for one in ids))
    return {one: video for one, video in zip(ids, found, strict=True) if video is not None}


def _videos(entries: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.posting.video for entry in entries))
