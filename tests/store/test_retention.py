"""Records of what is over go when their time has come, whole, and never while anything of them is open."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Repeat
from gateway.domain.orphans import bound
from gateway.domain.videos import Video
from gateway.store.outcomes import Admitted, Committed, Repeated, Rest, Stale
from gateway.store.store import Store
from providers.contract import Ref
from tests.store.looks import everything
from tests.store.samples import PRICE, T0, Clock, admission, apply, claimed, closed, following, let_in, video
from tests.support.redis import RedisServer

DAY_MS = 86_400_000
KEEP_MS = 90 * DAY_MS
REF: Ref = {"id": "job_1"}


async def ended(store: Store, number: int = 1, **changes: object) -> Video:
    """A video whose one attempt is settled and that rests."""
    made = await let_in(store, number, **changes)
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    change = following(closed(made), settle, due_ms=None, over=True)
    assert isinstance(await apply(store, change), Committed)
    return change.video


async def deleted(store: Store, made: Video) -> Video:
    change = following(replace(made, deleted=True), label="delete", unlist=True, due_ms=None)
    assert isinstance(await apply(store, change), Committed)
    return change.video


async def over(store: Store, clock: Clock) -> list[str]:
    return await store.over(clock.now_ms, keep_ms=KEEP_MS, limit=10)


async def remove(store: Store, made: Video) -> bool:
    return await store.remove(made.id, made, keep_ms=KEEP_MS)


def traces(server: RedisServer, made: Video) -> list[str]:
    """The keys that still name a video, the ledger aside."""
    found = everything(server)
    return [key for key, value in found.items() if key != "{telecine}:ledger" and made.id in f"{key} {value}"]


# --- finished videos ---------------------------------------------------------------------------------------------


async def test_a_record_is_kept_so_long_and_no_longer(books: Store, clock: Clock) -> None:
    """From when nothing of it is open; the store's own clock decides, not the one of who asks."""
    made = await ended(books)
    clock.now_ms = T0 + KEEP_MS - 1
    assert await over(books, clock) == []
    assert await books.over(clock.now_ms + 1, keep_ms=KEEP_MS, limit=10) == [made.id]
    assert not await remove(books, made)
    clock.now_ms += 1
    assert await over(books, clock) == [made.id]
    assert await remove(books, made)
    assert await books.read(made.id) is None
    assert await over(books, clock) == []


async def test_nothing_but_the_ledger_names_a_removed_video(
    books: Store, clock: Clock, empty_redis: RedisServer
) -> None:
    """Its hash, its place in the list, its refs are gone; those of others stay."""
    kept = await let_in(books, 2)
    made = await let_in(books)
    attempt = replace(made.attempts[0], ref=REF)
    made = replace(made, attempts=(attempt,))
    settle = ledger.settle(made, attempt, PRICE, presumed=False, reason="finished")
    change = following(closed(made), settle, due_ms=None, over=True, binding=bound(made, attempt, REF))
    await apply(books, change)
    empty_redis.client.hset("{telecine}:refs", "other|ref", f"{kept.id}.1")
    clock.now_ms += KEEP_MS
    assert await remove(books, change.video)
    assert traces(empty_redis, made) == []
    assert empty_redis.client.hgetall("{telecine}:refs") == {"other|ref": f"{kept.id}.1"}
    assert [json[:10] for json in (await books.page("proj_1", after=None, limit=5, descending=True)).faces] != []
    assert len((await books.ledger_entries())[0]) == 3


async def test_a_ref_that_another_has_meanwhile_stays(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """What was never bound to this attempt is not its to free."""
    made = await ended(books)
    made = replace(made, attempts=(replace(made.attempts[0], ref=REF),))
    one = bound(made, made.attempts[0], REF)
    empty_redis.client.hset("{telecine}:refs", f"{one.account}|{one.ref}", "another.1")
    clock.now_ms += KEEP_MS
    assert await remove(books, made)
    assert empty_redis.client.hlen("{telecine}:refs") == 1


async def test_removing_twice_is_removing_once(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Its answer was lost; or two workers found it."""
    made = await ended(books)
    clock.now_ms += KEEP_MS
    assert sum(await asyncio.gather(*(remove(books, made) for _ in range(3)))) == 1
    before = everything(empty_redis)
    assert not await remove(books, made)
    assert await books.remove(made.id, None, keep_ms=KEEP_MS)
    assert {key: value for key, value in everything(empty_redis).items() if key != "{telecine}:seq"} == {
        key: value for key, value in before.items() if key != "{telecine}:seq"
    }


async def test_a_record_that_moved_stays(books: Store, clock: Clock) -> None:
    """Fenced by the version; and what is due again is in nobody's way."""
    made = await ended(books)
    clock.now_ms += KEEP_MS
    await apply(books, following(made, due_ms=clock.now_ms + 5))
    assert not await remove(books, made)
    assert not await remove(books, replace(made, version=made.version + 1))
    assert await over(books, clock) == []
    clock.now_ms += 5
    assert await books.rest_one(made.id, (await claimed(books)).token, None)
    assert await over(books, clock) == []
    clock.now_ms += KEEP_MS
    assert await over(books, clock) == [made.id]


async def test_what_is_due_stays(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Also where a set says that it is over: somebody is about to look at it."""
    made = await ended(books)
    clock.now_ms += KEEP_MS
    empty_redis.client.zadd("{telecine}:due", {made.id: clock.now_ms})
    assert not await remove(books, made)
    empty_redis.client.zrem("{telecine}:due", made.id)
    assert await remove(books, made)


async def test_an_open_hold_or_dispute_keeps_the_record(books: Store, clock: Clock) -> None:
    """Whatever the record says: the books have the last word. It is looked at again a day later."""
    made = await let_in(books, 1)
    held = following(closed(made), due_ms=None)
    await apply(books, held)
    other = await let_in(books, 2)
    money = (
        ledger.settle(other, other.attempts[0], PRICE, presumed=False, reason="finished"),
        ledger.dispute(other, other.attempts[0], 7, reason="beyond belief"),
    )
    disputed = following(closed(other), *money, due_ms=None)
    await apply(books, disputed)
    clock.now_ms += KEEP_MS
    assert set(await over(books, clock)) == {made.id, other.id}
    assert not await remove(books, held.video)
    assert not await remove(books, disputed.video)
    assert await over(books, clock) == []
    clock.now_ms += DAY_MS
    assert set(await over(books, clock)) == {made.id, other.id}
    word = ledger.adjust(disputed.video, disputed.video.attempts[0], 7, "paid", decides=True)
    decided = following(disputed.video, word, aside=True, due_ms=None)
    await apply(books, decided)
    assert await remove(books, decided.video)
    void = ledger.void(held.video, held.video.attempts[0], "not received")
    ended_now = following(held.video, void, aside=True, due_ms=None)
    await apply(books, ended_now)
    assert await remove(books, ended_now.video)


async def test_an_open_entry_does_not_hide_the_ones_behind_it(books: Store, clock: Clock) -> None:
    """Those are found by passing over it."""
    first = await ended(books, 1)
    clock.now_ms += 1
    second = await ended(books, 2)
    clock.now_ms += KEEP_MS
    assert await books.over(clock.now_ms, keep_ms=KEEP_MS, limit=1) == [first.id]
    assert await books.over(clock.now_ms, keep_ms=KEEP_MS, limit=1, skip=1) == [second.id]


async def test_late_news_of_a_removed_video_is_stale(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Nothing brings it back."""
    made = await ended(books)
    clock.now_ms += KEEP_MS
    await remove(books, made)
    before = everything(empty_redis)
    assert await apply(books, following(made)) == Stale()
    assert not await books.make_due(made.id)
    assert await books.rest([Rest(made.id, "late/" + made.id, None)]) == 0
    assert everything(empty_redis) == before


# --- tombstones --------------------------------------------------------------------------------------------------


async def test_a_deleted_video_goes_when_nobody_can_ask_for_it(books: Store, clock: Clock) -> None:
    """As long as a repeat of its create would be answered with it, and not for days and days."""
    until_ms = T0 + 3_600_000
    made = await deleted(books, await ended(books, repeats_until_ms=until_ms))
    clock.now_ms = until_ms - 1
    assert await over(books, clock) == []
    assert not await remove(books, made)
    clock.now_ms = until_ms
    assert await over(books, clock) == [made.id]
    assert await remove(books, made)


async def test_a_deleted_video_that_nobody_can_ask_for_goes_at_once(
    books: Store, clock: Clock, empty_redis: RedisServer
) -> None:
    made = await deleted(books, await ended(books))
    assert await over(books, clock) == [made.id]
    assert await remove(books, made)
    assert traces(empty_redis, made) == []


async def test_a_tombstone_waits_for_its_attempts(books: Store, clock: Clock) -> None:
    """Deleted while an attempt is followed: it is due, not over, until that has ended."""
    made = await let_in(books)
    gone = following(replace(made, deleted=True), unlist=True, due_ms=T0 + 9)
    await apply(books, gone)
    clock.now_ms += KEEP_MS
    assert await over(books, clock) == []
    assert not await remove(books, gone.video)
    void = ledger.void(gone.video, gone.video.attempts[0], "not received")
    after = following(closed(gone.video), void, due_ms=None)
    await apply(books, after)
    assert await over(books, clock) == [made.id]
    assert await remove(books, after.video)


@pytest.mark.parametrize("repeat", [Repeat(key_name="idem", fingerprint="fp"), Repeat(fingerprint="fp", resend=True)])
async def test_a_repeat_finds_its_tombstone_as_long_as_it_is_remembered(
    books: Store, clock: Clock, repeat: Repeat
) -> None:
    """The record outlives the memory that names it, and not the other way round."""
    life_ms = repeat.key_ttl_s * 1_000 + 3_600_000 if repeat.key_name else repeat.resend_ttl_s * 1_000
    first = video(1, repeats_until_ms=T0 + life_ms)
    await books.admit(admission(first, repeat=repeat))
    settle = ledger.settle(first, first.attempts[0], PRICE, presumed=False, reason="finished")
    change = following(closed(first), settle, due_ms=None)
    await apply(books, change)
    gone = await deleted(books, change.video)
    clock.now_ms = T0 + life_ms - 1
    assert await books.admit(admission(video(2), repeat=repeat)) == Repeated(first.id)
    assert not await remove(books, gone)
    clock.now_ms += 1
    assert await remove(books, gone)
    assert isinstance(await books.admit(admission(video(3, attempts=()), repeat=repeat)), Admitted)


# --- what trimming needs to know ---------------------------------------------------------------------------------


async def test_attempts_with_more_than_a_hold_and_its_end_are_noted(
    books: Store, clock: Clock, empty_redis: RedisServer
) -> None:
    """With the number of their entries; the others need no note."""
    made = await ended(books, 1)
    adjust = ledger.adjust(made, made.attempts[0], -2, "bill")
    amended = following(made, adjust, due_ms=None)
    await apply(books, amended)
    plain = await ended(books, 2)
    clock.now_ms += KEEP_MS
    assert await remove(books, amended.video)
    assert await remove(books, plain)
    assert empty_redis.client.hgetall("{telecine}:amended") == {f"{made.id}.1": "3"}
