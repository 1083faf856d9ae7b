"""What an operator does about routes and providers: give them no new work, give them work again, close a breaker.

All by the names of charts (`route/acme/film-1`, `provider/acme`), on all replicas within a second or two, and each with
its entry in the audit log.
"""

from __future__ import annotations

from typing import Final

from gateway.domain import breaker as breakers
from gateway.domain import chart as charts
from gateway.domain.audit import CLI, Deed
from gateway.domain.breaker import Scope
from gateway.domain.chart import BLANK
from gateway.store.edits import Edit, Edits, Field
from gateway.store.errors import StoreAway
from gateway.store.health import HealthCharts, Told

TRIES_MAX: Final = 50
DRAINED: Final = "provider.drained"


class Switches(HealthCharts, Edits):
    async def drained(self) -> frozenset[str]:
        return frozenset(one.decode() for one in await self._link.command("HKEYS", self._names.drained))

    async def drain(self, name: str, *, now_ms: int, actor: str = CLI) -> bool:
        """It gets no new work from now on; what runs there is followed to its end. False if it was so already."""
        scope, rest = charts.scope_of(name)
        told = Told(DRAINED, rest, f"by {actor}") if scope is Scope.PROVIDER else None
        return await self._switch(name, ("", str(now_ms)), actor, told)

    async def enable(self, name: str, *, actor: str = CLI) -> bool:
        """It gets work again. False if nobody had drained it."""
        since = await self._link.command("HGET", self._names.drained, name)
        return since is not None and await self._switch(name, (since.decode(), ""), actor, None)

    async def _switch(self, name: str, values: tuple[str, str], actor: str, told: Told | None) -> bool:
        scope, rest = charts.scope_of(name)
        before, after = values
        deed = Deed(
            id=self._random(12).hex(),
            actor=actor,
            action=f"{scope.value}.{'drain' if after else 'enable'}",
            object=f"{scope.value}/{rest}",
            before={"drained": bool(before)},
            after={"drained": bool(after)},
        )
        place = self._names.drained
        return await self.edit(
            Edit(deed=deed, read=[Field(place, name, before)], write=[Field(place, name, after)], told=told)
        )

    async def close_breaker(self, name: str, *, by: str, actor: str = CLI) -> bool:
        """Whatever speaks against it; a provider that asked not to be called for a while is called again. What is known
        of successes and speed stays. Whether it was open."""
        scope, rest = charts.scope_of(name)
        names = self._names
        for _ in range(TRIES_MAX):
            found = await self.charts(name)
            raw = found.raw.get(name, b"")
            chart = charts.decode_chart(raw) or BLANK
            closed = charts.encode_chart(charts.closed(chart, found.now_ms))
            state = breakers.state_of(chart.breaker, found.now_ms)
            deed = Deed(
                id=self._random(12).hex(),
                actor=actor,
                action=f"{scope.value}.reset",
                object=f"{scope.value}/{rest}",
                before={"breaker": state.value, "reason": chart.breaker.reason or None},
                after={"breaker": "closed"},
            )
            write = [Field(names.health, name, closed)]
            if scope is Scope.PROVIDER:
                write.append(Field(names.providers, f"{rest}:paused"))
            told = Told("breaker.reset", name, f"by {by}")
            if await self.edit(Edit(deed=deed, read=[Field(names.health, name, raw)], write=write, told=told)):
                return bool(chart.breaker.opened_ms)
        raise StoreAway("edit", f"{name} changes too fast to be written; try again")
