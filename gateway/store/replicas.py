"""Waiting for the store's replicas: whether a commit is known to be on so many of them, and whether they are near.

Only what stands before a submission waits. A replica that has the commit may still not be the one that is promoted, so
this lowers the risk of paying twice after a failover, and proves nothing (`docs/decisions/0033`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from gateway.log import log
from gateway.store.lane import Word
from gateway.store.loader import Script
from gateway.store.room import Room

LOOK_EVERY_S: Final = 1.0


class Replicas(Room):
    wait_replicas: int = 0  # so many have to have a commit before anything is sent on it; 0: nobody is waited for
    _behind: bool = False
    _looked_s: float = 0.0

    async def replicas_near(self) -> bool:
        """Whether it is worth committing what will wait for them: true until a commit was not confirmed, then again
        once a look that costs nobody anything was. At most one look a second."""
        if not self._behind:
            return True
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        self._note(await self.confirmed_by(self.wait_replicas))
        return not self._behind

    async def confirmed_by(self, replicas: int) -> bool:
        """Whether so many replicas have all that this process has seen committed."""
        return await self._link.confirmed(self._names.mark, replicas)

    async def _run_confirmed(self, script: Script, keys: Sequence[str], words: Sequence[Word]) -> tuple[Any, bool]:
        """The reply, and whether enough replicas had it in time. The server's own trouble is StoreAway, as ever."""
        mark = self._names.mark
        reply, confirmed = await self._link.run_confirmed(script, keys, words, mark=mark, replicas=self.wait_replicas)
        self._note(confirmed)
        return reply, confirmed

    def _note(self, confirmed: bool) -> None:
        if self._behind == (not confirmed):
            return
        self._behind = not confirmed
        if confirmed:
            log("store_replicas_back", level="warning", waited_for=self.wait_replicas)
        else:
            todo = "look at the store's replicas; until they confirm commits, nothing is submitted"
            log("store_replicas_behind", level="error", waited_for=self.wait_replicas, todo=todo)
