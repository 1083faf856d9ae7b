"""What is over and kept for a while: records of finished videos and the ledger's entries, until their time comes."""

from __future__ import annotations

from collections.abc import Sequence

from gateway import killpoints
from gateway.domain.ledger import DAY_MS, Entry, utc_day
from gateway.domain.orphans import bindings
from gateway.domain.trimming import Sheaf
from gateway.domain.videos import Video
from gateway.store.lane import Word
from gateway.store.ledger import read_entry
from gateway.store.loader import REMOVE, TRIM
from gateway.store.outcomes import Line, Trim
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

    # --- the ledger ------------------------------------------------------------------------------------------------

    async def front(self, after: str, *, limit: int) -> list[Line]:
        """Entries in the ledger's order, behind `after`, as far as they are rolled up. Nothing is before the first
        time: trimming then waits for it."""
        names = self._names
        cursor = await self._link.command("GET", names.usage_cursor)
        if cursor is None:
            return []
        start = f"({after}" if after else "-"
        rows = await self._link.command("XRANGE", names.ledger, start, cursor, "COUNT", limit)
        return [Line(stream_id.decode(), _known(fields)) for stream_id, fields in rows]

    async def sizes(self, attempts: Sequence[str]) -> dict[str, int]:
        """How many entries each attempt of a removed video has: two, if nothing else is noted."""
        if not attempts:
            return {}
        noted = await self._link.command("HMGET", self._names.amended, *attempts)
        return {one: int(count or 2) for one, count in zip(attempts, noted, strict=True)}

    async def trim(self, sheaves: Sequence[Sheaf], *, now_ms: int, keep_ms: int) -> Trim:
        """Take whole attempts out of the ledger and carry what they add up to, in one commit. `now_ms` says which
        windows are over; whether the entries are old enough is for the store's own clock to say."""
        names = self._names
        keys = (
            names.ledger, names.counters, names.holds, names.disputes, names.crossed, names.seq, names.time,
            names.amended, names.carried, names.trimmed, names.usage_cursor, names.reading,
            *dict.fromkeys(names.video(one.video) for one in sheaves),
        )  # fmt: skip
        ids = [one for sheaf in sheaves for one in sheaf.ids]
        # A clock that is ahead of the store's must not name a day that has not begun.
        day_ms = (now_ms - DAY_MS) // DAY_MS * DAY_MS
        floor = self._sequence.seen
        killpoints.reach("before.commit.trim")
        word, *seq = await self._link.run(TRIM, keys, (self._now_ms(), keep_ms, utc_day(day_ms), day_ms, *ids))
        killpoints.reach("after.commit.trim")
        if seq:
            self._sequence.meet(seq[0], floor)
        return Trim(word.decode())


def _known(fields: list[bytes]) -> Entry | None:
    try:
        return read_entry(fields)
    except (KeyError, ValueError):
        return None
