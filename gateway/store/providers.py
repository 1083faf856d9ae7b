"""Providers as all replicas share them: their limits, who waits for them, whose turn it is.

A permit to submit is taken by the commit that says `submitting`; here is what is asked beside that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.domain.permits import ProviderLimits
from gateway.store.lane import Word
from gateway.store.loader import CALL, LIMIT_PROVIDERS, PACE, RESUME, ROOM
from gateway.store.outcomes import RoomAt
from gateway.store.room import Room

CALL_MAX: Final = 256
MINUTE_MS: Final = 60_000
TURN_MS: Final = 10_000
"""So long may a video that was called take its turn; after that another's has come."""


def limit_words(limits: Mapping[str, ProviderLimits]) -> list[Word]:
    """As scripts take them: fields and their values."""
    words: list[Word] = []
    for provider, one in limits.items():
        for what, value in (("rpm", one.rpm), ("concurrency", one.concurrency), ("polls", one.polls_per_minute)):
            if value is not None:
                words += (f"{provider}:{what}", value)
    return words


class Providers(Room):
    async def limit_providers(self, limits: Mapping[str, ProviderLimits], *, version: int | None = None) -> None:
        """From now on these, by provider, for all replicas; others have none. `version`: of the configuration that says
        so; while another counts, nothing is changed."""
        keys = (self._names.providers, self._names.config)
        await self._link.run(LIMIT_PROVIDERS, keys, ("" if version is None else version, *limit_words(limits)))

    async def resume(self, provider: str) -> None:
        """Whatever it asked for, it may be called again."""
        await self._link.run(RESUME, (self._names.providers,), (provider,))

    async def room_at(self, video_id: str, providers: Sequence[str]) -> RoomAt:
        """The first of these that would take a submission of the video now. Only a commit takes the permit."""
        names = self._names
        keys = [names.providers]
        for one in providers:
            keys += (names.sent(one), names.waiting(one), names.called(one))
        place, until_ms, why = await self._link.run(ROOM, keys, (self._now_ms(), video_id, *providers))
        return RoomAt(providers[place - 1] if place else None, until_ms, why.decode())

    async def call(self, provider: str, limit: int = CALL_MAX) -> int:
        """Make those due whose turn it is, at most so many. How many there were."""
        names = self._names
        keys = (
            names.providers,
            names.sent(provider),
            names.waiting(provider),
            names.called(provider),
            names.due,
            names.leases,
        )
        called: int = await self._link.run(CALL, keys, (self._now_ms(), provider, min(limit, CALL_MAX), TURN_MS))
        return called

    async def waiting(self) -> dict[str, int]:
        """How many videos wait for each provider that any waits for."""
        names = sorted(one.decode() for one in await self._link.command("SMEMBERS", self._names.awaited))
        counts = await self._read_many("waiting", [("ZCARD", self._names.waiting(one)) for one in names])
        return dict(zip(names, counts, strict=True))

    async def in_flight(self) -> dict[str, int]:
        """How many attempts each provider may be working on."""
        flat = await self._link.command("HGETALL", self._names.providers)
        fields = zip(flat[::2], flat[1::2], strict=True)
        found = ((name.decode().rpartition(":"), value) for name, value in fields)
        return {provider: int(value) for (provider, _, what), value in found if what == "in_flight"}

    async def sent_lately(self, limits: Mapping[str, int], now_ms: int) -> dict[str, int]:
        """How many submissions of the last minute count against each provider's limit of so many."""
        names = sorted(limits)
        lists = [("LRANGE", self._names.sent(one), 0, limits[one] - 1) for one in names]
        found = await self._read_many("sent_lately", lists)
        since_ms = now_ms - MINUTE_MS
        return {name: sum(int(at) > since_ms for at in times) for name, times in zip(names, found, strict=True)}

    async def pace_poll(self, provider: str) -> int:
        """0 if the provider may be polled now, which is counted; else from when on, in ms."""
        keys = (self._names.providers, self._names.polls(provider))
        free_ms: int = await self._link.run(PACE, keys, (self._now_ms(), provider))
        return free_ms
