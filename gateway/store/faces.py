"""What clients see: a video's face with the standing of who asks, and pages of faces. The most travelled way of all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.domain.keys import Standing, Status
from gateway.domain.videos import Video, decode_video
from gateway.store.loader import CHANGED, FACE, PAGE
from gateway.store.outcomes import Face, Page, Sight
from gateway.store.projects import KEY_FIELDS, read_key, read_limits
from gateway.store.room import Room, Seen

PAGE_MAX: Final = 1_000
SEEN_MAX: Final = 10_000
FACTS: Final = len(KEY_FIELDS) + 2  # of a key, and the status and limits of its project


class Faces(Room):
    async def read(self, video_id: str) -> Video | None:
        record = await self._link.command("HGET", self._names.video(video_id), "rec")
        return None if record is None else decode_video(record)

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these are videos, deleted ones too."""
        reads = [("EXISTS", self._names.video(one)) for one in ids]
        found = await self._read_many("known", reads)
        return {one for one, count in zip(ids, found, strict=True) if count}

    async def face(self, key_hash: str, video_id: str) -> tuple[Standing | None, Face | None]:
        """Who asks, and what there is to see: one round trip. A key's project never changes, so where it was seen
        before is where its status is asked for; the first time that takes one round trip more."""
        seen = self._seen.get(key_hash)
        project = seen.standing.key.project if seen is not None else ""
        reply = await self._look(key_hash, project, video_id)
        if reply[1] is None:
            return None, None
        if seen is None:
            reply = await self._look(key_hash, reply[1].decode(), video_id)
        facts = reply[:FACTS]
        # Reading the facts takes longer than comparing them, and they hardly ever change.
        if seen is None or seen.facts != facts:
            if len(self._seen) >= SEEN_MAX:
                self._seen.clear()
            seen = self._seen[key_hash] = Seen(facts, _standing(facts))
        seen.looked_s = time.monotonic()
        owner, public = reply[FACTS:]
        return seen.standing, None if public is None else Face(owner.decode(), public)

    async def standing(self, key_hash: str, *, age_s: float = 0.0) -> Standing | None:
        """Who asks, as it is now or was at most `age_s` ago."""
        seen = self._seen.get(key_hash)
        if seen is not None and time.monotonic() - seen.looked_s < age_s:
            return seen.standing
        standing, _ = await self.face(key_hash, "")
        return standing

    async def page(self, project: str, *, after: str | None, limit: int, descending: bool) -> Page:
        """A project's videos by id, which is by age. `after` may be any text: the page begins behind its place."""
        assert 1 <= limit <= PAGE_MAX
        key = self._names.list(project)
        if descending:
            bounds = ("ZREVRANGEBYLEX", key, f"({after}" if after else "+", "-")
        else:
            bounds = ("ZRANGEBYLEX", key, f"({after}" if after else "-", "+")
        ids = await self._link.command(*bounds, "LIMIT", 0, limit + 1)
        shown = [self._names.video(one.decode()) for one in ids[:limit]]
        faces = await self._link.run(PAGE, shown, ()) if shown else []
        return Page([face for face in faces if face is not None], len(ids) > limit)

    async def changed(self, known: Mapping[str, int]) -> dict[str, Sight]:
        """What is to be seen of those of these videos whose version is another than the one that is known (0: none).
        One round trip, whoever and however many they are for."""
        ids = list(known)
        assert len(ids) <= PAGE_MAX
        words = [known[one] or "" for one in ids]
        rows = await self._link.run(CHANGED, [self._names.video(one) for one in ids], words) if ids else []
        return {ids[at - 1]: Sight(int(version or 0), face) for at, version, face in rows}

    async def _look(self, key_hash: str, project: str, video_id: str) -> list[Any]:
        names = self._names
        keys = (names.key(key_hash), names.project(project), names.video(video_id))
        reply: list[Any] = await self._link.run(FACE, keys, ())
        return reply


def _standing(facts: list[bytes | None]) -> Standing:
    *key, project, limits = facts
    fields = dict(zip(KEY_FIELDS, key, strict=True))
    status = Status.CLOSED if project is None else Status(project.decode())
    return Standing(read_key(fields), status, read_limits(limits))
