"""What the server says of itself and how it answers, for `telecine doctor`. Reads only."""

from __future__ import annotations

import time
from typing import Final

from msgspec import Struct

from gateway.store.checks import info_lines
from gateway.store.room import Room

TRIPS: Final = 21


class Vitals(Struct, frozen=True, kw_only=True):
    info: dict[str, str]
    round_trips_s: tuple[float, ...]
    ahead_s: float  # the server's clock before ours
    forgot: bool


class VitalSigns(Room):
    async def vitals(self) -> Vitals:
        """StoreAway."""
        info = info_lines(await self._link.command("INFO"))
        trips = []
        for _ in range(TRIPS):
            began = time.perf_counter()
            await self._link.command("PING")
            trips.append(time.perf_counter() - began)
        before_s = time.time()
        seconds, micros = await self._link.command("TIME")
        ours_s = (before_s + time.time()) / 2
        noted, accepted = await self._link.command("HMGET", self._names.rewound, "noted_ms", "accepted_ms")
        return Vitals(
            info=info,
            round_trips_s=tuple(trips),
            ahead_s=int(seconds) + int(micros) / 1_000_000 - ours_s,
            forgot=noted is not None and accepted is None,
        )
