"""Characters: which vendor's account knows each, under which handle."""

from __future__ import annotations

import msgspec

from gateway.domain.keys import Character
from gateway.store.lane import Word
from gateway.store.loader import SAVE_CHARACTER
from gateway.store.room import Room
from providers.contract import Ref

_FIELDS = ("id", "project", "name", "created_ms", "account", "ref")
_decode_ref = msgspec.json.Decoder(Ref).decode


class Characters(Room):
    async def save_character(self, character: Character) -> None:
        ref = msgspec.json.encode(character.ref)
        one = character
        values: tuple[Word, ...] = (one.id, one.project, one.name, one.created_ms, one.account, ref)
        words = [word for pair in zip(_FIELDS, values, strict=True) for word in pair]
        await self._link.run(SAVE_CHARACTER, (self._names.character(character.id),), words)

    async def character(self, character_id: str) -> Character | None:
        fields = await self._link.command("HMGET", self._names.character(character_id), *_FIELDS)
        if fields[0] is None:
            return None
        identity, project, name, created_ms, account = (value.decode() for value in fields[:5])
        return Character(
            id=identity,
            project=project,
            name=name,
            created_ms=int(created_ms),
            account=account,
            ref=_decode_ref(fields[5]),
        )
