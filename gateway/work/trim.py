"""Trimming: entries of the ledger that are old enough leave it, once the records of their videos have gone, and carries
take their place. The script adds up what leaves; here is only found what may.

Every worker looks now and then; whoever finds that another was faster leaves it to that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.domain.trimming import Front, Sheaf
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.store.outcomes import Trim
from gateway.store.store import Store
from gateway.work.tools import Tools

PAGE: Final = 200
PAGES_MAX: Final = 2_000
CHUNK: Final = 50
"""Entries that leave in one commit, and the last attempt's rest: a script holds up everybody else."""

WAITING_MAX: Final = 20_000
"""Attempts that are not whole yet, or whose records are there: more are left to the next time."""

PAUSE_S: Final = 0.05


async def trim(tools: Tools) -> int:
    """Trim what may be trimmed. How many entries left; a store that is away, or forgot commits, is left alone."""
    keep_ms = tools.snapshot().settings.retention.ledger * 1_000
    front, trimmed, after = Front(tools.clock.now_ms() - keep_ms), 0, ""
    ready: list[Sheaf] = []
    try:
        for _ in range(PAGES_MAX):
            if tools.store.rewound is not None or len(front) > WAITING_MAX:
                break
            page = await tools.store.front(after, limit=PAGE)
            old = all(line.entry is None or front.add(line.id, line.entry) for line in page)
            ready += await _whole(tools.store, front)
            more = old and len(page) == PAGE
            while ready and (not more or _size(ready) >= CHUNK):
                chunk = _chunk(ready)
                done = await _trim(tools, chunk, keep_ms)
                if done is None:
                    return _told(trimmed)
                trimmed += done
                await asyncio.sleep(PAUSE_S)
            if not more:
                break
            after = page[-1].id
            await asyncio.sleep(PAUSE_S)
    except StoreAway as error:
        log("ledger_not_trimmed", level="warning", reason=str(error))
    return _told(trimmed)


def _told(trimmed: int) -> int:
    if trimmed:
        log("ledger_trimmed", entries=trimmed)
    return trimmed


async def _whole(store: Store, front: Front) -> list[Sheaf]:
    """The attempts that are whole now, of those that the last page had a part of, without a record."""
    touched = front.touched
    if not touched:
        return []
    known = await store.known(list({one.video for one in touched}))
    gone = [one for one in touched if one.video not in known]
    return front.take(await store.sizes([one.attempt for one in gone]))


def _size(sheaves: Sequence[Sheaf]) -> int:
    return sum(len(one.ids) for one in sheaves)


def _chunk(ready: list[Sheaf]) -> list[Sheaf]:
    """Taken from the front of what is ready."""
    taken: list[Sheaf] = []
    while ready and _size(taken) < CHUNK:
        taken.append(ready.pop(0))
    return taken


async def _trim(tools: Tools, chunk: Sequence[Sheaf], keep_ms: int) -> int | None:
    """How many entries left; None: now is not the time. One attempt that may not leave keeps no other."""
    match await tools.store.trim(chunk, now_ms=tools.clock.now_ms(), keep_ms=keep_ms):
        case Trim.TRIMMED:
            return _size(chunk)
        case Trim.KEPT if len(chunk) > 1:
            done = [await _trim(tools, [one], keep_ms) for one in chunk]
            return sum(one or 0 for one in done)
        case Trim.KEPT:
            log("attempt_not_trimmed", level="debug", attempt=chunk[0].attempt)
            return 0
        case _:
            return None
