"""Webhooks: their targets, deliveries on their way in lanes, dead letters. `domain.deliveries` says what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from gateway import killpoints
from gateway.domain.audit import Deed
from gateway.domain.change import Message
from gateway.domain.deliveries import Delivery, Next, decode_delivery, encode_delivery
from gateway.domain.targets import Target, decode_target, encode_target
from gateway.log import log
from gateway.store.edits import Edit, Edits, Field
from gateway.store.lane import Word
from gateway.store.loader import ADD_DELIVERIES, CLAIM_DELIVERIES, PLACE_DELIVERY
from gateway.store.names import Names

LAST: Final = "last"

T = TypeVar("T")
DEAD_LETTERS_KEPT: Final = 10_000
LANES_LOOKED_AT: Final = 256
PAGE_MAX: Final = 1_000


class Standings(Struct, frozen=True):
    """What is on its way: deliveries, those among them that were given up, and how late the latest due one is."""

    on_their_way: int
    dead: int
    oldest_due_ms: int


class DeadLetters(Struct, frozen=True):
    """A page. `lost`: what it was to begin behind is no dead letter, or no more."""

    letters: list[Delivery]
    more: bool
    lost: bool = False


class Webhooks(Edits):
    # --- targets --------------------------------------------------------------------------------------------------

    async def targets_changed(self) -> str:
        """The name of their last change: who has seen it knows them."""
        found = await self._link.command("HGET", self._names.targets_changed, LAST)
        return "" if found is None else found.decode()

    async def targets(self) -> list[Target]:
        """All of them, by age."""
        raw = await self._link.command("HVALS", self._names.targets)
        found = [one for one in map(_readable(decode_target), raw) if one is not None]
        return sorted(found, key=lambda one: (one.created_ms, one.id))

    async def target(self, target_id: str) -> Target | None:
        raw = await self._link.command("HGET", self._names.targets, target_id)
        return None if raw is None else _readable(decode_target)(raw)

    async def set_target(self, before: Target | None, after: Target | None, deed: Deed) -> bool:
        """One target in the place of another, and who did it; None is none. False: it is not as it was read."""
        one = after or before
        assert one is not None
        names = self._names
        # What lies there may have been written by another version, in other words.
        read = await self._link.command("HGET", names.targets, one.id) or b""
        if (_readable(decode_target)(read) if read else None) != before:
            return False
        write = b"" if after is None else encode_target(after)
        fields = (Field(names.targets, one.id, write), Field(names.targets_changed, LAST, deed.id))
        return await self.edit(Edit(deed=deed, read=(Field(names.targets, one.id, read),), write=fields))

    # --- deliveries -----------------------------------------------------------------------------------------------

    async def lanes_due(self, now_ms: int) -> list[str]:
        """The lanes that have something due, the longest waiting first."""
        words = ("ZRANGEBYSCORE", self._names.lanes, "-inf", now_ms, "LIMIT", 0, LANES_LOOKED_AT)
        return [one.decode() for one in await self._link.command(*words)]

    async def claim_deliveries(self, lane: str, limit: int, *, lease_ms: int) -> list[Delivery]:
        """Up to `limit` that are due, due again when the lease is over."""
        names = self._names
        keys = (names.lanes, names.queue(lane), names.deliveries)
        _, *records = await self._link.run(CLAIM_DELIVERIES, keys, (self._now_ms(), lane, limit, lease_ms))
        return [one for one in map(_readable(decode_delivery), records) if one is not None]

    async def place_delivery(self, before: Delivery, then: Next) -> tuple[bool, int]:
        """Whether it was as the caller had read it; and how many old dead letters went to make room."""
        names = self._names
        # What lies there may have been written by another version, in other words.
        raw = await self._link.command("HGET", names.deliveries, before.id)
        if raw is None or _readable(decode_delivery)(raw) != before:
            return False, 0
        keys = (names.lanes, names.queue(before.lane), names.deliveries, names.dead_letters)
        words: list[Word] = [
            self._now_ms(),
            before.lane,
            before.id,
            raw,
            b"" if then.record is None else encode_delivery(then.record),
            "" if then.due_ms is None else then.due_ms,
            DEAD_LETTERS_KEPT,
        ]
        killpoints.reach("before.commit.deliver")
        done, dropped = await self._link.run(PLACE_DELIVERY, keys, words)
        killpoints.reach("after.commit.deliver")
        return bool(done), dropped

    async def add_deliveries(self, messages: Sequence[Message], *, read: tuple[str, str] | None = None) -> int | None:
        """How many were new. `read`: how far the stream of events had been read, and is read now; None is answered
        where another was first."""
        before, after = read or ("", "")
        keys = [self._names.events_read, *keys_of(self._names, messages)]
        done = await self._link.run(ADD_DELIVERIES, keys, [self._now_ms(), before, after, *words_of(messages)])
        return None if done < 0 else done

    async def webhook_standings(self, now_ms: int) -> Standings:
        names = self._names
        first = ("ZRANGE", names.lanes, 0, 0, "WITHSCORES")
        every, dead, lane = await self._link.many(
            "webhook_standings", [("HLEN", names.deliveries), ("ZCARD", names.dead_letters), first]
        )
        due_ms = int(float(lane[1])) if lane else now_ms
        return Standings(every - dead, dead, max(0, now_ms - due_ms))

    # --- dead letters ---------------------------------------------------------------------------------------------

    async def dead_letters(self, *, after: str | None, limit: int, descending: bool = True) -> DeadLetters:
        """By when they were given up. `after`: the id of the last one that was seen."""
        assert 1 <= limit <= PAGE_MAX
        rank_of, range_of = ("ZREVRANK", "ZREVRANGE") if descending else ("ZRANK", "ZRANGE")
        start = 0
        if after is not None:
            rank = await self._link.command(rank_of, self._names.dead_letters, after)
            if rank is None:
                return DeadLetters([], more=False, lost=True)
            start = rank + 1
        ids = await self._link.command(range_of, self._names.dead_letters, start, start + limit)
        found = await self._deliveries([one.decode() for one in ids[:limit]])
        return DeadLetters(found, len(ids) > limit)

    async def delivery(self, delivery_id: str) -> Delivery | None:
        found = await self._deliveries([delivery_id])
        return found[0] if found else None

    async def _deliveries(self, ids: Sequence[str]) -> list[Delivery]:
        if not ids:
            return []
        raw = await self._link.command("HMGET", self._names.deliveries, *ids)
        found = (_readable(decode_delivery)(one) for one in raw if one is not None)
        return [one for one in found if one is not None]

    # --- the stream of events -------------------------------------------------------------------------------------

    async def events_after(self, place: str, limit: int) -> list[tuple[str, dict[str, str]]]:
        """Entries of the stream behind a place, each with its own."""
        found = await self._link.command(
            "XRANGE", self._names.events, f"({place}" if place else "-", "+", "COUNT", limit
        )
        return [(place.decode(), _pairs(flat)) for place, flat in found]

    async def events_read(self) -> str:
        """How far the stream was read; empty: never."""
        found = await self._link.command("GET", self._names.events_read)
        return "" if found is None else found.decode()


def _readable(decode: Callable[[bytes], T]) -> Callable[[bytes], T | None]:
    """What another version wrote, and this one cannot read, is left to that one."""

    def of(raw: bytes) -> T | None:
        try:
            return decode(raw)
        except msgspec.DecodeError:
            log("record_unreadable", level="error", size_bytes=len(raw))
            return None

    return of


def _pairs(flat: Sequence[bytes]) -> dict[str, str]:
    return {flat[at].decode(): flat[at + 1].decode(errors="replace") for at in range(0, len(flat), 2)}


def keys_of(names: Names, messages: Sequence[Message]) -> list[str]:
    """KEYS of messages.lua: the last ones of a script; none without messages."""
    return [names.deliveries, names.lanes, *(names.queue(one.lane) for one in messages)] if messages else []


def words_of(messages: Sequence[Message]) -> list[Word]:
    """ARGV of messages.lua: the last ones of a script."""
    return [word for one in messages for word in (one.id, one.lane, one.record)]
