"""Doubts as the store knows them: found by looking through what is due, where every unfinished attempt is.

No index is kept: doubts are few and short, and a scan of ten thousand due videos takes a fraction of a second.
"""

from __future__ import annotations

from typing import Final

from msgspec import DecodeError, Struct

from gateway.domain.videos import AttemptState, Video, decode_video
from gateway.store.room import Room

PAGE: Final = 200
VIDEOS_MAX: Final = 1_000  # found
LOOKS_MAX: Final = 100_000  # at records


class Doubtful(Struct, frozen=True):
    """Videos with an attempt in one of the states asked for. `whole`: none was left out."""

    videos: tuple[Video, ...]
    whole: bool


class Doubts(Room):
    async def doubtful(self, *states: AttemptState) -> Doubtful:
        """Those in doubt, or in another of `states`, all the while; one that comes or goes meanwhile may be missing."""
        wanted = frozenset((AttemptState.DOUBTFUL, *states))
        found: dict[str, Video] = {}
        cursor, looks = b"0", 0
        while looks < LOOKS_MAX and len(found) < VIDEOS_MAX:
            cursor, flat = await self._link.command("ZSCAN", self._names.due, cursor, "COUNT", PAGE)
            ids = [one.decode() for one in flat[::2]]
            looks += len(ids)
            records = await self._read_many("doubtful", [("HGET", self._names.video(one), "rec") for one in ids])
            videos = (_decoded(one, wanted) for one in records)
            found |= {video.id: video for video in videos if video is not None}
            if cursor == b"0":
                return Doubtful(_by_age(found), whole=True)
        return Doubtful(_by_age(found), whole=False)


def _decoded(record: bytes | None, wanted: frozenset[AttemptState]) -> Video | None:
    """None, mostly without decoding it, where no attempt is in a wanted state."""
    if record is None or not any(b'"state":"%s"' % one.value.encode() in record for one in wanted):
        return None
    try:
        video = decode_video(record)
    except DecodeError:
        return None
    return video if any(one.state in wanted for one in video.attempts) else None


def _by_age(found: dict[str, Video]) -> tuple[Video, ...]:
    return tuple(found[one] for one in sorted(found))
