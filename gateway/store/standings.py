"""Balances of the vendors' accounts as they were last read, for all replicas, and whose turn it is to read one."""

from __future__ import annotations

from typing import Final

from gateway.domain.accounts import Standing, decode_standing, encode_standing
from gateway.store.room import Room

TURN_MS: Final = 30_000
"""Who took a turn has read the balance by then, or another may."""


class Standings(Room):
    async def standings(self) -> dict[str, Standing]:
        """By provider."""
        flat = await self._link.command("HGETALL", self._names.standings)
        found = {name.decode(): decode_standing(raw) for name, raw in zip(flat[::2], flat[1::2], strict=True)}
        return {name: one for name, one in found.items() if one is not None}

    async def put_standing(self, provider: str, standing: Standing) -> None:
        await self._link.command("HSET", self._names.standings, provider, encode_standing(standing))

    async def drop_standing(self, provider: str) -> None:
        """Of a provider that is not watched any more."""
        await self._link.command("HDEL", self._names.standings, provider)

    async def take_turn(self, provider: str, turn_ms: int = TURN_MS) -> bool:
        """Whether this caller may ask the provider for its account now; nobody else may for so long. An answer that is
        lost costs the turn: it is taken, and nobody has it."""
        key = self._names.standing_turn(provider)
        return await self._link.command("SET", key, "taken", "NX", "PX", turn_ms) is not None
