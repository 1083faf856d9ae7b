"""The folders in which replicas keep clips, by the name that stands in each, and when a worker last had it."""

from __future__ import annotations

from typing import Final

from gateway.store.room import Room

KEPT_MS: Final = 86_400_000


class Folders(Room):
    async def clip_folders(self, mine: str = "", *, now_ms: int, since_ms: int) -> tuple[str, ...]:
        """Those that were named since then. `mine`: the caller's, which is named by that; "": it only looks."""
        key = self._names.clip_folders
        if mine:
            await self._link.many(
                "clip_folders", [("ZADD", key, now_ms, mine), ("ZREMRANGEBYSCORE", key, "-inf", now_ms - KEPT_MS)]
            )
        found = await self._link.command("ZRANGEBYSCORE", key, since_ms, "+inf", "LIMIT", 0, 100)
        return tuple(one.decode() for one in found)
