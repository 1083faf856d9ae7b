"""The stream of events: what others may want to know beside the lives of videos."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from gateway.store.lane import Word
from gateway.store.loader import ANNOUNCE
from gateway.store.room import Room

TOLD_MS: Final = 86_400_000


class Events(Room):
    async def announce(self, kind: str, facts: Mapping[str, str], *, once: str) -> bool:
        """One entry, however many replicas say it: those with the same `once` are one for a day. False: it was told."""
        names = self._names
        told = names.told(hashlib.sha256(f"{kind}\n{once}".encode()).hexdigest()[:32])
        words: list[Word] = [self._now_ms(), TOLD_MS, kind]
        for name, value in facts.items():
            words += (name, value)
        return bool(await self._link.run(ANNOUNCE, (names.events, told), words))
