"""Projects and keys. A key's secret never comes here: only its digest does.

Every change is written with its entry in the audit log; `actor` is whose hand it was, the command line's unless said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.domain.admin_shapes import as_json, key_shape, project_shape
from gateway.domain.audit import CLI, Deed
from gateway.domain.keys import Key, Project, Status
from gateway.domain.limits import NOTHING, Limits
from gateway.domain.moments import moment_text
from gateway.store.edits import Edit, Edits, Field
from gateway.store.errors import StoreAway
from gateway.store.lane import Word
from gateway.store.outcomes import NameTaken, ProjectGone
from providers.contract import Json

KEY_FIELDS: Final = ("id", "project", "name", "role", "created_ms", "expires_ms", "status", "limits")  # as face.lua
PROJECT_FIELDS: Final = ("id", "name", "created_ms", "status", "limits")
COUNTED: Final = ("rpm", "in_flight", "seconds_per_day")  # limits that admit.lua reads by themselves
OLD: Final = "old"  # digest of the secret before the present one, while it is valid or until the next rotation
TRIES_MAX: Final = 8


class Projects(Edits):
    async def create_project(self, project: Project, *, actor: str = CLI) -> Project | NameTaken:
        """Made again it is the same one."""
        names = self._names
        facts: tuple[Word, ...] = (project.id, project.name, project.created_ms, project.status.value)
        fields = list(zip(PROJECT_FIELDS, facts, strict=False))
        fields += _limit_fields(project.limits) if project.limits != NOTHING else []
        edit = Edit(
            deed=self._deed(actor, "project.create", f"project/{project.id}", after=as_json(project_shape(project))),
            read=[Field(names.projects, project.name)],
            write=[Field(names.projects, project.name, project.id), *_fields(names.project(project.id), fields)],
        )
        if await self.edit(edit):
            return project
        owner = (await self._link.command("HGET", names.projects, project.name) or b"").decode()
        return project if owner == project.id else NameTaken(owner)

    async def find_project(self, name_or_id: str) -> Project | None:
        """By name first: a name is what people choose."""
        by_name = await self._link.command("HGET", self._names.projects, name_or_id)
        project_id = by_name.decode() if by_name else name_or_id
        fields = await self._link.command("HMGET", self._names.project(project_id), *PROJECT_FIELDS)
        return _read_project(fields)

    async def list_projects(self) -> list[Project]:
        """All of them, by name."""
        ids = await self._link.command("HVALS", self._names.projects)
        reads = [("HMGET", self._names.project(one.decode()), *PROJECT_FIELDS) for one in ids]
        found = [_read_project(fields) for fields in await self._read_many("list_projects", reads)]
        return sorted((one for one in found if one is not None), key=lambda one: one.name)

    async def close_project(self, project_id: str, *, actor: str = CLI) -> bool:
        """No key of it admits anything from now on. False if there is no such project."""
        return await self._change_project(project_id, "project.close", actor, status=Status.CLOSED)

    async def limit_project(self, project_id: str, limits: Limits, *, actor: str = CLI) -> bool:
        """From now on these, whole, for all its keys together. False if there is no such project."""
        return await self._change_project(project_id, "project.limit", actor, limits=limits)

    async def has_begun(self) -> bool:
        """Whether there was ever a key."""
        return bool(await self._link.command("EXISTS", self._names.begun, self._names.keys))

    async def create_first_key(self, key: Key, key_hash: str, *, actor: str) -> bool:
        """True for one of all who try, however many do so at the same time."""
        first = Field(self._names.begun, "key", key.id)
        return await self.edit(self._new_key(key, key_hash, actor, mark=first))

    async def create_key(self, key: Key, key_hash: str, *, actor: str = CLI) -> Key | ProjectGone:
        return key if await self.edit(self._new_key(key, key_hash, actor)) else ProjectGone()

    async def find_key(self, key_id: str) -> Key | None:
        found = await self._key(key_id)
        return None if found is None else found[1]

    async def secret_of(self, key_id: str) -> str | None:
        """The digest of its present secret."""
        key_hash = await self._link.command("HGET", self._names.keys, key_id)
        return None if key_hash is None else str(key_hash.decode())

    async def limit_key(self, key_id: str, limits: Limits, *, actor: str = CLI) -> bool:
        """From now on these, whole. False if there is no such key."""
        return await self._change_key(key_id, "key.limit", actor, limits=limits)

    async def revoke_key(self, key_id: str, *, actor: str = CLI) -> bool:
        """It admits and shows nothing from now on, by any of its secrets. False if there is no such key."""
        return await self._change_key(key_id, "key.revoke", actor, status=Status.REVOKED)

    async def rotate_key(self, key_id: str, key_hash: str, *, old_until_ms: int, actor: str = CLI) -> Key | None:
        """From now on also, and from `old_until_ms` on only, by the secret with this digest; 0: only, at once. A secret
        that an earlier rotation left valid ends. None if no key that may ask has the id."""
        names = self._names
        for _ in range(TRIES_MAX):
            found = await self._key(key_id)
            if found is None or found[1].status is not Status.ACTIVE:
                return None
            present, key, raw = found
            if present == key_hash:
                return key  # the answer to this rotation was lost
            until_ms = min(old_until_ms, key.expires_ms or old_until_ms)
            write = _fields(names.key(key_hash), [*raw.items(), (OLD, present if until_ms else "")])
            write.append(Field(names.keys, key_id, key_hash))
            gone = [raw[OLD].decode()] if raw.get(OLD) else []
            if until_ms:
                write.append(Field(names.key(present), "expires_ms", until_ms))
            else:
                gone.append(present)
            for one in gone:
                write += await self._all_gone(names.key(one))
            until = moment_text(until_ms) if until_ms else None
            deed = self._deed(actor, "key.rotate", f"key/{key_id}", after={"old_valid_until": until})
            read = [Field(names.keys, key_id, present), *_fields(names.key(present), raw.items())]
            if await self.edit(Edit(deed=deed, read=read, write=write)):
                return key
        raise _too_fast(key_id)

    async def list_keys(self, project_id: str | None = None) -> list[Key]:
        """The keys of a project, or all, by age."""
        hashes = await self._link.command("HVALS", self._names.keys)
        reads = [("HMGET", self._names.key(one.decode()), *KEY_FIELDS) for one in hashes]
        replies = await self._read_many("list_keys", reads)
        found = [read_key(dict(zip(KEY_FIELDS, reply, strict=True))) for reply in replies if reply[0] is not None]
        mine = [key for key in found if project_id is None or key.project == project_id]
        return sorted(mine, key=lambda key: (key.created_ms, key.id))

    # --- one change --------------------------------------------------------------------------------------------------

    async def _change_project(
        self, project_id: str, action: str, actor: str, *, limits: Limits | None = None, status: Status | None = None
    ) -> bool:
        place = self._names.project(project_id)
        for _ in range(TRIES_MAX):
            raw = await self._hash(place)
            before = _read_project([raw.get(name) for name in PROJECT_FIELDS])
            if before is None:
                return False
            after = replace(before, limits=before.limits if limits is None else limits, status=status or before.status)
            sides = (as_json(project_shape(before)), as_json(project_shape(after)))
            deed = self._deed(actor, action, f"project/{project_id}", *sides)
            if await self.edit(Edit(deed=deed, read=_as_read(place, raw), write=_changed(place, limits, status))):
                return True
        raise _too_fast(project_id)

    async def _change_key(
        self, key_id: str, action: str, actor: str, *, limits: Limits | None = None, status: Status | None = None
    ) -> bool:
        names = self._names
        for _ in range(TRIES_MAX):
            found = await self._key(key_id)
            if found is None:
                return False
            present, before, raw = found
            after = replace(before, limits=before.limits if limits is None else limits, status=status or before.status)
            deed = self._deed(actor, action, f"key/{key_id}", as_json(key_shape(before)), as_json(key_shape(after)))
            write = _changed(names.key(present), limits, status)
            if raw.get(OLD):
                write += _changed(names.key(raw[OLD].decode()), limits, status)
            read = [Field(names.keys, key_id, present), *_as_read(names.key(present), raw)]
            if await self.edit(Edit(deed=deed, read=read, write=write)):
                return True
        raise _too_fast(key_id)

    async def _key(self, key_id: str) -> tuple[str, Key, dict[str, bytes]] | None:
        """A key with the digest of its present secret, and its fields as they lie there."""
        key_hash = await self._link.command("HGET", self._names.keys, key_id)
        raw = {} if key_hash is None else await self._hash(self._names.key(key_hash.decode()))
        return (key_hash.decode(), read_key({name: raw.get(name) for name in KEY_FIELDS}), raw) if raw else None

    async def _hash(self, name: str) -> dict[str, bytes]:
        flat = await self._link.command("HGETALL", name)
        return {field.decode(): value for field, value in zip(flat[::2], flat[1::2], strict=True)}

    async def _all_gone(self, name: str) -> list[Field]:
        return [Field(name, field) for field in await self._hash(name)]

    def _new_key(self, key: Key, key_hash: str, actor: str, *, mark: Field | None = None) -> Edit:
        """`mark`: a field that is not there yet, and is from then on."""
        names = self._names
        marks = [] if mark is None else [mark]
        return Edit(
            deed=self._deed(actor, "key.create", f"key/{key.id}", after=as_json(key_shape(key))),
            read=[
                Field(names.project(key.project), "status", Status.ACTIVE.value),
                *(replace(one, value=b"") for one in marks),
            ],
            write=[Field(names.keys, key.id, key_hash), *_fields(names.key(key_hash), _key_fields(key)), *marks],
        )

    def _deed(self, actor: str, action: str, what: str, before: Json = None, after: Json = None) -> Deed:
        return Deed(id=self._random(12).hex(), actor=actor, action=action, object=what, before=before, after=after)


def read_key(fields: Mapping[str, bytes | None]) -> Key:
    text = {name: (value or b"").decode() for name, value in fields.items()}
    return Key(
        id=text["id"],
        project=text["project"],
        name=text["name"],
        role=int(text["role"]),
        created_ms=int(text["created_ms"]),
        expires_ms=int(text["expires_ms"]),
        status=Status(text["status"]),
        limits=read_limits(fields.get("limits")),
    )


def read_limits(data: bytes | None) -> Limits:
    return _decode_limits(data) if data else NOTHING


def _read_project(fields: Sequence[bytes | None]) -> Project | None:
    if fields[0] is None:
        return None
    project_id, name, created_ms, status, limits = ((value or b"").decode() for value in fields)
    return Project(
        id=project_id,
        name=name,
        created_ms=int(created_ms),
        status=Status(status),
        limits=read_limits(limits.encode()),
    )


def _key_fields(key: Key) -> list[tuple[str, Word]]:
    values: tuple[Word, ...] = (
        key.id,
        key.project,
        key.name,
        key.role,
        key.created_ms,
        key.expires_ms,
        key.status.value,
    )
    return [*zip(KEY_FIELDS, values, strict=False), *_limit_fields(key.limits)]


def _limit_fields(limits: Limits) -> list[tuple[str, Word]]:
    """Those that are counted one by one, empty for none; then all of them together."""
    counted = [(name, getattr(limits, name)) for name in COUNTED]
    return [*((name, "" if value is None else value) for name, value in counted), ("limits", _encode_limits(limits))]


def _fields(place: str, values: Iterable[tuple[str, Word]]) -> list[Field]:
    return [Field(place, name, value) for name, value in values]


def _as_read(place: str, raw: Mapping[str, bytes]) -> list[Field]:
    """What a change rests on."""
    return [Field(place, name, raw.get(name, b"")) for name in ("status", "limits")]


def _changed(place: str, limits: Limits | None, status: Status | None) -> list[Field]:
    values: list[tuple[str, Word]] = [] if limits is None else _limit_fields(limits)
    return _fields(place, values if status is None else [*values, ("status", status.value)])


def _too_fast(what: str) -> StoreAway:
    return StoreAway("edit", f"{what} changes too fast to be written; try again")


_encode_limits = msgspec.json.Encoder().encode
_decode_limits = msgspec.json.Decoder(Limits).decode
