"""What is to be done once, or told once, is: also when the answer is lost and the store asks again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.accounts import UNREAD
from gateway.domain.audit import SERVE
from gateway.domain.budgets import Cap, Window
from gateway.domain.keys import Key, Project
from gateway.store.store import Store
from tests.store.wires import Proxy, proxied
from tests.support.redis import RedisServer


@pytest.fixture
async def lossy(empty_redis: RedisServer, folder: Path) -> AsyncIterator[tuple[Proxy, Store]]:
    """A store, and the wire that loses its answers."""
    async with proxied(empty_redis.socket, folder) as (proxy, url):
        store = Store(url)
        yield proxy, store
        await store.close()


def first(number: int) -> Key:
    return Key(id=f"key_{number}", project="proj_1", name="first", role=100, created_ms=1)


async def project(store: Store) -> None:
    await store.create_project(Project(id="proj_1", name="operators", created_ms=1))


async def test_the_first_key_is_made_although_its_answer_is_lost(lossy: tuple[Proxy, Store]) -> None:
    """Whoever made it is told so: nobody else has its secret."""
    proxy, store = lossy
    await project(store)  # teaches the script, or what is lost would be the answer that it is unknown
    assert not await store.has_begun()
    proxy.lose = 2
    assert await store.create_first_key(first(1), "hash", actor=SERVE)
    assert proxy.lose == 0
    assert await store.has_begun() and await store.find_key("key_1") == first(1)


async def test_of_many_that_start_at_once_one_makes_the_first_key(store: Store) -> None:
    await project(store)
    tries = (store.create_first_key(first(number), f"hash{number}", actor=SERVE) for number in range(9))
    made = await asyncio.gather(*tries)
    assert made.count(True) == 1
    assert [one.id for one in await store.list_keys()] == [f"key_{made.index(True)}"]


async def test_a_start_that_ends_before_the_first_key_is_made_leaves_it_to_the_next(store: Store) -> None:
    """Looking takes nothing away."""
    assert not await store.has_begun()
    await project(store)
    assert not await store.has_begun()
    assert await store.create_first_key(first(1), "hash", actor=SERVE)


async def test_an_account_is_shut_with_the_note_of_it_although_the_answer_is_lost(lossy: tuple[Proxy, Store]) -> None:
    """The note is what takes the cap away again; a cap of an operator's own gets none, and stays."""
    proxy, store = lossy
    await store.set_cap("provider/own", Window.TOTAL, Cap(7, ()))
    await store.shut_unread("own")
    proxy.pass_on, proxy.lose = 1, 1  # what is held and settled there is read before
    await store.shut_unread("a")
    assert proxy.lose == 0
    assert await store.standings() == {"a": UNREAD}
    caps = {one.scope: one.cap for one in await store.list_budgets(1)}
    assert caps == {"provider/own": Cap(7, ()), "provider/a": Cap(0, ())}


async def test_what_is_told_once_stands_once_although_its_answer_is_lost(
    lossy: tuple[Proxy, Store], empty_redis: RedisServer
) -> None:
    proxy, store = lossy
    await store.announce("doubt.decided", {"attempt": "a"}, once="1")
    proxy.lose = 2
    await store.announce("doubt.decided", {"attempt": "b"}, once="2")
    assert proxy.lose == 0
    assert [one["attempt"] for _, one in empty_redis.client.xrange("{telecine}:events")] == ["a", "b"]
