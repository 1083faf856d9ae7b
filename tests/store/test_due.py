"""Due videos: every one is claimed by one runner at a time, and none is ever forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter

from msgspec.structs import replace

from gateway.store.outcomes import Claims, Rest
from gateway.store.store import Store
from tests.store.looks import due_of, everything, lease_of
from tests.store.samples import T0, Clock, admission, apply, claimed, following, let_in, video
from tests.support.redis import RedisServer

# --- claims ------------------------------------------------------------------------------------------------------


async def test_a_claim_takes_what_is_due_and_leases_it(books: Store, empty_redis: RedisServer) -> None:
    """The record comes with it, and how long it has been due; what is due later stays."""
    made = await let_in(books)
    later = replace(admission(video(2)).change, due_ms=T0 + 1)
    await books.admit(replace(admission(video(2)), change=later))
    one = await claimed(books, lease_ms=20_000)
    assert (one.video, one.claims, one.due_ms) == (made, 1, T0)
    assert one.token.startswith("runner.")
    assert lease_of(empty_redis, made.id) == (one.token, T0 + 20_000, False)
    assert due_of(empty_redis, made.id) == T0 + 20_000


async def test_the_longest_due_come_first(books: Store) -> None:
    """And no more than asked for."""
    for number, due_ms in ((1, T0 - 1), (2, T0 - 3), (3, T0 - 2)):
        await books.admit(admission(video(number), due_ms=due_ms))
    claims = await books.claim(2, lease_ms=20_000, token_prefix="runner")
    assert [one.video.id for one in claims.videos] == [video(2).id, video(3).id]


async def test_a_claim_of_nothing_writes_nothing(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """An idle gateway costs its disk nothing. It still hears the time."""
    await let_in(books)
    await claimed(books)
    before = everything(empty_redis)
    clock.now_ms += 5
    assert await books.claim(10, lease_ms=20_000, token_prefix="runner") == Claims(T0 + 5, [])
    assert everything(empty_redis) == before


async def test_a_dead_runners_video_becomes_due_again(books: Store, clock: Clock) -> None:
    """Once its lease is over, not a millisecond earlier; the claims that brought nothing are counted."""
    await let_in(books)
    first = await claimed(books, lease_ms=20_000)
    clock.now_ms += 19_999
    assert (await books.claim(10, lease_ms=20_000, token_prefix="runner")).videos == []
    clock.now_ms += 1
    second = await claimed(books)
    assert (first.claims, second.claims) == (1, 2)
    assert first.token != second.token


async def test_five_hundred_concurrent_claims_give_every_video_once(books: Store) -> None:
    """Whoever comes at the same moment gets other videos, or none."""
    await asyncio.gather(*(books.admit(admission(video(number))) for number in range(300)))
    claims = await asyncio.gather(*(books.claim(3, lease_ms=20_000, token_prefix=f"r{n}") for n in range(500)))
    taken = Counter(one.video.id for claim in claims for one in claim.videos)
    assert len(taken) == 300
    assert set(taken.values()) == {1}


async def test_a_record_that_cannot_be_read_is_named_and_stops_nobody(books: Store, empty_redis: RedisServer) -> None:
    """One broken record must not keep its whole batch from moving."""
    good, broken, missing = [await let_in(books, number) for number in (1, 2, 3)]
    rec = empty_redis.client.hget(f"{{telecine}}:video:{broken.id}", "rec")
    empty_redis.client.hset(f"{{telecine}}:video:{broken.id}", "rec", "{")
    empty_redis.client.hdel(f"{{telecine}}:video:{missing.id}", "rec")
    claims = await books.claim(10, lease_ms=20_000, token_prefix="runner")
    assert [one.video.id for one in claims.videos] == [good.id]
    assert claims.unreadable == [broken.id, missing.id]
    for one in (broken, missing):
        empty_redis.client.hset(f"{{telecine}}:video:{one.id}", "rec", rec)


# --- rests -------------------------------------------------------------------------------------------------------


async def test_a_rest_moves_the_due_time_and_nothing_else(books: Store, empty_redis: RedisServer) -> None:
    """A poll without news: no version, no sequence, no entry. The claim counts as done."""
    made = await let_in(books)
    before = everything(empty_redis)
    one = await claimed(books)
    assert await books.rest([Rest(made.id, one.token, T0 + 4_000)]) == 1
    after = everything(empty_redis)
    assert after.pop("{telecine}:due") == [(made.id, T0 + 4_000)]
    before.pop("{telecine}:due")
    assert after == before


async def test_only_the_holder_rests_a_video(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """A late one, a stranger and a second try change nothing; the others of the batch rest."""
    made, other = await let_in(books, 1), await let_in(books, 2)
    late = (await books.claim(10, lease_ms=20_000, token_prefix="late")).videos[0]
    clock.now_ms += 20_000
    now = {one.video.id: one for one in (await books.claim(10, lease_ms=20_000, token_prefix="now")).videos}
    rests = [
        Rest(made.id, late.token, T0),
        Rest("video_unknown", late.token, T0),
        Rest(other.id, now[other.id].token, T0 + 50_000),
        Rest(other.id, now[other.id].token, T0 + 60_000),
    ]
    assert await books.rest(rests) == 1
    assert lease_of(empty_redis, made.id) == (now[made.id].token, T0 + 40_000, False)
    assert due_of(empty_redis, other.id) == T0 + 50_000
    assert due_of(empty_redis, "video_unknown") is None


async def test_a_mark_turns_a_rest_into_due_now(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """Also a rest that would never have come back."""
    for number, due_ms in ((1, T0 + 60_000), (2, None)):
        made = await let_in(books, number)
        one = await claimed(books)
        assert await books.make_due(made.id)
        clock.now_ms += 100
        await books.rest_one(made.id, one.token, due_ms)
        assert due_of(empty_redis, made.id) == clock.now_ms
        await claimed(books)


async def test_a_rest_for_ever_takes_the_video_out(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """Nothing of it is open any more."""
    made = await let_in(books)
    one = await claimed(books)
    await books.rest_one(made.id, one.token, None)
    assert due_of(empty_redis, made.id) is None
    clock.now_ms += 10**9
    assert (await books.claim(10, lease_ms=1_000, token_prefix="runner")).videos == []


async def test_a_rest_without_a_lease_is_nobodys(books: Store) -> None:
    """It was given up or lost before."""
    made = await let_in(books)
    assert not await books.rest_one(made.id, None, T0)


async def test_many_rests_leave_in_batches(books: Store, empty_redis: RedisServer) -> None:
    """However many there are."""
    await asyncio.gather(*(books.admit(admission(video(number))) for number in range(1_200)))
    first = await books.claim(1_000, lease_ms=20_000, token_prefix="runner")
    rest = await books.claim(1_000, lease_ms=20_000, token_prefix="runner")
    rests = [Rest(one.video.id, one.token, T0 + 9_000) for one in (*first.videos, *rest.videos)]
    assert await books.rest(rests) == 1_200
    assert empty_redis.client.zcount("{telecine}:due", T0 + 9_000, T0 + 9_000) == 1_200


# --- leases ------------------------------------------------------------------------------------------------------


async def test_leases_handed_back_make_videos_due_now(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """A graceful stop is nobody's fault: the claim does not count against the video. Earlier ones do."""
    made = await let_in(books)
    await claimed(books)
    clock.now_ms += 20_000
    second = await claimed(books)
    assert second.claims == 2
    assert await books.hand_back([(made.id, second.token), (made.id, "another's")]) == 1
    assert lease_of(empty_redis, made.id) is None
    third = await claimed(books)
    assert third.claims == 2


async def test_a_lease_handed_back_for_later_is_due_then_and_a_mark_makes_it_due_now(
    books: Store, empty_redis: RedisServer
) -> None:
    """A suspect that has to be stepped by itself: this claim does not count either."""
    made = await let_in(books)
    one = await claimed(books)
    assert await books.hand_back([(made.id, one.token)], due_ms=T0 + 700) == 1
    assert (due_of(empty_redis, made.id), empty_redis.client.hlen("{telecine}:claims")) == (T0 + 700, 0)
    await books.make_due(made.id)
    again = await claimed(books)
    assert again.claims == 1
    await books.make_due(made.id)
    assert await books.hand_back([(made.id, again.token)], due_ms=T0 + 700) == 1
    assert due_of(empty_redis, made.id) == T0


async def test_a_lease_can_be_renewed_by_its_holder(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """From now on, mark included; another's cannot."""
    made = await let_in(books)
    one = await claimed(books)
    await books.make_due(made.id)
    clock.now_ms += 15_000
    assert await books.renew(made.id, one.token, lease_ms=20_000)
    assert not await books.renew(made.id, "another's", lease_ms=90_000)
    assert lease_of(empty_redis, made.id) == (one.token, T0 + 35_000, True)
    assert due_of(empty_redis, made.id) == T0 + 35_000
    assert not await books.renew(video(2).id, one.token, lease_ms=90_000)


async def test_a_lapsed_lease_is_renewed_only_if_nobody_took_the_video(books: Store, clock: Clock) -> None:
    """Late by a moment is not too late, unless it is."""
    made = await let_in(books)
    one = await claimed(books)
    clock.now_ms += 25_000
    assert await books.renew(made.id, one.token, lease_ms=20_000)
    clock.now_ms += 25_000
    await claimed(books)
    assert not await books.renew(made.id, one.token, lease_ms=20_000)


# --- making due --------------------------------------------------------------------------------------------------


async def test_making_due_brings_a_video_forward(books: Store, empty_redis: RedisServer) -> None:
    """A vendor called back: look now. What is due already stays as long due as it is."""
    made = await let_in(books)
    one = await claimed(books)
    await books.rest_one(made.id, one.token, T0 + 60_000)
    assert await books.make_due(made.id)
    assert due_of(empty_redis, made.id) == T0
    await apply(books, following(made, due_ms=T0 - 500))
    assert await books.make_due(made.id)
    assert due_of(empty_redis, made.id) == T0 - 500


async def test_making_due_never_shortens_a_lease(books: Store, empty_redis: RedisServer) -> None:
    """While somebody works on the video, it only sets the mark."""
    made = await let_in(books)
    one = await claimed(books)
    assert await books.make_due(made.id)
    assert due_of(empty_redis, made.id) == T0 + 20_000
    assert lease_of(empty_redis, made.id) == (one.token, T0 + 20_000, True)


async def test_making_due_finds_a_lapsed_lease_in_nobodys_way(
    books: Store, empty_redis: RedisServer, clock: Clock
) -> None:
    """From the millisecond that it names; the video is due by itself then."""
    made = await let_in(books)
    one = await claimed(books)
    clock.now_ms = T0 + 20_000
    assert await books.make_due(made.id)
    assert lease_of(empty_redis, made.id) == (one.token, T0 + 20_000, False)
    assert due_of(empty_redis, made.id) == T0 + 20_000


async def test_making_due_opens_nothing_that_is_closed(books: Store, empty_redis: RedisServer) -> None:
    """A callback for a video with nothing open, or for none of ours."""
    made = await let_in(books)
    one = await claimed(books)
    await books.rest_one(made.id, one.token, None)
    before = everything(empty_redis)
    assert not await books.make_due(made.id)
    assert not await books.make_due("video_unknown")
    assert everything(empty_redis) == before
