"""What is over and kept for a while: the records of finished videos, until their time has come."""

from __future__ import annotations

from collections.abc import Sequence

from gateway import killpoints
from gateway.domain.orphans import bindings
from gateway.domain.videos import Video
from gateway.store.lane import Word
from gateway.store.loader import REMOVE
from gateway.store.room import Room


class Retention(Room):
    async def over(self, now_ms: int, *, keep_ms: int, limit: int, skip: int = 0) -> list[str]:
        """Videos whose records may go, those first whose time came first: deleted ones that nobody can ask for, then
        finished ones that were kept for `keep_ms`. `skip`: so many of each are passed over."""
        names = self._names
        found = await self._link.many(
            "over",
            [
                ("ZRANGEBYSCORE", names.tombstones, "-inf", now_ms, "LIMIT", skip, limit),
                ("ZRANGEBYSCORE", names.retained, "-inf", now_ms - keep_ms, "LIMIT", skip, limit),
            ],
        )
        return list(dict.fromkeys(one.decode() for rows in found for one in rows))[:limit]

    async def remove(self, video_id: str, video: Video | None, *, keep_ms: int) -> bool:
        """Remove the record, as it was read, and everything that names it. False if it stays: it has moved since, its
        time has not come by the store's clock, one of its holds or disputes is open, or another was faster."""
        refs: list[Word] = []
        for one in () if video is None else bindings(video):
            refs += (f"{one.account}|{one.ref}", one.attempt)
        version = "" if video is None else video.version
        floor = self._sequence.seen
        killpoints.reach("before.commit.remove")
        removed, seq = await self._link.run(
            REMOVE, self._keys_of(video_id, video), (self._now_ms(), video_id, version, keep_ms, *refs)
        )
        killpoints.reach("after.commit.remove")
        self._sequence.meet(seq, floor)
        return bool(removed)

    def _keys_of(self, video_id: str, video: Video | None) -> Sequence[str]:
        names = self._names
        return (
            names.video(video_id),
            names.due,
            names.leases,
            names.claims,
            names.list("" if video is None else video.project),
            names.holds,
            names.disputes,
            names.refs,
            names.seq,
            names.retained,
            names.tombstones,
            names.amended,
        )
