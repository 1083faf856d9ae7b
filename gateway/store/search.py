"""Videos of any project by their age, as far as they are listed: deleted ones are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.domain.search import SCANNED_MAX, Finding, Sought, Span, fits
from gateway.domain.videos import Video, decode_video
from gateway.log import log
from gateway.store.room import Room, batches

ROUNDS_MAX: Final = 10
RECORDS_AT_ONCE: Final = 100  # a record may hold a long prompt
CHUNK_MIN: Final = 4


class Search(Room):
    async def search(self, projects: Sequence[str], sought: Sought, span: Span, *, limit: int) -> Finding:
        """The newest that fit, at most `limit`, of at most SCANNED_MAX that are looked at."""
        found: list[Video] = []
        scanned, below, at = 0, span.below, None
        for _ in range(ROUNDS_MAX):
            ids, whole = await self._ids(projects, span.above, below, SCANNED_MAX - scanned)
            for some in batches(ids, RECORDS_AT_ONCE):
                for video_id, video in zip(some, await self._records(some), strict=True):
                    at = video_id
                    if video is not None and fits(video, sought):
                        found.append(video)
                        if len(found) == limit:
                            last = whole and video_id == ids[-1]
                            return Finding(videos=tuple(found), scanned_to=at, complete=last)
            scanned += len(ids)
            below = ids[-1] if ids else below
            if whole or scanned >= SCANNED_MAX:
                return Finding(videos=tuple(found), scanned_to=at, complete=whole)
        return Finding(videos=tuple(found), scanned_to=at, complete=False)

    async def _ids(self, projects: Sequence[str], above: str, below: str, most: int) -> tuple[list[str], bool]:
        """Ids in that range, newest first, without a gap; and whether these are all. A project with more than were read
        of it hides what is older than its last."""
        if not projects:
            return [], True
        chunk = max(CHUNK_MIN, most // len(projects)) + 1
        bounds = (f"({below}", f"[{above}", "LIMIT", 0, chunk)
        reads = [("ZREVRANGEBYLEX", self._names.list(one), *bounds) for one in projects]
        replies = await self._read_many("search", reads)
        horizon = max((reply[-1] for reply in replies if len(reply) == chunk), default=b"")
        ids = sorted((one for reply in replies for one in reply if one >= horizon), reverse=True)
        return [one.decode() for one in ids[:most]], not horizon and len(ids) <= most

    async def _records(self, ids: Sequence[str]) -> list[Video | None]:
        reads = [("HGET", self._names.video(one), "rec") for one in ids]
        return [_decoded(one, raw) for one, raw in zip(ids, await self._read_many("search", reads), strict=True)]


def _decoded(video_id: str, raw: bytes | None) -> Video | None:
    """None for one that was removed meanwhile, or that cannot be read: a search must not fail because of one record."""
    try:
        return None if raw is None else decode_video(raw)
    except msgspec.DecodeError:
        log("record_unreadable", level="error", video=video_id)
        return None
