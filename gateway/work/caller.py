"""Who asks: the key behind a request, admitted."""

from __future__ import annotations

from msgspec import Struct

from gateway.domain.keys import admit_key
from gateway.work.tools import Tools


class Caller(Struct, frozen=True, kw_only=True):
    key_hash: str
    key_id: str
    project: str
    role: int


async def identify(tools: Tools, key_hash: str) -> Caller:
    """The caller behind a key's digest. WrongKey if it may not ask."""
    key = admit_key(await tools.store.standing(key_hash), tools.clock.now_ms())
    return Caller(key_hash=key_hash, key_id=key.id, project=key.project, role=key.role)
