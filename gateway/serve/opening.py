"""What a start asks of the store before there are workers. The very first one makes a key that controls, so that an
operator can begin: printed once, kept nowhere."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Final

from msgspec import Struct

from gateway.domain import ids
from gateway.domain.audit import SERVE
from gateway.domain.keys import SECRET_BYTES, Key, Project, digest, new_secret
from gateway.store.outcomes import NameTaken
from gateway.store.store import Store

PROJECT: Final = "operators"
ROLE: Final = 100


class Opening(Struct, frozen=True):
    """`first_key`: the secret of the very first key of this store, None where there was one ever. `sandbox_key`: under
    which the sandboxes of all replicas seal the ids of their jobs."""

    first_key: str | None
    sandbox_key: bytes


def opening(url: str, name: str) -> Opening:
    """StoreAway, StoreRefused."""
    return asyncio.run(_opening(url, name))


async def _opening(url: str, name: str) -> Opening:
    store = Store(url, name=name)
    try:
        await store.open()
        return Opening(await _first_key(store), await store.sandbox_key())
    finally:
        await store.close()


async def _first_key(store: Store) -> str | None:
    if await store.has_begun():
        return None
    now_ms = time.time_ns() // 1_000_000
    project = Project(id=ids.project_id(os.urandom(12)), name=PROJECT, created_ms=now_ms)
    made = await store.create_project(project, actor=SERVE)
    owner = made.project_id if isinstance(made, NameTaken) else made.id
    secret = new_secret(os.urandom(SECRET_BYTES))
    key = Key(id=ids.key_id(os.urandom(12)), project=owner, name="first", role=ROLE, created_ms=now_ms)
    return secret if await store.create_first_key(key, digest(secret), actor=SERVE) else None
