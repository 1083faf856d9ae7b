"""Operators' changes in a real store: whole or not at all, once, and each with its entry in the audit log."""

from __future__ import annotations

from gateway.domain.audit import SIDE_BYTES_MAX, Deed
from gateway.store.edits import Edit, Field
from gateway.store.health import Told
from gateway.store.store import Store
from tests.support.redis import RedisServer


def edit(ident: str, before: bytes, after: bytes, told: Told | None = None) -> Edit:
    deed = Deed(id=ident, actor="key_1", action="thing.change", object="thing/1", before={"x": 1}, after=None)
    field = "{telecine}:t"
    return Edit(deed=deed, read=[Field(field, "x", before)], write=[Field(field, "x", after)], told=told)


async def test_an_edit_is_made_with_its_entry_or_not_at_all(store: Store, empty_redis: RedisServer) -> None:
    assert await store.edit(edit("a", b"", b"1", Told("thing.changed", "1", "why")))
    assert not await store.edit(edit("b", b"", b"2"))
    assert await store.edit(edit("c", b"1", b""))
    assert empty_redis.client.hgetall("{telecine}:t") == {}
    entries, more = await store.audit_page(after=None, limit=10, descending=True)
    assert [(one.actor, one.action, one.object, one.before, one.after) for one in entries] == [
        ("key_1", "thing.change", "thing/1", {"x": 1}, None)
    ] * 2
    assert not more and entries[0].at_ms >= entries[1].at_ms > 0
    ((_, event),) = empty_redis.client.xrange("{telecine}:events")
    assert (event["kind"], event["name"], event["reason"]) == ("thing.changed", "1", "why")


async def test_a_deed_that_is_sent_twice_is_done_and_written_once(store: Store, empty_redis: RedisServer) -> None:
    assert await store.edit(edit("a", b"", b"1"))
    assert await store.edit(edit("a", b"", b"1"))
    assert empty_redis.client.xlen("{telecine}:audit") == 1


async def test_the_log_is_read_in_pages_either_way(store: Store) -> None:
    for number in range(5):
        before = b"" if number == 0 else str(number).encode()
        assert await store.edit(edit(str(number), before, str(number + 1).encode()))
    first, more = await store.audit_page(after=None, limit=3, descending=True)
    rest, no_more = await store.audit_page(after=first[-1].id, limit=3, descending=True)
    assert (len(first), more, len(rest), no_more) == (3, True, 2, False)
    oldest, _ = await store.audit_page(after=None, limit=5, descending=False)
    assert [one.id for one in oldest] == [one.id for one in reversed([*first, *rest])]


async def test_a_side_that_is_too_long_is_left_out(store: Store) -> None:
    deed = Deed(id="a", actor="cli", action="thing.change", object="thing/1", after={"x": "y" * SIDE_BYTES_MAX})
    assert await store.edit(Edit(deed=deed))
    ((entry,), _) = await store.audit_page(after=None, limit=1, descending=True)
    assert isinstance(entry.after, dict) and list(entry.after) == ["left_out"]
