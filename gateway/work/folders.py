"""One folder of clips for all replicas: each worker says which one it has, so that two of them are noticed.

A clip stands where the replica that collected it keeps its files, and so does the image that a request brought. A
replica with another folder can neither deliver the one nor submit the other.
"""

from __future__ import annotations

from typing import Final

from gateway.log import log
from gateway.work.tools import Tools

EVERY_S: Final = 60.0
STALE_MS: Final = 5 * 60_000
"""A worker that has not said so for this long is gone."""


async def note_folder(tools: Tools) -> None:
    """Say which folder this worker has, and tell when others have another."""
    now_ms = tools.clock.now_ms()
    mine = await tools.assets.folder_id()
    found = await tools.store.clip_folders(mine, now_ms=now_ms, since_ms=now_ms - STALE_MS)
    if len(found) > 1:
        todo = "mount one folder on every replica, and name it in assets.dir; see docs/operations.md"
        log("clips_not_shared", level="error", folders=len(found), todo=todo)
