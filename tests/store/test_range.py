"""Sums are exact up to 2^53 - 1 micro-dollars: none leaves that range, and what is held can be settled."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.budgets import Cap, Window
from gateway.domain.change import Posting
from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.domain.videos import Video
from gateway.store.errors import BrokenRule
from gateway.store.outcomes import Admitted, Capped, Committed
from gateway.store.store import Store
from tests.store.looks import counter, everything
from tests.store.samples import T0, admission, apply, attempt, closed, following, let_in, seed, video
from tests.support.redis import RedisServer

MOST = AMOUNT_MICROS_MAX
EDGES = [0, 1, 2, 99, 100, 101, 110, 10**6, MOST // 2, MOST // 2 + 1, MOST - 1, MOST]
AMOUNTS = st.one_of(st.sampled_from(EDGES), st.integers(0, MOST))


def priced(number: int, micros: int, provider: str = "mock") -> Video:
    return video(number, attempts=(attempt(price=micros, provider=provider),))


def settled(made: Video, amount: int) -> Posting:
    return ledger.settle(made, made.attempts[0], amount, presumed=False, reason="finished")


async def test_a_hold_that_sums_cannot_count_is_over_budget(books: Store, empty_redis: RedisServer) -> None:
    """Where no cap is set, what can be counted is one: the client is told, and nothing is written."""
    await books.admit(admission(priced(1, MOST - 1)))
    before = everything(empty_redis)
    assert await books.admit(admission(priced(2, 2, "other"))) == Capped("gateway/total", MOST, MOST - 1, 0)
    assert everything(empty_redis) == before
    assert isinstance(await books.admit(admission(priced(3, 1, "other"))), Admitted)
    assert isinstance(await books.admit(admission(priced(4, 0))), Admitted)


async def test_what_is_settled_already_counts_too(books: Store) -> None:
    """So that whatever is held can be settled at its price, whenever that comes."""
    first, second = priced(1, MOST - 10), priced(2, 10)
    for made in (first, second):
        assert isinstance(await books.admit(admission(made)), Admitted)
    await apply(books, following(closed(first), settled(first, MOST - 10), due_ms=None))
    assert await books.admit(admission(priced(3, 1))) == Capped("gateway/total", MOST, 10, MOST - 10)
    assert isinstance(await apply(books, following(closed(second), settled(second, 10), due_ms=None)), Committed)


async def test_a_failover_that_sums_cannot_count_is_over_budget(books: Store, empty_redis: RedisServer) -> None:
    """The first attempt settled at its price, the next one does not fit beside it."""
    made = await let_in(books, 1, attempts=(attempt(price=MOST - 1),))
    grown = replace(made, attempts=(*made.attempts, attempt(2, price=2, provider="other")), current=2)
    before = everything(empty_redis)
    postings = (settled(made, MOST - 1), ledger.hold(grown, grown.attempts[1]))
    window_until_ms = ledger.window_until_ms(T0)
    refused = await apply(books, following(grown, *postings, window_until_ms=window_until_ms))
    assert refused == Capped("gateway/total", MOST, MOST - 1, 0)
    assert everything(empty_redis) == before


async def test_a_credit_makes_no_room_beyond_the_range(books: Store) -> None:
    """What is held alone stays countable, also where corrections have brought the spend below nothing."""
    made = await let_in(books, 1)
    await apply(books, following(closed(made), ledger.void(made, made.attempts[0], "refused")))
    refund = ledger.adjust(closed(made), made.attempts[0], -100, "the vendor's bill")
    await apply(books, following(replace(closed(made), version=2), refund))
    assert isinstance(await books.admit(admission(priced(2, MOST))), Admitted)
    assert isinstance(await books.admit(admission(priced(3, 1))), Capped)


async def test_a_charge_that_sums_cannot_count_is_refused_whole(books: Store, empty_redis: RedisServer) -> None:
    """A bug upstairs, which does not believe such a charge: nothing is written, the hold stays open."""
    first, second = priced(1, MOST - 10), priced(2, 10)
    for made in (first, second):
        await books.admit(admission(made))
    await apply(books, following(closed(first), settled(first, MOST - 10), due_ms=None))
    before = everything(empty_redis)
    with pytest.raises(BrokenRule, match=":settled would be 9007199254740992"):
        await apply(books, following(closed(second), settled(second, 11), due_ms=None))
    assert everything(empty_redis) == before


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cap=AMOUNTS,
    prices=st.lists(AMOUNTS, min_size=1, max_size=6),
    percents=st.sets(st.integers(1, 100), max_size=4).map(sorted),
)
async def test_plain_whole_numbers_say_the_same(
    books: Store, empty_redis: RedisServer, cap: int, prices: list[int], percents: list[int]
) -> None:
    """What a cap lets in and which parts of it are reached, to the micro-dollar, for any cap and any prices."""
    empty_redis.client.flushall()
    await seed(books)
    await books.set_cap("gateway", Window.TOTAL, Cap(cap, tuple(percents)))
    held, told = 0, 0
    for number, price in enumerate(prices, start=1):
        outcome = await books.admit(admission(priced(number, price)))
        fits = price == 0 or held + price <= cap
        assert isinstance(outcome, Admitted if fits else Capped)
        if not isinstance(outcome, Admitted):
            continue
        held += price
        reached = [one for one in percents if held and held * 100 >= cap * one]
        news = [(one.percent, one.total_micros) for one in outcome.crossed]
        assert news == [(one, held) for one in reached if one > told]
        told = max(told, *reached, 0)
    assert counter(empty_redis, "gateway/total") == (held, 0)


@pytest.mark.parametrize("cap", [110, 29, 57, 1_100_001, MOST, MOST - 1])
async def test_all_of_a_cap_is_all_of_it(books: Store, cap: int) -> None:
    """A hundred percent is told when the last micro-dollar is held and not before, whatever the cap is."""
    await books.set_cap("gateway", Window.TOTAL, Cap(cap, (100,)))
    almost, whole = await books.admit(admission(priced(1, cap - 1))), await books.admit(admission(priced(2, 1)))
    assert isinstance(almost, Admitted) and isinstance(whole, Admitted)
    assert (almost.crossed, [one.percent for one in whole.crossed]) == ((), [100])


async def test_a_cap_below_what_is_spent_bars_what_comes_and_nothing_else(books: Store) -> None:
    """What is held already is settled; the overrun has a name; free clips are still made; a refund makes no room that
    the cap does not give."""
    first, second = priced(1, 700), priced(2, 300)
    for made in (first, second):
        await books.admit(admission(made))
    await books.set_cap("project/proj_1", Window.TOTAL, Cap(500))
    assert await books.admit(admission(priced(3, 1))) == Capped("project/proj_1/total", 500, 1_000, 0)
    assert isinstance(await books.admit(admission(priced(4, 0))), Admitted)
    assert isinstance(await apply(books, following(closed(first), settled(first, 700), due_ms=None)), Committed)
    (budget,) = await books.list_budgets(T0)
    assert (budget.overrun_micros, budget.left_micros) == (500, 0)
    void = ledger.void(second, second.attempts[0], "refused")
    assert isinstance(await apply(books, following(closed(second), void, due_ms=None)), Committed)
    assert isinstance(await books.admit(admission(priced(5, 1))), Capped)
