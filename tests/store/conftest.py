"""Every test of the store works on a real server; most tell the scripts what time it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.store.store import Store
from tests.store.samples import Clock, simulated
from tests.support.redis import RedisServer, empty_redis, redis_server, store

__all__ = ["empty_redis", "redis_server", "store"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a path that is short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="tc"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def books(empty_redis: RedisServer, clock: Clock) -> AsyncIterator[Store]:
    """A store under the test's clock, with project `proj_1` and its key `key_1`. Whatever a test did, the books of it
    must be right in the end."""
    async with simulated(empty_redis.url, clock) as store:
        yield store
        assert await store.verify() == []
