"""Characters: which vendor's account knows each, under which handle; and what repeats of their creates are told."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.domain.change import Repeat
from gateway.domain.keys import Character
from gateway.store.lane import Word
from gateway.store.loader import BEGIN_CHARACTER, END_CHARACTER
from gateway.store.outcomes import BeginOutcome, Begun, MadeBefore, Making, Reused, UnknownBefore
from gateway.store.room import Room
from providers.contract import Ref

UNKNOWN: Final = "unknown"
PENDING: Final = "pending/"
_FIELDS = ("id", "project", "name", "created_ms", "account", "ref")
_decode_ref = msgspec.json.Decoder(Ref).decode


class Characters(Room):
    async def begin_character(self, key_id: str, repeat: Repeat, making: str) -> BeginOutcome:
        """Whether it is to be made now. `making` names this try, so that asking twice is asking once."""
        keyed = repeat.key_name is not None
        life_s = repeat.key_ttl_s if keyed else repeat.resend_ttl_s
        again = "1" if repeat.resend else ""
        words = (self._now_ms(), repeat.fingerprint, "idem" if keyed else "resend", again, life_s * 1_000, making)
        match await self._link.run(BEGIN_CHARACTER, (self._memory_of(key_id, repeat),), words):
            case [b"BEGUN"]:
                return Begun()
            case [b"REUSED"]:
                return Reused()
            case [b"REPEATED", what]:
                return _what(what.decode())
            case other:
                raise AssertionError(f"begin_character.lua answered {other!r}")

    async def end_character(self, key_id: str, repeat: Repeat, making: str, made: Character | None) -> None:
        """It was made, or certainly not."""
        await self._end(key_id, repeat, making, "" if made is None else made.id, made)

    async def doubt_character(self, key_id: str, repeat: Repeat, making: str) -> None:
        """Nobody knows whether it was made: its repeats are told so, and nobody is asked again."""
        await self._end(key_id, repeat, making, UNKNOWN, None)

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

    async def _end(self, key_id: str, repeat: Repeat, making: str, what: str, made: Character | None) -> None:
        keys = (self._memory_of(key_id, repeat), self._names.character(made.id if made else ""))
        words: list[Word] = [self._now_ms(), making, what]
        if made is not None:
            ref = msgspec.json.encode(made.ref)
            values: tuple[Word, ...] = (made.id, made.project, made.name, made.created_ms, made.account, ref)
            words += [word for pair in zip(_FIELDS, values, strict=True) for word in pair]
        await self._link.run(END_CHARACTER, keys, words)


def _what(text: str) -> BeginOutcome:
    if text.startswith(PENDING):
        return Making()
    return UnknownBefore() if text == UNKNOWN else MadeBefore(text)
