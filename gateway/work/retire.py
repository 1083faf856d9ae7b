"""Retiring: the record of a video that is over is removed when its time has come. What it cost stays in the ledger.

Found by two sorted sets beside the due one, so that a heap of old records never stands before a video that is due.
Every worker looks now and then; the script removes each record once, whoever asks.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.work.tools import Tools

BATCH: Final = 50
PAUSE_S: Final = 0.05
"""Between two batches: requests and steps come first."""

REMOVED_MAX: Final = 50_000
"""In one go; the rest waits for the next."""


async def retire(tools: Tools) -> int:
    """Remove what is over. How many there were; a store that is away, or has forgotten commits, is left alone."""
    keep_ms = tools.snapshot().settings.retention.videos * 1_000
    removed = stays = 0
    try:
        while removed < REMOVED_MAX and tools.store.rewound is None:
            ids = await tools.store.over(tools.clock.now_ms(), keep_ms=keep_ms, limit=BATCH, skip=stays)
            if not ids:
                break
            gone = sum(await asyncio.gather(*(_retire(tools, one, keep_ms) for one in ids)))
            removed, stays = removed + gone, stays + len(ids) - gone
            await asyncio.sleep(PAUSE_S)
    except StoreAway as error:
        log("records_not_removed", level="warning", reason=str(error))
    if removed:
        log("records_removed", videos=removed)
    return removed


async def _retire(tools: Tools, video_id: str, keep_ms: int) -> bool:
    try:
        video = await tools.store.read(video_id)
    except msgspec.DecodeError:
        log("record_unreadable", level="error", video=video_id)
        return False
    return await tools.store.remove(video_id, video, keep_ms=keep_ms)
