"""Operators' changes to what the store holds in hashes, each with its entry in the audit log; and that log to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.audit import AuditEntry, Deed, side
from gateway.store.health import Told
from gateway.store.lane import Word
from gateway.store.loader import EDIT
from gateway.store.room import Room

AUDIT_PAGE_MAX: Final = 1_000


class Field(Struct, frozen=True):
    """A field of a hash: as it was read, or as it is to be. Empty: it is not there."""

    hash: str
    name: str
    value: Word = b""


class Edit(Struct, frozen=True, kw_only=True):
    """A change: made if all that was `read` still is so. `told`: an event that others may want to know."""

    deed: Deed
    read: Sequence[Field] = ()
    write: Sequence[Field] = ()
    told: Told | None = None


class Edits(Room):
    async def edit(self, edit: Edit) -> bool:
        """Make it, whole or not at all. False: it is not as it was read any more; read again. The same deed made again
        answers True."""
        hashes = list(dict.fromkeys(one.hash for one in (*edit.read, *edit.write)))
        place = {name: at for at, name in enumerate(hashes, start=3)}
        told = edit.told
        words: list[Word] = [self._now_ms(), *deed_words(edit.deed)]
        words += (told.kind, told.name, told.reason) if told else ("", "", "")
        words.append(len(edit.read))
        for one in (*edit.read, *edit.write):
            words += (place[one.hash], one.name, one.value)
        return bool(await self._link.run(EDIT, (self._names.audit, self._names.events, *hashes), words))

    async def audit_page(self, *, after: str | None, limit: int, descending: bool) -> tuple[list[AuditEntry], bool]:
        """Entries behind `after` in that order, and whether there are more."""
        assert 1 <= limit <= AUDIT_PAGE_MAX
        bound = f"({after}" if after else "+" if descending else "-"
        name, end = ("XREVRANGE", "-") if descending else ("XRANGE", "+")
        found = await self._link.command(name, self._names.audit, bound, end, "COUNT", limit + 1)
        return [_read_entry(*entry) for entry in found[:limit]], len(found) > limit


def deed_words(deed: Deed) -> tuple[Word, ...]:
    """The six words of audit.lua."""
    return (deed.id, deed.actor, deed.action, deed.object, side(deed.before), side(deed.after))


def _read_entry(entry_id: bytes, flat: Sequence[Any]) -> AuditEntry:
    fields = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
    return AuditEntry(
        id=entry_id.decode(),
        at_ms=int(fields["at"]),
        actor=fields["actor"].decode(),
        action=fields["action"].decode(),
        object=fields["object"].decode(),
        before=msgspec.json.decode(fields["before"]),
        after=msgspec.json.decode(fields["after"]),
    )
