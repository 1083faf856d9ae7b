"""Clips that may be used again: for each likeness of a project the video that was finished last, for a time.

A hint, not a fact: written just before the commit that finishes the video, so whoever finds it looks at the record.
"""

from __future__ import annotations

from gateway.store.room import Room


class Clips(Room):
    async def offer_clip(self, project: str, like: str, video_id: str, *, life_ms: int) -> None:
        await self._link.command("SET", self._names.clip(project, like), video_id, "PX", life_ms)

    async def offered_clip(self, project: str, like: str) -> str | None:
        found = await self._link.command("GET", self._names.clip(project, like))
        return None if found is None else str(found.decode("ascii"))
