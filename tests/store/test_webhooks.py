"""Deliveries in the store: written with the change that they tell of, claimed by lane, never lost, never twice."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.domain.audit import Deed
from gateway.domain.change import Message
from gateway.domain.deliveries import Answer, Delivery, Heard, Next, after, encode_delivery, replayed
from gateway.domain.events import Event
from gateway.domain.targets import Secret, Target, encode_target
from gateway.store import webhooks
from gateway.store.errors import BrokenRule
from gateway.store.outcomes import Admitted, Committed, Stale
from gateway.store.store import Store
from tests.store.samples import T0, Clock, admission, apply, following, let_in, video
from tests.support.redis import RedisServer

LEASE_MS = 30_000
TARGET = Target(id="wht_1", scope="gateway", url="https://a.example", secrets=(Secret("whsec_AA=="),), created_ms=T0)


def delivery(number: int = 1, *, lane: str = "wht_1") -> Delivery:
    return Delivery(
        id=f"evt_{number}.{lane}",
        event=f"evt_{number}",
        type=Event.VIDEO_COMPLETED,
        about=f"video_{number}",
        target=lane,
        lane=lane,
        body="{}",
        made_ms=T0,
    )


def deed(verb: str) -> Deed:
    return Deed(id=verb, actor="cli", action=f"webhook.{verb}", object="webhook/wht_1")


def message(one: Delivery) -> Message:
    return Message(one.id, one.lane, encode_delivery(one))


async def claimed(store: Store, lane: str = "wht_1", limit: int = 10) -> list[Delivery]:
    return await store.claim_deliveries(lane, limit, lease_ms=LEASE_MS)


async def test_a_message_is_written_with_its_change_or_not_at_all(books: Store, clock: Clock) -> None:
    """By an admission and by a commit; a commit that is refused as stale writes none; one that is repeated, one."""
    made = video(1)
    first = admission(made)
    let_in = replace(first, change=replace(first.change, messages=(message(delivery(1)),)))
    assert isinstance(await books.admit(let_in), Admitted)
    told = following(made, messages=(message(delivery(2)), message(delivery(2, lane="wht_2"))))
    assert isinstance(await apply(books, told, commit_id="one"), Committed)
    assert isinstance(await apply(books, told, commit_id="one"), Committed)
    stale = following(made, messages=(message(delivery(3)),))
    assert isinstance(await apply(books, stale, commit_id="two"), Stale)
    assert await books.lanes_due(clock.now_ms) == ["wht_1", "wht_2"]
    assert [one.event for one in await claimed(books)] == ["evt_1", "evt_2"]
    assert [one.event for one in await claimed(books, "wht_2")] == ["evt_2"]


async def test_a_claimed_delivery_is_due_again_when_its_lease_is_over(books: Store, clock: Clock) -> None:
    """Whoever claimed it died, or was slow; what the slow one says then still counts if nobody else said anything."""
    await books.add_deliveries([message(delivery(1)), message(delivery(2))])
    assert len(await claimed(books, limit=1)) == 1
    (second,) = await claimed(books)
    assert await claimed(books) == []
    assert await books.lanes_due(clock.now_ms) == []
    clock.now_ms += LEASE_MS
    again = await claimed(books)
    assert {one.id for one in again} == {delivery(1).id, delivery(2).id}
    assert await books.place_delivery(second, Next(None)) == (True, 0)
    assert await books.place_delivery(second, Next(None)) == (False, 0)


async def test_what_is_tried_again_given_up_and_sent_once_more(books: Store, clock: Clock) -> None:
    one = delivery(1)
    await books.add_deliveries([message(one)])
    await claimed(books)
    later = after(one, Answer(Heard.REFUSED, 500), clock.now_ms, jitter=0.5)
    assert await books.place_delivery(one, later) == (True, 0)
    assert later.record is not None
    assert await books.place_delivery(one, later) == (False, 0), "whoever read an older record is refused"
    assert await claimed(books) == []
    clock.now_ms += 5_000
    assert await claimed(books) == [later.record]
    dead = after(later.record, Answer(Heard.GONE, 410), clock.now_ms, jitter=0.5)
    await books.place_delivery(later.record, dead)
    assert dead.record is not None
    clock.now_ms += 10 * LEASE_MS
    assert await claimed(books) == []
    assert (await books.dead_letters(after=None, limit=5)).letters == [dead.record]
    assert await books.webhook_standings(clock.now_ms) == webhooks.Standings(0, 1, 0)
    await books.add_deliveries([message(one)])
    assert await claimed(books) == [], "a dead letter is not written over"
    await books.place_delivery(dead.record, Next(replayed(dead.record, clock.now_ms), clock.now_ms))
    (again,) = await claimed(books)
    assert (again.event, again.tries, again.replays) == (one.event, 0, 1)
    assert (await books.dead_letters(after=None, limit=5)).letters == []


async def test_dead_letters_are_bounded_and_come_in_pages(
    books: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "DEAD_LETTERS_KEPT", 3)
    dropped = 0
    for number in range(1, 6):
        clock.now_ms += 1
        one = delivery(number)
        await books.add_deliveries([message(one)])
        dropped += (await books.place_delivery(one, after(one, Answer(Heard.GONE, 410), T0, jitter=0.0)))[1]
    assert dropped == 2
    page = await books.dead_letters(after=None, limit=2)
    assert ([one.event for one in page.letters], page.more) == (["evt_5", "evt_4"], True)
    rest = await books.dead_letters(after=page.letters[-1].id, limit=2)
    assert ([one.event for one in rest.letters], rest.more) == (["evt_3"], False)
    oldest = await books.dead_letters(after=rest.letters[0].id, limit=1, descending=False)
    assert ([one.event for one in oldest.letters], oldest.more) == (["evt_4"], True)
    assert (await books.dead_letters(after=delivery(1).id, limit=2)).lost
    assert await books.delivery(delivery(1).id) is None


async def test_the_stream_is_relayed_once_whoever_reads_it(books: Store) -> None:
    await books.announce("config.reloaded", {"name": "7"}, once="7")
    ((place, facts),) = await books.events_after("", 10)
    assert (facts["kind"], facts["name"]) == ("config.reloaded", "7")
    assert await books.add_deliveries([message(delivery(1))], read=("", place)) == 1
    assert await books.add_deliveries([message(delivery(2))], read=("", place)) is None
    assert await books.events_read() == place
    assert await books.events_after(place, 10) == []
    assert [one.event for one in await claimed(books)] == ["evt_1"]


async def test_targets_are_set_by_who_has_read_them(books: Store) -> None:
    """And it stands in the audit log, without a secret."""
    before = await books.targets_changed()
    assert await books.set_target(None, TARGET, deed("create"))
    assert not await books.set_target(None, TARGET, deed("again"))
    assert await books.target("wht_1") == TARGET
    assert await books.targets() == [TARGET]
    assert await books.targets_changed() != before
    assert await books.set_target(TARGET, None, deed("remove"))
    assert await books.targets() == []
    entries, _ = await books.audit_page(after=None, limit=5, descending=False)
    actions = [one.action for one in entries if one.object == "webhook/wht_1"]
    assert actions == ["webhook.create", "webhook.remove"]


async def test_a_message_of_a_wrong_shape_stops_the_script_before_it_writes(books: Store) -> None:
    made = await let_in(books)
    broken = following(made, messages=(Message("a", "b", b"{}"),) * 65)
    with pytest.raises(BrokenRule):
        await apply(books, broken)
    assert (await books.read(made.id)) == made


async def test_what_another_version_wrote_is_placed_if_it_can_be_read_and_left_alone_if_not(
    books: Store, empty_redis: RedisServer
) -> None:
    """With fields of its own, or in words that this one does not know; neither stops the others."""
    client = empty_redis.client
    one, strange, plain = delivery(1), delivery(2), delivery(3)
    await books.add_deliveries([message(one), message(strange), message(plain)])
    client.hset("{telecine}:deliveries", one.id, encode_delivery(one)[:-1] + b',"colour":"red"}')
    client.hset(
        "{telecine}:deliveries", strange.id, encode_delivery(strange).replace(b"video.completed", b"video.sung")
    )
    assert await claimed(books) == [one, plain]
    assert await books.place_delivery(one, Next(None)) == (True, 0)
    assert client.hexists("{telecine}:deliveries", strange.id)
    raw = encode_target(replace(TARGET, events=(Event.VIDEO_STARTED,)))
    client.hset("{telecine}:targets", "wht_1", raw[:-1] + b',"colour":"red"}')
    client.hset("{telecine}:targets", "wht_2", raw.replace(b"video.started", b"video.sung"))
    (known,) = await books.targets()
    assert await books.target("wht_2") is None
    assert await books.set_target(known, replace(known, disabled="x"), deed("disable"))
