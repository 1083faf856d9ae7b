"""Readiness: is the store there and fit, does the disk take files, is a configuration in force?

The store is asked anew each time, so a worker is ready again with the first question after it is back. The disk is
tried every few seconds however often probes come, and one that hangs costs one thread, not one for each probe.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.assets.store import AssetStore, StorageAway
from gateway.domain.readiness import Obstacle
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.work.tools import Tools

STORE_S_MAX: Final = 2.0
DISK_S_MAX: Final = 2.0
DISK_EVERY_S: Final = 5.0


class DiskLook:
    """Whether files can be written now, as of a few seconds ago."""

    def __init__(self, wait_s: float = DISK_S_MAX) -> None:
        self._wait_s = wait_s
        self._trial: asyncio.Task[bool] | None = None
        self._refused = False
        self._next_s = 0.0  # on the loop's clock

    async def refuses(self, assets: AssetStore) -> bool:
        now_s = asyncio.get_running_loop().time()
        if self._trial is None and now_s < self._next_s:
            return self._refused
        if self._trial is None:
            self._trial = asyncio.create_task(_refused(assets), name="try the disk")
        trial = self._trial
        await asyncio.wait([trial], timeout=self._wait_s)
        if not trial.done():
            return True
        if self._trial is trial:
            self._trial, self._refused, self._next_s = None, trial.result(), now_s + DISK_EVERY_S
        return self._refused


async def obstacles(tools: Tools, disk: DiskLook, *, stopping: bool) -> tuple[list[Obstacle], tuple[str, ...]]:
    """What stands in the way, and why the store is unfit if it is. Answers within about two seconds."""
    (store, refusals), refused = await asyncio.gather(_of_store(tools), disk.refuses(tools.assets))
    found = list(store)
    if refused:
        found.append(Obstacle.DISK_REFUSES)
    configuring = tools.configuring
    if configuring is not None and configuring.replica and not configuring.follower.number:
        found.append(Obstacle.NO_CONFIGURATION)
    if stopping:
        found.append(Obstacle.STOPPING)
    return found, refusals


async def _of_store(tools: Tools) -> tuple[list[Obstacle], tuple[str, ...]]:
    store = tools.store
    try:
        async with asyncio.timeout(STORE_S_MAX):
            fitness = await store.check()
    except (StoreAway, TimeoutError):
        return [Obstacle.STORE_AWAY], ()
    found = [Obstacle.STORE_UNFIT] if fitness.refusals else []
    if store.rewound is not None:
        found.append(Obstacle.STORE_FORGOT)
    return found, fitness.refusals


async def _refused(assets: AssetStore) -> bool:
    try:
        await assets.try_out()
    except StorageAway as error:
        log("disk_refuses", level="error", reason=str(error))
        return True
    return False
