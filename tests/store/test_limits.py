"""Limits of a key and its project: counted in the admission, so that no number of askers gets past one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.limits import Limited, Limits, Rate
from gateway.domain.videos import State, Video
from gateway.store.outcomes import Admitted
from gateway.store.store import Store
from gateway.store.videos import SECONDS_KEPT_MS
from tests.store.looks import everything
from tests.store.samples import HASH, PRICE, T0, Clock, admission, apply, closed, following, let_in, seed, video
from tests.support.redis import RedisServer

OTHER_HASH = "ab" * 32


async def asked(books: Store, number: int, *, key_hash: str = HASH, key: str = "key_1") -> object:
    made = replace(video(number), key_id=key)
    return await books.admit(admission(made, key_hash=key_hash))


async def ended(books: Store, made: Video) -> None:
    over = replace(closed(made), state=State.FAILED)
    void = ledger.void(made, made.attempts[0], "refused")
    await apply(books, following(over, void, due_ms=None, over=True))


@pytest.mark.parametrize("owner", ["key", "project"])
async def test_requests_come_at_once_up_to_a_minutes_worth_and_then_one_by_one(
    books: Store, clock: Clock, owner: str
) -> None:
    """Thirty a minute: thirty at once, then one every two seconds. The answer says where the limit stands."""
    await _limit(books, owner, Limits(rpm=30))
    rates = [await asked(books, number) for number in range(1, 31)]
    assert all(isinstance(one, Admitted) for one in rates)
    assert [one.rate.left for one in rates if isinstance(one, Admitted) and one.rate] == list(range(29, -1, -1))
    assert await asked(books, 31) == Limited("requests", _name(owner), 30, 30, 2_000, 60_000)
    clock.now_ms += 1_999
    assert await asked(books, 31) == Limited("requests", _name(owner), 30, 30, 1, 58_001)
    clock.now_ms += 1
    outcome = await asked(books, 31)
    assert isinstance(outcome, Admitted)
    assert outcome.rate == Rate(30, 0, 60_000)
    clock.now_ms += 60_000
    outcome = await asked(books, 32)
    assert isinstance(outcome, Admitted)
    assert outcome.rate == Rate(30, 29, 2_000)


async def test_patience_is_not_saved_up(books: Store, clock: Clock) -> None:
    """After an hour of silence a minute's worth may come at once, and no more."""
    await _limit(books, "key", Limits(rpm=2))
    assert isinstance(await asked(books, 1), Admitted)
    clock.now_ms += 3_600_000
    assert [type(await asked(books, number)) for number in (2, 3, 4)] == [Admitted, Admitted, Limited]


async def test_the_time_to_wait_is_the_least_whole_millisecond(books: Store, clock: Clock) -> None:
    """Seven a minute are one in 8,571.43 ms: whoever waits as told is let in, a millisecond earlier nobody is. Of a
    request that has not aged whole, nothing is said to be left."""
    await _limit(books, "key", Limits(rpm=7))
    rates = [await asked(books, number) for number in range(1, 8)]
    assert [one.rate.reset_ms for one in rates if isinstance(one, Admitted) and one.rate][:2] == [8_572, 17_143]
    refused = await asked(books, 8)
    assert refused == Limited("requests", "key/key_1", 7, 7, 8_572, 60_000)
    clock.now_ms += 8_571
    assert await asked(books, 8) == Limited("requests", "key/key_1", 7, 7, 1, 51_429)
    clock.now_ms += 1
    assert isinstance(await asked(books, 8), Admitted)
    clock.now_ms += 3 * 8_572 - 1_000
    outcome = await asked(books, 9)
    assert isinstance(outcome, Admitted) and outcome.rate is not None
    assert outcome.rate.left == 1


async def test_a_small_step_back_gives_nobody_a_second_minute(books: Store, clock: Clock) -> None:
    """Half a minute earlier than when the last of them came, they are still used up."""
    await _limit(books, "key", Limits(rpm=2))
    for number in (1, 2):
        assert isinstance(await asked(books, number), Admitted)
    clock.now_ms -= 30_000
    assert await asked(books, 3) == Limited("requests", "key/key_1", 2, 2, 30_000, 60_000)


async def test_what_was_refused_does_not_count(books: Store, empty_redis: RedisServer) -> None:
    """A client that keeps asking is not kept out longer; nothing is written."""
    await _limit(books, "key", Limits(rpm=1))
    await let_in(books)
    before = everything(empty_redis)
    assert [type(await asked(books, number)) for number in range(2, 12)] == [Limited] * 10
    assert everything(empty_redis) == before


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rpm=st.integers(1, 120), steps=st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
async def test_no_minute_brings_more_than_twice_the_limit_and_no_patience_is_lost(
    books: Store, empty_redis: RedisServer, clock: Clock, rpm: int, steps: list[int]
) -> None:
    """A plain bucket of `rpm` that fills up evenly says the same as the script, to a request."""
    empty_redis.client.flushall()
    clock.now_ms = T0
    await seed(books)
    await _limit(books, "key", Limits(rpm=rpm))
    period_us, bucket_us = 60_000_000 // rpm, rpm * (60_000_000 // rpm)
    full_us = bucket_us
    for number, step in enumerate(steps, start=1):
        clock.now_ms += step
        full_us = min(bucket_us, full_us + step * 1_000)
        outcome = await asked(books, number)
        assert isinstance(outcome, Admitted) == (full_us >= period_us)
        if isinstance(outcome, Admitted):
            full_us -= period_us


@pytest.mark.parametrize("back_ms", [1, 5_000, 59_000, 61_000, 3_600_000])
async def test_a_clock_that_steps_back_costs_two_minutes_at_most(books: Store, clock: Clock, back_ms: int) -> None:
    """Nobody waits until it has caught up, and nobody is told to wait longer than a minute."""
    await _limit(books, "key", Limits(rpm=1))
    await let_in(books, 1)
    clock.now_ms -= back_ms
    waited_ms = 0
    while isinstance(outcome := await asked(books, 2), Limited):
        assert 0 < outcome.wait_ms <= 60_000
        clock.now_ms += outcome.wait_ms
        waited_ms += outcome.wait_ms
        assert waited_ms <= 120_000


async def test_the_limit_in_flight_counts_what_has_not_ended(books: Store) -> None:
    """Of all keys together for a project; a video that ends makes room, once."""
    await books.limit_project("proj_1", Limits(in_flight=2))
    await seed(books, key="key_2", key_hash=OTHER_HASH)
    first = await let_in(books, 1)
    assert isinstance(await asked(books, 2, key="key_2", key_hash=OTHER_HASH), Admitted)
    assert await asked(books, 3) == Limited("in_flight", "project/proj_1", 2, 2, 0)
    await ended(books, first)
    assert isinstance(await asked(books, 3), Admitted)
    assert isinstance(await asked(books, 4), Limited)


async def test_seconds_of_a_day_are_counted_until_midnight(books: Store, clock: Clock) -> None:
    """Four a clip here. The next day begins at nothing."""
    await books.limit_key("key_1", Limits(seconds_per_day=11))
    await let_in(books, 1)
    await let_in(books, 2)
    assert await asked(books, 3) == Limited("seconds", "key/key_1", 11, 8, 0)
    clock.now_ms = midnight = ledger.window_until_ms(T0)
    fresh = replace(video(4), attempts=())
    change = replace(admission(fresh).change, window_until_ms=ledger.window_until_ms(midnight))
    assert isinstance(await books.admit(replace(admission(fresh), change=change)), Admitted)


@pytest.mark.parametrize("tight", ["key", "project"])
async def test_the_tighter_of_two_rates_is_told(books: Store, tight: str) -> None:
    """Whether the key's or the project's."""
    for owner in ("key", "project"):
        await _limit(books, owner, Limits(rpm=3 if owner == tight else 60))
    for number, left in ((1, 2), (2, 1)):
        outcome = await asked(books, number)
        assert isinstance(outcome, Admitted) and outcome.rate is not None
        assert (outcome.rate.limit, outcome.rate.left) == (3, left)


async def test_a_limit_of_nothing_is_a_limit(books: Store) -> None:
    """No video in flight, no second of video; to the second, what a limit allows can be asked for."""
    await books.limit_key("key_1", Limits(in_flight=0))
    assert await asked(books, 1) == Limited("in_flight", "key/key_1", 0, 0, 0)
    await books.limit_key("key_1", Limits(seconds_per_day=0))
    assert await asked(books, 1) == Limited("seconds", "key/key_1", 0, 0, 0)
    await books.limit_key("key_1", Limits(seconds_per_day=8))
    outcomes = [type(await asked(books, number)) for number in (1, 2, 3)]
    assert outcomes == [Admitted, Admitted, Limited]


async def test_seconds_are_counted_for_whom_they_are_limited(books: Store, empty_redis: RedisServer) -> None:
    """Neither before, nor for the other of key and project."""
    await let_in(books, 1)
    assert not [key for key in everything(empty_redis) if ":seconds:" in key]
    await books.limit_project("proj_1", Limits(seconds_per_day=100))
    await let_in(books, 2)
    (counts,) = (value for key, value in everything(empty_redis).items() if ":seconds:" in key)
    assert counts == {"project/proj_1": "4"}
    (name,) = empty_redis.client.scan_iter("*:seconds:*")
    assert 0 < empty_redis.client.pttl(name) <= SECONDS_KEPT_MS  # it goes by itself


async def test_many_at_once_share_a_limit_exactly(books: Store) -> None:
    """Of the key and of the project, each by itself."""
    await books.limit_key("key_1", Limits(in_flight=7, rpm=1_000))
    outcomes = await asyncio.gather(*(asked(books, number) for number in range(1, 61)))
    assert sum(isinstance(one, Admitted) for one in outcomes) == 7


async def test_limits_are_taken_away_and_kept_with_the_key(books: Store) -> None:
    """Whole, as they were set; unknown keys and projects are said."""
    limits = Limits(
        rpm=25, request_max_micros=PRICE, models=("sora-2",), sizes=("720x1280",), seconds=(4,), tags={"owner": "ann"}
    )
    assert await books.limit_key("key_1", limits)
    (key,) = await books.list_keys()
    assert key.limits == limits
    assert await books.limit_project("proj_1", Limits(sandbox_only=True))
    standing = await books.standing("0f" * 32)
    assert standing is not None
    assert (standing.key.limits, standing.project_limits) == (limits, Limits(sandbox_only=True))
    assert await books.limit_key("key_1", Limits())
    assert [type(await asked(books, number)) for number in range(1, 40)] == [Admitted] * 39
    assert not await books.limit_key("key_0", limits)
    assert not await books.limit_project("proj_0", limits)


def _name(owner: str) -> str:
    return {"key": "key/key_1", "project": "project/proj_1"}[owner]


async def _limit(books: Store, owner: str, limits: Limits) -> None:
    assert await (books.limit_key("key_1", limits) if owner == "key" else books.limit_project("proj_1", limits))
