"""Clocks that step back across a day and a month, or to what no clock says: the ledger's own time never goes back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.budgets import Cap, Window
from gateway.domain.change import Admission
from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.store.errors import BrokenRule
from gateway.store.outcomes import Admitted, Capped, Committed, WindowPassed
from gateway.store.store import Store
from tests.store.looks import counter, everything
from tests.store.samples import PRICE, Clock, admission, apply, attempt, closed, following, let_in, video
from tests.support.redis import RedisServer

MIDNIGHT = 1_796_083_200_000  # 2026-12-01 00:00 UTC: the beginning of a day and of a month
EVENING, MORNING = MIDNIGHT - 60_000, MIDNIGHT + 60_000
TIME = "{telecine}:time"


def counted(number: int, at_ms: int) -> Admission:
    """An admission as a gateway makes it whose clock says `at_ms`."""
    asked = admission(video(number, attempts=(attempt(now_ms=at_ms),)))
    return replace(asked, change=replace(asked.change, window_until_ms=ledger.window_until_ms(at_ms)))


async def test_a_hold_of_one_month_ends_in_that_month_whenever_it_ends(
    books: Store, empty_redis: RedisServer, clock: Clock
) -> None:
    """Held in November, settled in December: November's counters, and none of December's, moved."""
    clock.now_ms = EVENING
    asked = counted(1, EVENING)
    assert isinstance(await books.admit(asked), Admitted)
    made = asked.change.video
    clock.now_ms = MORNING
    end = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    assert isinstance(await apply(books, following(closed(made), end, due_ms=None)), Committed)
    assert counter(empty_redis, "project/proj_1/day/2026-11-30") == (0, PRICE)
    assert counter(empty_redis, "project/proj_1/month/2026-11") == (0, PRICE)
    assert not [name for name in empty_redis.client.hkeys("{telecine}:counters") if "2026-12" in name]


async def test_a_clock_that_steps_back_over_a_month_changes_no_counter(
    books: Store, empty_redis: RedisServer, clock: Clock
) -> None:
    """Held in December, settled when the clock says November again: December's counters; entries stay in order."""
    clock.now_ms = MORNING
    asked = counted(1, MORNING)
    await books.admit(asked)
    made = asked.change.video
    clock.now_ms = EVENING
    end = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    assert isinstance(await apply(books, following(closed(made), end, due_ms=None)), Committed)
    assert counter(empty_redis, "gateway/month/2026-12") == (0, PRICE)
    entries, _ = await books.ledger_entries()
    assert [one.at_ms for one in entries] == [MORNING, MORNING]


async def test_a_day_that_is_over_does_not_come_back(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """After the step back a hold for yesterday is told the ledger's day, and fits yesterday's cap no second time."""
    await books.set_cap("gateway", Window.DAY, Cap(PRICE))
    clock.now_ms = EVENING
    assert isinstance(await books.admit(counted(1, EVENING)), Admitted)
    clock.now_ms = MORNING
    assert isinstance(await books.admit(counted(2, MORNING)), Admitted)
    clock.now_ms = EVENING
    before = everything(empty_redis)
    assert await books.admit(counted(3, EVENING)) == WindowPassed(MORNING)
    assert everything(empty_redis) == before
    assert isinstance(await books.admit(counted(3, MORNING)), Capped)


async def test_a_step_back_lets_no_hold_into_a_window_twice(books: Store, clock: Clock) -> None:
    """To the millisecond: the last one of a day counts into it, the first one of the next does not."""
    clock.now_ms = MIDNIGHT - 1
    assert isinstance(await books.admit(counted(1, MIDNIGHT - 1)), Admitted)
    clock.now_ms = MIDNIGHT
    assert await books.admit(counted(2, MIDNIGHT - 1)) == WindowPassed(MIDNIGHT)
    assert isinstance(await books.admit(counted(2, MIDNIGHT)), Admitted)
    clock.now_ms = MIDNIGHT - 1
    assert await books.admit(counted(3, MIDNIGHT - 1)) == WindowPassed(MIDNIGHT)


@pytest.mark.parametrize("now_ms", [-1, AMOUNT_MICROS_MAX + 1, 10**30])
async def test_a_time_that_cannot_be_is_refused(
    books: Store, empty_redis: RedisServer, clock: Clock, now_ms: int
) -> None:
    """A bug of a simulation: nothing is written."""
    before = everything(empty_redis)
    clock.now_ms = now_ms
    with pytest.raises(BrokenRule, match="now is"):
        await books.admit(admission(video()))
    assert everything(empty_redis) == before


async def test_the_time_of_nothing_is_the_servers(books: Store, clock: Clock) -> None:
    """Zero asks for the server's own clock, as production does; the last time that was used stays the least."""
    clock.now_ms = 0
    early = admission(video())
    admitted = await books.admit(replace(early, change=replace(early.change, window_until_ms=0)))
    assert isinstance(admitted, Admitted)
    clock.now_ms = 1
    again = admission(video(2))
    assert await books.admit(again) == WindowPassed(admitted.now_ms)


@pytest.mark.parametrize("kept", ["x", "-1", "1.5", "1e300", str(AMOUNT_MICROS_MAX + 1)])
async def test_a_last_time_that_cannot_be_stops_the_ledger(books: Store, empty_redis: RedisServer, kept: str) -> None:
    """A foreign hand: told, and not made worse."""
    empty_redis.client.set(TIME, kept)
    before = everything(empty_redis)
    with pytest.raises(BrokenRule, match="the last time is"):
        await books.admit(admission(video()))
    assert everything(empty_redis) == before


async def test_a_repeat_is_known_again_after_a_step_back(books: Store, clock: Clock) -> None:
    """The same admission answers the same, whatever the clock says now."""
    made = await let_in(books)
    clock.now_ms -= 86_400_000
    assert isinstance(await books.admit(admission(made)), Admitted)
    entries, _ = await books.ledger_entries()
    assert len(entries) == 1
