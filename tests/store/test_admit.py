"""Admission: a video, its hold, its due time and its place in the list, together or not at all."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Binding
from gateway.domain.keys import Key, Project
from gateway.domain.videos import encode_public
from gateway.store.errors import BrokenRule, StoreAway
from gateway.store.outcomes import Admitted, KeyGone, Stale, WindowPassed
from gateway.store.store import Store
from tests.store.looks import counter, due_of, everything
from tests.store.samples import HASH, PRICE, T0, Clock, admission, apply, attempt, following, let_in, video
from tests.support.redis import RedisServer


async def test_an_admitted_video_is_there_whole(books: Store, empty_redis: RedisServer) -> None:
    """Record, face, list, due time, ledger entry, open hold and every counter, under one sequence number."""
    made = video()
    assert await books.admit(admission(made)) == Admitted(T0, 1)
    assert await books.read(made.id) == made
    _, face = await books.face(HASH, made.id)
    assert face is not None
    assert (face.project, face.public) == ("proj_1", encode_public(made))
    assert (await books.page("proj_1", after=None, limit=10, descending=True)).faces == [encode_public(made)]
    assert due_of(empty_redis, made.id) == T0
    (entry,), _ = await books.ledger_entries()
    assert entry == ledger.Entry(T0, ledger.hold(made, made.attempts[0]))
    assert empty_redis.client.hgetall("{telecine}:holds") == {entry.posting.id: str(PRICE)}
    for name in made.attempts[0].counters:
        assert counter(empty_redis, name) == (PRICE, 0)


async def test_an_admission_made_again_answers_the_same_and_writes_nothing(
    books: Store, empty_redis: RedisServer
) -> None:
    """Its answer may have been lost: the video id says that it is the same one."""
    made = await let_in(books)
    before = everything(empty_redis)
    assert await books.admit(admission(made)) == Admitted(T0, 1)
    assert everything(empty_redis) == before


async def test_an_admission_made_again_after_the_video_moved_on_answers_the_same(books: Store) -> None:
    """The runner may have been quicker than the repeat. What it did stays."""
    made = await let_in(books)
    await apply(books, following(made))
    assert isinstance(await books.admit(admission(made)), Admitted)
    found = await books.read(made.id)
    assert found is not None
    assert found.version == 2


async def test_a_key_that_may_not_ask_admits_nothing(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """Unknown, revoked, expired, another project's, or of a closed project: nothing is written."""
    await books.create_key(Key(id="key_e", project="proj_1", created_ms=T0, expires_ms=T0 + 10), "e" * 64)
    await books.create_key(Key(id="key_r", project="proj_1", created_ms=T0), "a" * 64)
    await books.revoke_key("key_r")
    await books.create_project(Project(id="proj_2", name="two", created_ms=T0))
    await books.create_key(Key(id="key_2", project="proj_2", created_ms=T0), "2" * 64)
    await books.close_project("proj_2")
    await books.create_project(Project(id="proj_3", name="proj_3", created_ms=T0))
    clock.now_ms = T0 + 10
    before = everything(empty_redis)
    for made, key_hash in (
        (video(), "unknown"),
        (video(key_id="key_r"), "a" * 64),
        (video(key_id="key_e"), "e" * 64),
        (video(key_id="key_2", project="proj_2"), "2" * 64),
        (video(project="proj_3"), HASH),  # a project that is not the key's
        (video(key_id="key_2"), HASH),  # a key that is not the secret's
    ):
        assert await books.admit(admission(replace(made, attempts=()), key_hash=key_hash)) == KeyGone()
    assert everything(empty_redis) == before


async def test_a_key_is_good_until_the_millisecond_it_expires(books: Store, clock: Clock) -> None:
    """One millisecond earlier it still admits."""
    await books.create_key(Key(id="key_e", project="proj_1", created_ms=T0, expires_ms=T0 + 10), "e" * 64)
    clock.now_ms = T0 + 9
    assert isinstance(await books.admit(admission(video(key_id="key_e", attempts=()), key_hash="e" * 64)), Admitted)


async def test_a_hold_for_a_day_that_is_over_is_refused(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """The day changed between counting and writing: the caller counts again. The last millisecond still fits."""
    midnight = ledger.window_until_ms(T0)
    before = everything(empty_redis)
    clock.now_ms = midnight
    assert await books.admit(admission(video())) == WindowPassed(midnight)
    assert everything(empty_redis) == before
    clock.now_ms = midnight - 1
    assert isinstance(await books.admit(admission(video())), Admitted)


async def test_the_ledgers_time_never_goes_back(books: Store, clock: Clock) -> None:
    """A server whose clock was set back opens no day again that the ledger has left."""
    midnight = ledger.window_until_ms(T0)
    clock.now_ms = midnight + 5
    tomorrows = video(1, attempts=(attempt(now_ms=midnight),))
    change = replace(admission(tomorrows).change, window_until_ms=ledger.window_until_ms(midnight))
    await books.admit(replace(admission(tomorrows), change=change))
    clock.now_ms = midnight - 60_000
    assert await books.admit(admission(video(2))) == WindowPassed(midnight + 5)
    entries, _ = await books.ledger_entries()
    assert [entry.at_ms for entry in entries] == [midnight + 5]


async def test_time_is_the_servers_own_unless_told(store: Store, empty_redis: RedisServer) -> None:
    """Production passes no time; the script asks its server."""
    await store.create_project(Project(id="proj_1", name="one", created_ms=0))
    await store.create_key(Key(id="key_1", project="proj_1", created_ms=0), HASH)
    for number in range(20):
        before_s, before_us = empty_redis.client.time()
        outcome = await store.admit(admission(video(number, attempts=())))
        after_s, after_us = empty_redis.client.time()
        assert isinstance(outcome, Admitted)
        assert before_s * 1000 + before_us // 1000 <= outcome.now_ms <= after_s * 1000 + after_us // 1000


async def test_nothing_is_admitted_while_the_server_is_unfit(books: Store, empty_redis: RedisServer) -> None:
    """A policy that evicts counters would let people overspend: no new video until it is put right."""
    made = await let_in(books)
    empty_redis.client.config_set("maxmemory-policy", "allkeys-lru")
    assert "noeviction" in (await books.check()).refusals[0]
    with pytest.raises(StoreAway, match="maxmemory-policy is allkeys-lru"):
        await books.admit(admission(video(2)))
    assert not isinstance(await apply(books, following(made)), Stale)
    empty_redis.client.config_set("maxmemory-policy", "noeviction")
    await books.check()
    assert isinstance(await books.admit(admission(video(2))), Admitted)


async def test_short_memory_refuses_admits_and_lets_commits_through(books: Store, empty_redis: RedisServer) -> None:
    """A commit gives money and leases back; without it a full server would never get free."""
    made = await let_in(books)
    empty_redis.client.config_set("maxmemory", 1)
    before = everything(empty_redis)
    with pytest.raises(StoreAway, match="OOM"):
        await books.admit(admission(video(2)))
    assert everything(empty_redis) == before
    claims = await books.claim(1, lease_ms=20_000, token_prefix="runner")
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    change = following(made, settle, due_ms=None)
    assert not isinstance(await apply(books, change, token=claims.videos[0].token), Stale)
    assert counter(empty_redis, "gateway/total") == (0, PRICE)


@pytest.mark.parametrize(
    "key", ["due", "leases", "claims", "list:proj_1", "ledger", "counters", "holds", "seq", "time"]
)
async def test_a_key_of_a_wrong_type_stops_the_script_before_it_writes(
    books: Store, empty_redis: RedisServer, key: str
) -> None:
    """A foreign hand in the data must not leave half an admission behind."""
    client = empty_redis.client
    wrong = f"{{telecine}}:{key}"
    client.delete(wrong)
    if key in ("seq", "time", "ledger", "due", "list:proj_1"):
        client.hset(wrong, "x", "y")
    else:
        client.set(wrong, "x")
    before = everything(empty_redis)
    with pytest.raises((StoreAway, BrokenRule)):
        await books.admit(admission(video()))
    assert everything(empty_redis) == before
    client.delete(wrong)


async def test_concurrent_admissions_of_one_video_admit_it_once(books: Store, empty_redis: RedisServer) -> None:
    """However often the answer is lost, the price is held once."""
    made = video()
    outcomes = await asyncio.gather(*(books.admit(admission(made)) for _ in range(50)))
    assert {type(one) for one in outcomes} == {Admitted}
    assert counter(empty_redis, "gateway/total") == (PRICE, 0)


async def test_a_new_video_binds_no_ref_of_another(books: Store, empty_redis: RedisServer) -> None:
    """A bug upstairs: (account, ref) belongs to one attempt, and nothing is written."""
    made = await let_in(books)
    await apply(books, following(made, binding=Binding("acc", "ref", f"{made.id}.1")))
    before = everything(empty_redis)
    other = admission(video(2))
    bound = replace(other, change=replace(other.change, binding=Binding("acc", "ref", f"{video(2).id}.1")))
    with pytest.raises(BrokenRule, match="binds a ref of"):
        await books.admit(bound)
    assert everything(empty_redis) == before
