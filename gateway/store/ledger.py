"""The ledger as it is kept: its entries, and the proof that counters and open holds are what they add up to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

from gateway.domain.change import Kind, Posting
from gateway.domain.ledger import Balance, Entry, Tally, differences, utc_day
from gateway.domain.videos import AttemptState, attempt_id, decode_video
from gateway.store.errors import LedgerTrimmed, StoreAway
from gateway.store.room import Room

ENTRIES_MAX: Final = 1_000
ABOUT_PAGES: Final = 20
CLOCKS_APART_MS: Final = 60_000
READING_MS: Final = 60_000
VERIFY_TRIES: Final = 3

Still: TypeAlias = Callable[[], Awaitable[None]]


class Ledger(Room):
    async def ledger_entries(self, *, after: str = "", limit: int = ENTRIES_MAX) -> tuple[list[Entry], str]:
        """Some entries in the order in which they were made, and where to go on; `after` empty: from the first."""
        start = f"({after}" if after else "-"
        rows = await self._link.command("XRANGE", self._names.ledger, start, "+", "COUNT", min(limit, ENTRIES_MAX))
        return [read_entry(fields) for _, fields in rows], rows[-1][0].decode() if rows else after

    async def entries_about(self, video_id: str, since_ms: int) -> tuple[list[Entry], bool]:
        """The entries of a video that was created at `since_ms`, and whether these are all that it had: at most
        ABOUT_PAGES pages are read, and old entries leave the ledger."""
        fields = await self._link.command("HKEYS", self._names.video(video_id))
        missing = {field.decode()[2:] for field in fields if field.startswith(b"e:")}
        found: list[Entry] = []
        after = f"{max(0, since_ms - CLOCKS_APART_MS)}-0"
        for _ in range(ABOUT_PAGES):
            page, after = await self.ledger_entries(after=after)
            found += [one for one in page if one.posting.id in missing]
            missing -= {one.posting.id for one in page}
            if not missing or len(page) < ENTRIES_MAX:
                break
        return found, not missing

    async def verify(self) -> list[str]:
        """Every difference between the counters, the open holds and the entries, one sentence each. None is right.
        Entries never change, so what was read at one moment is compared with the entries up to that moment.
        LedgerTrimmed if it cannot be read whole."""
        for _ in range(VERIFY_TRIES - 1):
            with suppress(LedgerTrimmed):
                return await self._verify()
        return await self._verify()

    async def _verify(self) -> list[str]:
        async with self.reading() as still:
            return await self._differences(still)

    async def _differences(self, still: Still) -> list[str]:
        names = self._names
        last, counters, holds, disputes = await self._at_one_moment(
            ("XREVRANGE", names.ledger, "+", "-", "COUNT", 1),
            ("HGETALL", names.counters),
            ("HGETALL", names.holds),
            ("HGETALL", names.disputes),
        )
        tally = Tally()
        after, end = "", last[0][0].decode() if last else ""
        while after != end:
            rows = await self._link.command(
                "XRANGE", names.ledger, f"({after}" if after else "-", end, "COUNT", ENTRIES_MAX
            )
            if not rows:
                break
            for _, fields in rows:
                tally.add(read_entry(fields))
            after = rows[-1][0].decode()
            await still()
        found = differences(tally.books(), _balances(counters), _amounts(holds), _amounts(disputes))
        return found + await self._idle_holds(list(tally.open.values()))

    async def disputes(self, *, limit: int = ENTRIES_MAX) -> tuple[dict[str, int], int]:
        """Micro-dollars by the entry of each dispute that nobody has decided, at most `limit` or a few more of them;
        and how many there are."""
        found: dict[str, int] = {}
        total, cursor = int(await self._link.command("HLEN", self._names.disputes)), b"0"
        while len(found) < limit:
            cursor, flat = await self._link.command("HSCAN", self._names.disputes, cursor, "COUNT", limit)
            found |= _amounts(flat)
            if cursor == b"0":
                break
        return found, max(total, len(found))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Still]:
        """While the ledger is read from end to end nobody trims it. To be told after each page that it is still read;
        that raises LedgerTrimmed if the reader was too slow and it was trimmed."""
        trimmed = await self._note_reading()

        async def still() -> None:
            if await self._note_reading() != trimmed:
                raise LedgerTrimmed

        try:
            yield still
        finally:
            with suppress(StoreAway):
                await self._link.command("DEL", self._names.reading)

    async def _note_reading(self) -> int:
        """How many entries have left the ledger so far. The note is a courtesy; the number decides."""
        with suppress(StoreAway):  # a full server takes no note
            await self._link.command("SET", self._names.reading, "1", "PX", READING_MS)
        return int(await self._link.command("HGET", self._names.trimmed, "entries") or 0)

    async def trimmed_until_ms(self) -> int | None:
        """The last moment of what has left the ledger; None: all of it is there."""
        found = await self._link.command("HGET", self._names.trimmed, "until_ms")
        return None if found is None else int(found)

    async def _idle_holds(self, open_holds: Sequence[Posting]) -> list[str]:
        """Holds of attempts that are closed: nothing will ever end them."""
        found = []
        for posting in open_holds:
            record, still = await self._at_one_moment(
                ("HGET", self._names.video(posting.video), "rec"), ("HGET", self._names.holds, posting.id)
            )
            if still is None:
                continue
            attempts = decode_video(record).attempts if record else ()
            states = {attempt_id(posting.video, one.ordinal): one.state for one in attempts}
            if states.get(posting.attempt, AttemptState.CLOSED) is AttemptState.CLOSED:
                found.append(f"hold {posting.id} is open, but its attempt is closed")
        return found

    async def _at_one_moment(self, *commands: tuple[str | int, ...]) -> list[Any]:
        """The replies of reading commands between which nothing was written."""
        replies = await self._link.many("verify", [("MULTI",), *commands, ("EXEC",)])
        moment: list[Any] = replies[-1]
        return moment


def _pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _amounts(flat: list[bytes]) -> dict[str, int]:
    """An amount that is no number is none: every comparison then names it."""
    found = {name.decode(): _whole(amount) for name, amount in _pairs(flat)}
    return {name: amount for name, amount in found.items() if amount is not None}


def _whole(text: bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _balances(flat: list[bytes]) -> dict[str, Balance]:
    sides = _amounts(flat)
    counters = {name.rpartition(":")[0] for name in sides}
    return {one: Balance(sides.get(f"{one}:held", 0), sides.get(f"{one}:settled", 0)) for one in counters}


def read_entry(flat: list[bytes]) -> Entry:
    """Empty fields are left out. ValueError or KeyError if it is none that this gateway knows."""
    fields = {name.decode(): value.decode() for name, value in _pairs(flat)}
    posting = Posting(
        id=fields["id"],
        kind=Kind(fields["kind"]),
        answers=fields.get("answers") or None,
        amount_micros=int(fields["amount"]),
        released_micros=int(fields["released"]),
        counters=tuple(fields["counters"].split("\n")),
        spared=int(fields.get("spared") or 0),
        video=fields["video"],
        attempt=fields["attempt"],
        key_id=fields["key"],
        project=fields["project"],
        provider=fields["provider"],
        route=fields["route"],
        model=fields.get("model", ""),
        tags=fields.get("tags", ""),
        delivered=bool(fields.get("delivered")),
        dearest_micros=int(fields.get("dearest") or 0),
        presumed=bool(fields.get("presumed")),
        ref=fields.get("ref", ""),
        reason=_range(fields) if fields["kind"] == Kind.CARRY else fields.get("reason", ""),
    )
    return Entry(int(fields["at"]), posting)


def _range(fields: Mapping[str, str]) -> str:
    """What a carry stands for."""
    first, last = (utc_day(int(fields[name])) for name in ("first", "last"))
    return f"entries from {first} to {last}"
