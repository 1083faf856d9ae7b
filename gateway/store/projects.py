"""Projects and keys. A key's secret never comes here: only its digest does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.domain.keys import Key, Project, Status
from gateway.domain.limits import NOTHING, Limits
from gateway.store.lane import Word
from gateway.store.loader import CREATE_KEY, CREATE_PROJECT, SET_LIMITS, SET_STATUS
from gateway.store.outcomes import NameTaken, ProjectGone
from gateway.store.room import Room

KEY_FIELDS: Final = ("id", "project", "name", "role", "created_ms", "expires_ms", "status", "limits")  # as face.lua
PROJECT_FIELDS: Final = ("id", "name", "created_ms", "status", "limits")
COUNTED: Final = ("rpm", "in_flight", "seconds_per_day")  # limits that admit.lua reads by themselves


class Projects(Room):
    async def create_project(self, project: Project) -> Project | NameTaken:
        names = self._names
        reply = await self._link.run(
            CREATE_PROJECT,
            (names.projects, names.project(project.id)),
            (project.id, project.name, project.created_ms, project.status.value),
        )
        return project if reply[0] == b"CREATED" else NameTaken(reply[1].decode())

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

    async def close_project(self, project_id: str) -> bool:
        """No key of it admits anything from now on. False if there is no such project."""
        return await self._set_status(self._names.project(project_id), Status.CLOSED)

    async def create_key(self, key: Key, key_hash: str) -> Key | ProjectGone:
        names = self._names
        values: tuple[Word, ...] = (
            key.id,
            key.project,
            key.name,
            key.role,
            key.created_ms,
            key.expires_ms,
            key.status.value,
        )
        facts = zip(KEY_FIELDS, values, strict=False)
        fields = [word for pair in (*facts, *_limit_fields(key.limits)) if pair[1] != "" for word in pair]
        keys = (names.keys, names.key(key_hash), names.project(key.project))
        made = await self._link.run(CREATE_KEY, keys, (key.id, key_hash, *fields))
        return key if made else ProjectGone()

    async def limit_key(self, key_id: str, limits: Limits) -> bool:
        """From now on these, whole. False if there is no such key."""
        key_hash = await self._link.command("HGET", self._names.keys, key_id)
        return key_hash is not None and await self._set_limits(self._names.key(key_hash.decode()), limits)

    async def limit_project(self, project_id: str, limits: Limits) -> bool:
        """The same for a project and all its keys together."""
        return await self._set_limits(self._names.project(project_id), limits)

    async def revoke_key(self, key_id: str) -> bool:
        """It admits and shows nothing from now on. False if there is no such key."""
        key_hash = await self._link.command("HGET", self._names.keys, key_id)
        return key_hash is not None and await self._set_status(self._names.key(key_hash.decode()), Status.REVOKED)

    async def list_keys(self, project_id: str | None = None) -> list[Key]:
        """The keys of a project, or all, by age."""
        hashes = await self._link.command("HVALS", self._names.keys)
        reads = [("HMGET", self._names.key(one.decode()), *KEY_FIELDS) for one in hashes]
        replies = await self._read_many("list_keys", reads)
        found = [read_key(dict(zip(KEY_FIELDS, reply, strict=True))) for reply in replies if reply[0] is not None]
        mine = [key for key in found if project_id is None or key.project == project_id]
        return sorted(mine, key=lambda key: (key.created_ms, key.id))

    async def _set_limits(self, key: str, limits: Limits) -> bool:
        words = [word for pair in _limit_fields(limits) for word in pair]
        return bool(await self._link.run(SET_LIMITS, (key,), words))

    async def _set_status(self, key: str, status: Status) -> bool:
        return bool(await self._link.run(SET_STATUS, (key,), (status.value,)))


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


def _limit_fields(limits: Limits) -> list[tuple[str, Word]]:
    """Those that are counted one by one, empty for none; then all of them together."""
    counted = [(name, getattr(limits, name)) for name in COUNTED]
    return [*((name, "" if value is None else value) for name, value in counted), ("limits", _encode_limits(limits))]


_encode_limits = msgspec.json.Encoder().encode
_decode_limits = msgspec.json.Decoder(Limits).decode


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
