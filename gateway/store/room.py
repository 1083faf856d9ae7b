"""What every part of the store stands on: the link, the names, the sequence, and whose clock and dice count."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from gateway.domain.change import Repeat
from gateway.domain.keys import Standing
from gateway.store.lane import Command
from gateway.store.link import Link
from gateway.store.names import Names
from gateway.store.sequence import Remembered

BATCH: Final = 500


def servers_own_time() -> int:
    """What a script reads as: this server's clock. A simulation passes another time."""
    return 0


class Seen(Struct):
    """A key as it was read last: its facts, what they mean, and when that was (monotonic)."""

    facts: list[bytes | None]
    standing: Standing
    looked_s: float = 0.0


class Room:
    def __init__(
        self,
        link: Link,
        names: Names,
        sequence: Remembered,
        *,
        now_ms: Callable[[], int] = servers_own_time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._link = link
        self._names = names
        self._sequence = sequence
        self._now_ms = now_ms
        self._random = random
        self._seen: dict[str, Seen] = {}  # by digest
        self.unfit: tuple[str, ...] = ()  # why nothing may be admitted now

    def _memory_of(self, key_id: str, repeat: Repeat) -> str:
        """What remembers a create, for its repeats. An Idempotency-Key decides alone: it comes every time."""
        if repeat.key_name is None:
            return self._names.repeat(key_id, repeat.fingerprint)
        return self._names.idem(key_id, repeat.key_name)

    async def _read_many(self, operation: str, commands: Sequence[Command]) -> list[Any]:
        """The replies to any number of reading commands."""
        return [reply for batch in batches(commands) for reply in await self._link.many(operation, batch)]


def batches(items: Sequence[Any], size: int = BATCH) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
