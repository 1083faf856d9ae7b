"""Budgets: the caps as scripts read them, and what counts against each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.domain.accounts import UNREAD, encode_standing
from gateway.domain.audit import Deed
from gateway.domain.budgets import Budget, Cap, Window, counter_of, name_of, parts_of
from gateway.domain.ledger import DAY_MS, window_until_ms
from gateway.domain.money import format_usd
from gateway.store.edits import deed_words
from gateway.store.errors import StoreAway
from gateway.store.lane import Word
from gateway.store.loader import SET_CAP, SHUT
from gateway.store.outcomes import Crossed, crossed_of
from gateway.store.room import Room
from providers.contract import Json

SIDES: Final = ("held", "settled")
DAYS_TRIED: Final = 4


class Budgets(Room):
    async def set_cap(self, scope: str, window: Window, cap: Cap, *, actor: str | None = None) -> tuple[Crossed, ...]:
        """From now on no new hold passes it, whatever is spent already. Parts of it that are reached are told, once in
        each window, as by a posting that reaches them. `actor`: whose hand it is; None: nobody's, and the audit log
        has no entry."""
        value = f"{cap.micros}|{','.join(map(str, cap.thresholds))}"
        _, crossed = await self._set(name_of(scope, window), value, actor)
        return crossed

    async def remove_cap(self, scope: str, window: Window, *, actor: str | None = None) -> bool:
        """False if there was none."""
        was_there, _ = await self._set(name_of(scope, window), "", actor)
        return was_there

    async def shut_unread(self, provider: str) -> None:
        """A cap on all that it ever spends, at what that is now, until its account was read: nothing new is held there.
        A cap that stands is left alone."""
        scope = f"provider/{provider}"
        held, settled = await self.spent_in_all(scope)
        words = (name_of(scope, Window.TOTAL), f"{held + settled}|", provider, encode_standing(UNREAD))
        await self._link.run(SHUT, (self._names.caps, self._names.standings), words)

    async def _set(self, name: str, value: str, actor: str | None) -> tuple[bool, tuple[Crossed, ...]]:
        """The ledger's clock says which counter is meant: asked with a day that is over, the script tells the time."""
        names = self._names
        keys = (names.caps, names.counters, names.crossed, names.events, names.time, names.audit)
        now_ms = self._now_ms()
        deed_id = self._random(12).hex()
        for _ in range(DAYS_TRIED):
            until_ms = window_until_ms(now_ms)
            words: list[Word] = [self._now_ms(), name, value, counter_of(name, now_ms), until_ms - DAY_MS, until_ms]
            if actor is not None:
                before: bytes = await self._link.command("HGET", names.caps, name) or b""
                sides = [_told(before.decode()), _told(value)]
                action = "budget.set" if value else "budget.remove"
                deed = Deed(
                    id=deed_id, actor=actor, action=action, object=f"budget/{name}", before=sides[0], after=sides[1]
                )
                words += (before, *deed_words(deed))
            match await self._link.run(SET_CAP, keys, words):
                case [b"SET", done, rows]:
                    return bool(done), crossed_of(rows)
                case [b"OTHERDAY", time_ms]:
                    now_ms = time_ms
                case [b"OTHERCAP"]:
                    pass
                case other:
                    raise AssertionError(f"set_cap.lua answered {other!r}")
        raise StoreAway("set_cap", "the day, or the budget, changes; try again")

    async def spent_in_all(self, scope: str) -> tuple[int, int]:
        """What is held and what was ever settled for it, cap or none; micro-dollars."""
        counter = name_of(scope, Window.TOTAL)
        reads = [("HGET", self._names.counters, f"{counter}:{side}") for side in SIDES]
        held, settled = [int(value or 0) for value in await self._read_many("spent_in_all", reads)]
        return held, settled

    async def list_budgets(self, now_ms: int) -> list[Budget]:
        """Every cap with what is held and settled in its present window, by name."""
        flat = await self._link.command("HGETALL", self._names.caps)
        caps = {flat[at].decode(): flat[at + 1].decode() for at in range(0, len(flat), 2)}
        names = sorted(caps)
        fields = [f"{counter_of(name, now_ms)}:{side}" for name in names for side in SIDES]
        reads = [("HGET", self._names.counters, field) for field in fields]
        sums = [int(value or 0) for value in await self._read_many("list_budgets", reads)]
        return [_budget(name, caps[name], sums[2 * at : 2 * at + 2]) for at, name in enumerate(names)]


def _cap(text: str) -> Cap:
    micros, _, percents = text.partition("|")
    return Cap(int(micros), tuple(int(one) for one in percents.split(",") if one))


def _told(text: str) -> Json:
    """For the audit log."""
    if not text:
        return None
    cap = _cap(text)
    return {"cap_usd": format_usd(cap.micros), "thresholds": list(cap.thresholds)}


def _budget(name: str, cap: str, sums: Sequence[int]) -> Budget:
    scope, window = parts_of(name)
    return Budget(
        scope=scope,
        window=window,
        cap=_cap(cap),
        held_micros=sums[0],
        settled_micros=sums[1],
    )
