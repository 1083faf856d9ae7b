"""Due videos: claim them, renew the lease, rest them, hand them back, make them due.

The lease is the due time: a claimed video is due again when its lease is over. The fence is the version, so what a
late holder may still do is decided by `commit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway import killpoints
from gateway.domain.videos import Video, decode_video
from gateway.store.lane import Word
from gateway.store.loader import CLAIM, MAKE_DUE, RENEW, REST
from gateway.store.outcomes import Claimed, Claims, Rest
from gateway.store.room import Room, batches

CLAIM_MAX: Final = 1_000


class Due(Room):
    async def claim(self, limit: int, *, lease_ms: int, token_prefix: str) -> Claims:
        """Up to `limit` due videos, the longest due first, leased. `token_prefix` names the process in tokens."""
        names = self._names
        claim = f"{token_prefix}.{self._random(8).hex()}"
        assert "|" not in claim, "a lease is written with bars"
        floor = self._sequence.seen
        keys = (names.due, names.leases, names.claims, names.seq)
        words = (self._now_ms(), min(limit, CLAIM_MAX), lease_ms, claim)
        now_ms, seq, *taken = await self._link.run(CLAIM, keys, words)
        self._sequence.meet(seq, floor)
        rows = [taken[index : index + 4] for index in range(0, len(taken), 4)]
        records = await self._read_many("claimed", [("HGET", names.video(row[0].decode()), "rec") for row in rows])
        videos, unreadable = [], []
        for (video_id, token, claims, due_ms), record in zip(rows, records, strict=True):
            try:
                videos.append(Claimed(decode_video(record or b""), token.decode(), claims, due_ms))
            except msgspec.DecodeError:
                unreadable.append(video_id.decode())
        return Claims(now_ms, videos, unreadable)

    async def backlog(self, now_ms: int) -> tuple[int, int]:
        """How many videos are due and claimed by nobody, and how late the latest is, ms."""
        due = self._names.due
        reads = [("ZCOUNT", due, "-inf", now_ms), ("ZRANGE", due, 0, 0, "WITHSCORES")]
        count, first = await self._read_many("backlog", reads)
        return count, max(0, now_ms - round(float(first[1]))) if first else 0

    async def rest(self, rests: Sequence[Rest]) -> int:
        """Let go of leases whose videos did not change. How many were still the caller's."""
        triples = [(one.video_id, one.token, "" if one.due_ms is None else one.due_ms) for one in rests]
        killpoints.reach("before.commit.rest")
        done = await self._let_go(triples, handed_back=False)
        killpoints.reach("after.commit.rest")
        return done

    async def rest_one(self, video_id: str, token: str | None, due_ms: int | None) -> bool:
        """Let go of one lease at once. Nothing happens without a token: it was given up or lost before."""
        return token is not None and await self.rest([Rest(video_id, token, due_ms)]) == 1

    async def hand_back(self, leases: Sequence[tuple[str, str]], *, due_ms: int | None = None) -> int:
        """Give (video id, token) up untouched: the videos are due now, or then, and these claims do not count against
        them."""
        due: int | str = "" if due_ms is None else due_ms
        return await self._let_go([(video_id, token, due) for video_id, token in leases], handed_back=True)

    async def renew(self, video_id: str, token: str, *, lease_ms: int) -> bool:
        """Lengthen a lease. False if the video is another's now."""
        keys = (self._names.due, self._names.leases)
        return bool(await self._link.run(RENEW, keys, (self._now_ms(), video_id, token, lease_ms)))

    async def make_due(self, video_id: str) -> bool:
        """Have it looked at now, or as soon as its holder lets go. False if nothing of it is open any more."""
        keys = (self._names.due, self._names.leases)
        return bool(await self._link.run(MAKE_DUE, keys, (self._now_ms(), video_id)))

    async def read_leased(self, video_id: str) -> tuple[Video | None, str | None]:
        """A record, and the token of the lease on it, whoever's, however old."""
        names = self._names
        reads = [("HGET", names.video(video_id), "rec"), ("HGET", names.leases, video_id)]
        record, lease = await self._read_many("read_leased", reads)
        token = None if lease is None else lease.decode().rpartition("|")[0].rpartition("|")[0]
        return (None if record is None else decode_video(record)), token

    async def _let_go(self, triples: Sequence[tuple[str, str, int | str]], *, handed_back: bool) -> int:
        keys = (self._names.due, self._names.leases, self._names.claims, self._names.retained)
        done = 0
        for batch in batches(triples):
            words: list[Word] = [self._now_ms(), "1" if handed_back else ""]
            for triple in batch:
                words += triple
            done += await self._link.run(REST, keys, words)
        return done
