"""Charts of routes and providers, shared by all replicas: one hash, each field written by who has read it as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from gateway.store.lane import Word
from gateway.store.loader import SWAP
from gateway.store.room import Room

FIELDS_MAX: Final = 100_000  # more are never configured


class Charts(Struct, frozen=True):
    """Charts as they lie there, by name, and the store's time when they did."""

    now_ms: int
    raw: dict[str, bytes]
    drained: frozenset[str] = frozenset()  # routes and providers that an operator drained, where all charts were read


class Swap(Struct, frozen=True):
    """One chart in the place of another; empty is none."""

    name: str
    read: bytes
    now: bytes


class Told(Struct, frozen=True):
    """What others may want to know of a swap: an event."""

    kind: str
    name: str
    reason: str = ""


class HealthCharts(Room):
    async def charts(self, *names: str) -> Charts:
        """These charts, as far as there are any; without names all, and what is drained."""
        key = self._names.health
        reads = [("HMGET", key, *names)] if names else [("HGETALL", key), ("HKEYS", self._names.drained)]
        time, found, *drained = await self._link.many("charts", [("TIME",), *reads])
        pairs = zip(names, found, strict=True) if names else zip(_texts(found[::2]), found[1::2], strict=True)
        now_ms = self._now_ms() or int(time[0]) * 1_000 + int(time[1]) // 1_000
        gone = frozenset(_texts(drained[0])) if drained else frozenset()
        return Charts(now_ms, {name: raw for name, raw in pairs if raw is not None}, gone)

    async def swap_charts(self, *swaps: Swap, told: Told | None = None) -> bool:
        """All of them or, where another was first, none: then False."""
        words: list[Word] = [self._now_ms(), *((told.kind, told.name, told.reason) if told else ("", "", ""))]
        for one in swaps:
            words += (one.name, one.read, one.now)
        return bool(await self._link.run(SWAP, (self._names.health, self._names.events), words))


def _texts(found: Sequence[Any]) -> list[str]:
    return [one.decode() for one in found]
