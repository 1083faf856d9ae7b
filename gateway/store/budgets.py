"""Budgets: the caps as scripts read them, and what counts against each."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.budgets import Budget, Cap, Window, counter_of, name_of, parts_of
from gateway.store.loader import SET_CAP
from gateway.store.room import Room

SIDES = ("held", "settled")


class Budgets(Room):
    async def set_cap(self, scope: str, window: Window, cap: Cap) -> None:
        """From now on no new hold passes it, whatever is spent already."""
        value = f"{cap.micros}|{','.join(map(str, cap.thresholds))}"
        await self._link.run(SET_CAP, (self._names.caps,), (name_of(scope, window), value))

    async def remove_cap(self, scope: str, window: Window) -> bool:
        """False if there was none."""
        return bool(await self._link.run(SET_CAP, (self._names.caps,), (name_of(scope, window), "")))

    async def list_budgets(self, now_ms: int) -> list[Budget]:
        """Every cap with what is held and settled in its present window, by name."""
        flat = await self._link.command("HGETALL", self._names.caps)
        caps = {flat[at].decode(): flat[at + 1].decode() for at in range(0, len(flat), 2)}
        names = sorted(caps)
        fields = [f"{counter_of(name, now_ms)}:{side}" for name in names for side in SIDES]
        reads = [("HGET", self._names.counters, field) for field in fields]
        sums = [int(value or 0) for value in await self._read_many("list_budgets", reads)]
        return [_budget(name, caps[name], sums[2 * at : 2 * at + 2]) for at, name in enumerate(names)]


def _budget(name: str, cap: str, sums: Sequence[int]) -> Budget:
    scope, window = parts_of(name)
    micros, _, percents = cap.partition("|")
    thresholds = tuple(int(one) for one in percents.split(",") if one)
    return Budget(
        scope=scope,
        window=window,
        cap=Cap(int(micros), thresholds),
        held_micros=sums[0],
        settled_micros=sums[1],
    )
