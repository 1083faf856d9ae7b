"""Who asks: the key behind a request, admitted."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gateway.domain.keys import admit_key
from gateway.domain.limits import Owned
from gateway.work.tools import Tools


class Caller(Struct, frozen=True, kw_only=True):
    key_hash: str
    key_id: str
    project: str
    role: int
    owned: tuple[Owned, ...] = ()  # the limits of the key and of its project


JUST_NOW_S: Final = 1.0


async def identify(tools: Tools, key_hash: str, *, admits: bool = False) -> Caller:
    """The caller behind a key's digest. WrongKey if it may not ask. Who `admits` has the key looked at once more, by
    the very commit; until then it is enough to know how the key stood just now."""
    standing = await tools.store.standing(key_hash, age_s=JUST_NOW_S if admits else 0.0)
    key = admit_key(standing, tools.clock.now_ms())
    assert standing is not None
    limits = (Owned("this API key", key.limits), Owned("this project", standing.project_limits))
    return Caller(key_hash=key_hash, key_id=key.id, project=key.project, role=key.role, owned=limits)
