"""Rolling up usage: one of all runners follows the ledger, and the others notice when it no longer does.

Nobody is chosen. Who sees that the cursor stands where it stood at the last look counts the next entries; who sees that
it has moved leaves them to whoever moved it, and looks again later. Two who count at once lose nothing but the work.

An operator's word about money is a commit of whatever process the operator used, so it becomes a figure here, where
every entry passes one worker once.
"""

from __future__ import annotations

from typing import Final

from gateway.domain.videos import Video
from gateway.log import log, where
from gateway.store.errors import StoreAway
from gateway.store.usage import PAGE
from gateway.work import figures
from gateway.work.tools import Tools

EVERY_S: Final = 1.0
AT_ONCE_S: Final = 0.02  # while there is more than a page: others want this process as well
ANOTHER_S: Final = 3.0  # while another is at it
TROUBLE_S: Final = 10.0


class Roller:
    """`turn` again and again, after as many seconds as it answers."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._seen: str | None = None

    async def turn(self) -> float:
        try:
            return await self._turn()
        except StoreAway as error:
            log("store_away", level="error", operation=error.operation, reason=str(error))
        except Exception as error:
            log("roll_up_failed", level="error", **where(error))
        return TROUBLE_S

    async def _turn(self) -> float:
        store = self._tools.store
        cursor = await store.usage_cursor()
        if cursor != self._seen:
            self._seen = cursor
            return ANOTHER_S * (0.5 + self._tools.chance())
        rolled = await store.roll_up(cursor)
        if rolled.moved:
            self._seen = rolled.cursor
            for one in rolled.adjusts:
                figures.of_adjust(await self._video(one.video), one)
        return AT_ONCE_S if rolled.moved and rolled.entries == PAGE else EVERY_S

    async def _video(self, video_id: str) -> Video | None:
        """For its project's class; None where it is gone, or nobody can tell."""
        try:
            return await self._tools.store.read(video_id)
        except StoreAway:
            return None
