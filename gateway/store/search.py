"""Videos of any project by their age, as far as they are listed: deleted ones are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.domain.search import SCANNED_MAX, Finding, Sought, Span, fits
from gateway.domain.videos import Video, decode_video
from gateway.log import log
from gateway.store.room import Room, batches

ROUNDS_MAX: Final = 10
RECORDS_AT_ONCE: Final = 100  # a record may hold a long prompt
CHUNK_MIN: Final = 4


class Search(Room):
    async def search(self, projects: Sequence[str], sought: Sought, span: Span, *, limit: int) -> Finding:
        """The first that fit, at most `limit`, of at most SCANNED_MAX that are looked at."""
        found: list[Video] = []
        scanned, at = 0, None
        for _ in range(ROUNDS_MAX):
            ids, whole = await self._ids(projects, span, SCANNED_MAX - scanned)
            for some in batches(ids, RECORDS_AT_ONCE):
                for video_id, video in zip(some, await self._records(some), strict=True):
                    at = video_id
                    if video is not None and fits(video, sought):
                        found.append(video)
                        if len(found) == limit:
                            last = whole and video_id == ids[-1]
                            return Finding(videos=tuple(found), scanned_to=at, complete=last)
            scanned += len(ids)
            span = replace(span, after=ids[-1]) if ids else span
            if whole or scanned >= SCANNED_MAX:
                return Finding(videos=tuple(found), scanned_to=at, complete=whole)
        return Finding(videos=tuple(found), scanned_to=at, complete=False)

    async def _ids(self, projects: Sequence[str], span: Span, most: int) -> tuple[list[str], bool]:
        """Ids in that span, without a gap; and whether these are all. A project with more than were read of it hides
        what lies behind its last."""
        if not projects:
            return [], True
        chunk = max(CHUNK_MIN, most // len(projects)) + 1
        low, high = f"({span.above}", f"({span.below}"
        name, ends = ("ZRANGEBYLEX", (low, high)) if span.ascending else ("ZREVRANGEBYLEX", (high, low))
        reads = [(name, self._names.list(one), *ends, "LIMIT", 0, chunk) for one in projects]
        replies = await self._read_many("search", reads)
        ids = sorted({one for reply in replies for one in reply}, reverse=not span.ascending)
        cut = [ids.index(reply[-1]) + 1 for reply in replies if len(reply) == chunk]
        sure = ids[: min(cut, default=len(ids))]
        return [one.decode() for one in sure[:most]], not cut and len(ids) <= most

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
