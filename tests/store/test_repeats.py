"""Repeated creates: the same Idempotency-Key, or an SDK that sends again, gets the first video and pays once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from msgspec.structs import replace

from gateway.domain.change import Repeat
from gateway.domain.keys import Character, Key
from gateway.store.outcomes import (
    AdmitOutcome,
    Admitted,
    Begun,
    KeyGone,
    MadeBefore,
    Making,
    Repeated,
    Reused,
    UnknownBefore,
)
from gateway.store.store import Store
from tests.store.looks import counter, everything
from tests.store.samples import PRICE, T0, Clock, admission, apply, following, video
from tests.support.redis import RedisServer

DAY_MS = 86_400_000
ORIGINAL = Repeat(fingerprint="fp")
RESEND = Repeat(fingerprint="fp", resend=True)
KEYED = Repeat(key_name="idem", fingerprint="fp")


async def create(store: Store, number: int, repeat: Repeat) -> AdmitOutcome:
    return await store.admit(admission(video(number), repeat=repeat))


def made(number: int) -> Repeated:
    return Repeated(video(number).id)


# --- Idempotency-Key ---------------------------------------------------------------------------------------------


async def test_the_same_key_gets_the_first_video(books: Store, empty_redis: RedisServer) -> None:
    """And nothing is charged, also when the client says that it sends again."""
    assert isinstance(await create(books, 1, KEYED), Admitted)
    before = everything(empty_redis)
    assert await create(books, 2, KEYED) == made(1)
    assert await create(books, 3, replace(KEYED, resend=True)) == made(1)
    assert everything(empty_redis) == before


async def test_the_same_key_with_another_request_is_refused(books: Store, empty_redis: RedisServer) -> None:
    """It stands for one request."""
    await create(books, 1, KEYED)
    before = everything(empty_redis)
    assert await create(books, 2, replace(KEYED, fingerprint="other")) == Reused()
    assert everything(empty_redis) == before


async def test_keys_of_two_api_keys_are_strangers(books: Store) -> None:
    """One client's Idempotency-Key says nothing about another's."""
    await books.create_key(Key(id="key_2", project="proj_1", created_ms=T0), "2" * 64)
    await create(books, 1, KEYED)
    other = video(2, key_id="key_2", attempts=())
    assert isinstance(await books.admit(admission(other, repeat=KEYED, key_hash="2" * 64)), Admitted)


async def test_a_key_lives_a_day_longer_than_its_video_may_take(books: Store, clock: Clock) -> None:
    """Its life counts from the deadline, so it is never shorter than the video's."""
    await create(books, 1, KEYED)
    clock.now_ms = video(1).deadline_ms + DAY_MS - 1
    assert await create(books, 2, KEYED) == made(1)
    clock.now_ms += 1
    assert isinstance(await books.admit(admission(video(2, attempts=()), repeat=KEYED)), Admitted)


async def test_the_server_forgets_an_old_key_by_itself(books: Store, empty_redis: RedisServer) -> None:
    """What was remembered has a time to live, so that nothing piles up."""
    await create(books, 1, KEYED)
    await create(books, 2, ORIGINAL)
    life_s = empty_redis.client.ttl("{telecine}:idem:key_1:idem")
    assert DAY_MS / 1000 <= life_s <= DAY_MS / 1000 + 3_600
    assert empty_redis.client.ttl("{telecine}:repeat:key_1:fp") == 1_440
    await create(books, 3, replace(RESEND, fingerprint="late"))
    assert await create(books, 4, replace(ORIGINAL, fingerprint="late")) == made(3)
    assert 0 < empty_redis.client.ttl("{telecine}:repeat:key_1:late") <= 1_440


async def test_a_deleted_video_is_still_the_answer(books: Store) -> None:
    """The create happened once; a deletion does not undo that."""
    await create(books, 1, KEYED)
    await apply(books, following(replace(video(1), deleted=True), unlist=True))
    assert await create(books, 2, KEYED) == made(1)


async def test_a_keyed_create_is_no_original_for_others(books: Store) -> None:
    """Who sends an Idempotency-Key sends it every time, so its create answers no plain resend."""
    await create(books, 1, KEYED)
    assert isinstance(await create(books, 2, RESEND), Admitted)


async def test_a_revoked_key_gets_no_repeat_either(books: Store) -> None:
    """The key is looked at first."""
    await create(books, 1, KEYED)
    await books.revoke_key("key_1")
    assert await create(books, 2, KEYED) == KeyGone()


# --- SDKs that send again ----------------------------------------------------------------------------------------


async def test_a_resend_gets_the_originals_video(books: Store, empty_redis: RedisServer) -> None:
    """Twice, as SDKs do."""
    assert isinstance(await create(books, 1, ORIGINAL), Admitted)
    before = everything(empty_redis)
    assert await create(books, 2, RESEND) == made(1)
    assert await create(books, 3, RESEND) == made(1)
    assert everything(empty_redis) == before


async def test_a_resend_of_something_else_is_a_create(books: Store) -> None:
    """Its fields decide."""
    await create(books, 1, ORIGINAL)
    assert isinstance(await create(books, 2, replace(RESEND, fingerprint="other")), Admitted)


async def test_identical_creates_make_their_own_videos(books: Store, empty_redis: RedisServer) -> None:
    """Nobody said that they were repeats; a resend then gets the latest."""
    for number in (1, 2, 3):
        assert isinstance(await create(books, number, ORIGINAL), Admitted)
    assert counter(empty_redis, "gateway/total") == (3 * PRICE, 0)
    assert await create(books, 4, RESEND) == made(3)


async def test_an_original_that_comes_after_its_resend_gets_the_resends_video_once(books: Store) -> None:
    """The network may deliver them the wrong way round. The next identical create is deliberate again."""
    assert isinstance(await create(books, 1, RESEND), Admitted)
    assert await create(books, 2, RESEND) == made(1)
    assert await create(books, 3, ORIGINAL) == made(1)
    assert await create(books, 4, RESEND) == made(1)
    assert isinstance(await create(books, 5, ORIGINAL), Admitted)


async def test_a_resend_is_known_for_so_long(books: Store, clock: Clock) -> None:
    """The SDK's longest wait; after that the same fields are a new wish."""
    await create(books, 1, ORIGINAL)
    clock.now_ms = T0 + 1_440_000 - 1
    assert await create(books, 2, RESEND) == made(1)
    clock.now_ms += 1
    assert isinstance(await create(books, 3, RESEND), Admitted)


async def test_a_forgotten_resend_owes_its_original_nothing(books: Store, clock: Clock) -> None:
    """An original that comes later than any SDK waits is a create."""
    await create(books, 1, RESEND)
    clock.now_ms = T0 + 1_440_000
    assert isinstance(await create(books, 2, ORIGINAL), Admitted)


@pytest.mark.parametrize("repeats", [[ORIGINAL, RESEND, RESEND], [RESEND, RESEND, ORIGINAL], [KEYED] * 3])
async def test_repeats_that_race_make_one_video(books: Store, empty_redis: RedisServer, repeats: list[Repeat]) -> None:
    """In whatever order they arrive at the server: one is admitted, the others get its video."""
    outcomes = await asyncio.gather(*(create(books, number, one) for number, one in enumerate(repeats, start=1)))
    assert Counter(type(one) for one in outcomes) == {Admitted: 1, Repeated: 2}
    assert len({one.video_id for one in outcomes if isinstance(one, Repeated)}) == 1
    assert counter(empty_redis, "gateway/total") == (PRICE, 0)


async def test_an_admission_without_a_hint_is_never_a_repeat(books: Store) -> None:
    """And remembers nothing."""
    first, second = video(1), video(2)
    assert isinstance(await books.admit(admission(first)), Admitted)
    assert isinstance(await books.admit(admission(second)), Admitted)


@pytest.mark.parametrize("first", [ORIGINAL, RESEND, KEYED])
async def test_what_an_admission_would_answer_can_be_asked(
    books: Store, empty_redis: RedisServer, first: Repeat
) -> None:
    """By anybody who cannot make the request a second time. Asking changes nothing."""
    assert await books.recall("key_1", first) is None
    await create(books, 1, first)
    before = everything(empty_redis)
    assert await books.recall("key_1", replace(first, resend=True)) == made(1)
    original = await books.recall("key_1", replace(first, resend=False))
    assert original == (None if first is ORIGINAL else made(1))
    assert await books.recall("key_2", replace(first, resend=True)) is None
    if first.key_name:
        assert await books.recall("key_1", replace(first, fingerprint="other")) == Reused()
    assert everything(empty_redis) == before


# --- characters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [ORIGINAL, KEYED])
async def test_a_character_is_begun_once(books: Store, first: Repeat) -> None:
    """Its repeats are told what came of it; the same try may ask again, and a refusal is forgotten."""
    again = replace(first, resend=True)
    for _ in range(2):
        assert await books.begin_character("key_1", first, "one") == Begun()
    assert await books.begin_character("key_1", again, "two") == Making()
    await books.end_character("key_1", first, "one", None)
    assert await books.begin_character("key_1", again, "two") == Begun()
    await books.end_character("key_1", first, "one", None)  # late, and of another making
    assert await books.begin_character("key_1", again, "three") == Making()
    await books.doubt_character("key_1", again, "two")
    assert await books.begin_character("key_1", again, "three") == UnknownBefore()


async def test_a_made_character_answers_its_repeats_for_a_while(books: Store) -> None:
    """And a new one is made for a new request, however alike."""
    made = Character(id="char_1", project="proj_1", name="n", created_ms=T0, account="a", ref={"id": "x"})
    await books.begin_character("key_1", KEYED, "one")
    for _ in range(2):
        await books.end_character("key_1", KEYED, "one", made)
    assert await books.begin_character("key_1", KEYED, "two") == MadeBefore("char_1")
    assert await books.begin_character("key_1", replace(KEYED, fingerprint="other"), "two") == Reused()
    assert await books.begin_character("key_2", KEYED, "two") == Begun()
    assert await books.begin_character("key_1", ORIGINAL, "three") == Begun()
    assert await books.begin_character("key_1", ORIGINAL, "four") == Begun()


async def test_a_delayed_original_gets_the_character_of_its_resend_once(books: Store) -> None:
    original, again = Repeat(fingerprint="c"), Repeat(fingerprint="c", resend=True)
    assert await books.begin_character("key_1", again, "one") == Begun()
    assert await books.begin_character("key_1", original, "two") == Making()
    assert await books.begin_character("key_1", original, "three") == Begun()
