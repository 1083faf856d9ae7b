"""Caps: no hold passes one, whoever asks and however many at once; what is reached is told once in each window."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.budgets import Budget, Cap, Window
from gateway.domain.videos import Video
from gateway.store.outcomes import Admitted, Capped, Committed, Crossed
from gateway.store.store import Store
from tests.store.looks import counter, everything
from tests.store.samples import PRICE, T0, Clock, admission, apply, attempt, closed, following, let_in, video
from tests.support.redis import RedisServer

SCOPES = ("key/key_1", "project/proj_1", "provider/mock", "gateway")
DAY = "2026-11-20"


def moves(server: RedisServer) -> list[dict[str, Any]]:
    return [fields for _, fields in server.client.xrange("{telecine}:events")]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("window", list(Window))
async def test_a_cap_of_any_scope_and_window_admits_up_to_it_and_not_a_micro_dollar_more(
    books: Store, empty_redis: RedisServer, scope: str, window: Window
) -> None:
    """Refused whole: nothing is written, and the sums are told."""
    await books.set_cap(scope, window, Cap(2 * PRICE - 1))
    await let_in(books, 1)
    before = everything(empty_redis)
    refused = await books.admit(admission(video(2)))
    period = {Window.DAY: f"/{DAY}", Window.MONTH: f"/{DAY[:7]}", Window.TOTAL: ""}[window]
    assert refused == Capped(f"{scope}/{window}{period}", 2 * PRICE - 1, PRICE, 0)
    assert everything(empty_redis) == before
    await books.set_cap(scope, window, Cap(2 * PRICE))
    assert isinstance(await books.admit(admission(video(2))), Admitted)
    assert await books.verify() == []


async def test_a_cap_of_nothing_allows_what_is_free(books: Store) -> None:
    """Zero is a cap like any other."""
    await books.set_cap("project/proj_1", Window.TOTAL, Cap(0))
    assert isinstance(await books.admit(admission(video())), Capped)
    free = video(2, attempts=(attempt(price=0),))
    assert isinstance(await books.admit(admission(free)), Admitted)


async def test_what_is_given_back_can_be_spent_again(books: Store) -> None:
    """A void frees the hold's room in the cap, a settle does not."""
    await books.set_cap("project/proj_1", Window.DAY, Cap(PRICE))
    made = await let_in(books)
    await apply(books, following(closed(made), ledger.void(made, made.attempts[0], "refused"), due_ms=None))
    again = await let_in(books, 2)
    end = ledger.settle(again, again.attempts[0], PRICE, presumed=False, reason="finished")
    await apply(books, following(closed(again), end, due_ms=None))
    assert isinstance(await books.admit(admission(video(3))), Capped)


async def test_a_new_day_has_a_new_budget_and_the_month_goes_on(books: Store, clock: Clock) -> None:
    """Windows are UTC days and months."""
    await books.set_cap("project/proj_1", Window.DAY, Cap(PRICE))
    await books.set_cap("project/proj_1", Window.MONTH, Cap(2 * PRICE))
    await let_in(books)
    assert isinstance(await books.admit(admission(video(2))), Capped)
    clock.now_ms = midnight = ledger.window_until_ms(T0)

    def tomorrows(number: int) -> Video:
        return video(number, attempts=(attempt(now_ms=midnight),))

    async def ask(number: int) -> object:
        asked = admission(tomorrows(number))
        return await books.admit(
            replace(asked, change=replace(asked.change, window_until_ms=ledger.window_until_ms(midnight)))
        )

    assert isinstance(await ask(3), Admitted)
    refused = await ask(4)
    assert isinstance(refused, Capped)
    assert refused.counter == "project/proj_1/day/2026-11-21"
    await books.remove_cap("project/proj_1", Window.DAY)
    refused = await ask(5)
    assert isinstance(refused, Capped)
    assert refused.counter == "project/proj_1/month/2026-11"


async def test_the_next_attempt_needs_room_too_and_the_end_of_the_last_makes_some(
    books: Store, empty_redis: RedisServer
) -> None:
    """A failover is one Change: what it gives back counts before what it takes."""
    await books.set_cap("project/proj_1", Window.TOTAL, Cap(PRICE))
    made = await let_in(books)
    dearer = attempt(2, price=PRICE + 1, provider="other")
    grown = replace(made, attempts=(*made.attempts, dearer), current=2)
    void = ledger.void(made, made.attempts[0], "refused")
    window = ledger.window_until_ms(T0)
    before = everything(empty_redis)
    refused = await apply(books, following(grown, void, ledger.hold(grown, dearer), window_until_ms=window))
    assert refused == Capped("project/proj_1/total", PRICE, PRICE, 0)
    assert everything(empty_redis) == before
    same = replace(dearer, price_micros=PRICE)
    grown = replace(made, attempts=(*made.attempts, same), current=2)
    change = following(grown, void, ledger.hold(grown, same), window_until_ms=window)
    assert isinstance(await apply(books, change, commit_id="second"), Committed)
    assert counter(empty_redis, "project/proj_1/total") == (PRICE, 0)


async def test_many_at_once_share_a_cap_exactly(books: Store, empty_redis: RedisServer) -> None:
    """Five hundred ask, a hundred and thirty-seven fit, and at no moment is more held than the cap."""
    await books.set_cap("gateway", Window.TOTAL, Cap(137 * PRICE + 1))
    seen: list[int] = []

    async def watch() -> None:
        while True:
            seen.append(sum(counter(empty_redis, "gateway/total")))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    outcomes = await asyncio.gather(*(books.admit(admission(video(number))) for number in range(1, 501)))
    watching.cancel()
    assert sum(isinstance(one, Admitted) for one in outcomes) == 137
    assert {type(one) for one in outcomes} == {Admitted, Capped}
    assert max(seen) <= 137 * PRICE
    assert await books.verify() == []


async def test_thresholds_are_told_once_each(books: Store, empty_redis: RedisServer) -> None:
    """In the reply and in the stream of events, by the commit that reached them."""
    await books.set_cap("project/proj_1", Window.DAY, Cap(10 * PRICE, (10, 50, 80, 100)))
    told = []
    for number in range(1, 11):
        outcome = await books.admit(admission(video(number)))
        assert isinstance(outcome, Admitted)
        told.append([one.percent for one in outcome.crossed])
    assert told == [[10], [], [], [], [50], [], [], [80], [], [100]]
    events = moves(empty_redis)
    assert [(one["kind"], one["percent"]) for one in events] == [
        ("budget.threshold", percent) for percent in ("10", "50", "80", "100")
    ]
    assert events[1]["counter"] == f"project/proj_1/day/{DAY}"
    assert (events[1]["total"], events[1]["cap"]) == (str(5 * PRICE), str(10 * PRICE))


@pytest.mark.parametrize(("cap", "told"), [(2 * PRICE, [50]), (PRICE, [50, 80, 100]), (PRICE - 1, [])])
async def test_thresholds_that_are_passed_at_once_are_told_one_by_one(books: Store, cap: int, told: list[int]) -> None:
    """Nothing where the hold is refused."""
    await books.set_cap("gateway", Window.TOTAL, Cap(cap))
    outcome = await books.admit(admission(video()))
    assert [one.percent for one in getattr(outcome, "crossed", ())] == told


async def test_a_bill_that_passes_everything_tells_every_threshold_and_the_overrun(books: Store) -> None:
    await books.set_cap("gateway", Window.TOTAL, Cap(3 * PRICE))
    made = await let_in(books)
    end = ledger.settle(made, made.attempts[0], 4 * PRICE, presumed=False, reason="finished")
    outcome = await apply(books, following(closed(made), end, due_ms=None))
    assert isinstance(outcome, Committed)
    assert [one.percent for one in outcome.crossed] == [50, 80, 100, 101]


async def test_events_of_a_wrong_type_stop_an_admission_before_it_writes(
    books: Store, empty_redis: RedisServer
) -> None:
    await books.set_cap("gateway", Window.TOTAL, Cap(PRICE))
    empty_redis.client.set("{telecine}:events", "x")
    before = everything(empty_redis)
    with pytest.raises(Exception, match=r"WRONGTYPE|wrong kind"):
        await books.admit(admission(video()))
    assert everything(empty_redis) == before


async def test_a_new_cap_is_told_anew(books: Store) -> None:
    """Half of the new one is news, also when half of the old one was told."""
    await books.set_cap("gateway", Window.TOTAL, Cap(2 * PRICE, (50,)))
    first = await books.admit(admission(video(1)))
    await books.set_cap("gateway", Window.TOTAL, Cap(4 * PRICE, (50,)))
    second = await books.admit(admission(video(2)))
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    assert first.crossed == (Crossed("gateway/total", 50, PRICE, 2 * PRICE),)
    assert second.crossed == (Crossed("gateway/total", 50, 2 * PRICE, 4 * PRICE),)


@pytest.mark.parametrize("window", list(Window))
async def test_a_cap_that_is_set_below_what_is_spent_is_told_at_once_and_once(
    books: Store, empty_redis: RedisServer, window: Window
) -> None:
    """What is held counts. The posting that comes later has nothing more to tell."""
    made = await let_in(books)
    counter = {Window.DAY: f"gateway/day/{DAY}", Window.MONTH: f"gateway/month/{DAY[:7]}"}.get(window, "gateway/total")
    told = await books.set_cap("gateway", window, Cap(PRICE // 2, (80, 100)))
    assert told == tuple(Crossed(counter, percent, PRICE, PRICE // 2) for percent in (80, 100, 101))
    assert [one["kind"] for one in moves(empty_redis)] == ["budget.threshold", "budget.threshold", "budget.overrun"]
    assert moves(empty_redis)[-1] | {"at": ""} == {
        "kind": "budget.overrun", "at": "", "counter": counter, "percent": "101", "total": str(PRICE),
        "cap": str(PRICE // 2),
    }  # fmt: skip
    assert await books.set_cap("gateway", window, Cap(PRICE // 2, (80, 100))) == ()
    end = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    outcome = await apply(books, following(closed(made), end, due_ms=None))
    assert isinstance(outcome, Committed)
    assert outcome.crossed == ()
    assert isinstance(await books.admit(admission(video(2))), Capped)


async def test_a_cap_looks_at_the_day_of_the_ledger(books: Store, clock: Clock) -> None:
    """Whose time never goes back: yesterday's clock is asked with, and today's counter told of."""
    await let_in(books)
    clock.now_ms = T0 - 86_400_000
    told = await books.set_cap("gateway", Window.DAY, Cap(PRICE, (100,)))
    assert told == (Crossed(f"gateway/day/{DAY}", 100, PRICE, PRICE),)
    clock.now_ms = ledger.window_until_ms(T0)
    assert await books.set_cap("gateway", Window.DAY, Cap(1, (100,))) == ()


@pytest.mark.parametrize("name", ["counters", "crossed", "events", "time", "caps"])
async def test_a_cap_is_not_set_beside_what_cannot_be_read(books: Store, empty_redis: RedisServer, name: str) -> None:
    """Look at everything, then write."""
    await let_in(books)
    key, client = f"{{telecine}}:{name}", empty_redis.client
    client.copy(key, "kept")
    client.delete(key)
    if name == "time":
        client.hset(key, "x", "1")
    else:
        client.set(key, "x")
    before = everything(empty_redis)
    with pytest.raises(Exception, match=r"WRONGTYPE|wrong kind"):
        await books.set_cap("gateway", Window.TOTAL, Cap(1))
    assert everything(empty_redis) == before
    client.copy("kept", key, replace=True)


async def test_a_bill_above_the_quote_is_an_overrun_that_is_told_and_blocks(books: Store) -> None:
    """It is settled as billed: the books say what is. The budget names by how much it is over."""
    await books.set_cap("key/key_1", Window.TOTAL, Cap(PRICE, ()))
    made = await let_in(books)
    end = ledger.settle(made, made.attempts[0], 3 * PRICE, presumed=False, reason="finished")
    outcome = await apply(books, following(closed(made), end, due_ms=None))
    assert isinstance(outcome, Committed)
    assert outcome.crossed == (Crossed("key/key_1/total", 101, 3 * PRICE, PRICE),)
    assert isinstance(await books.admit(admission(video(2))), Capped)
    (budget,) = await books.list_budgets(T0)
    assert (budget.settled_micros, budget.left_micros, budget.overrun_micros) == (3 * PRICE, 0, 2 * PRICE)


async def test_budgets_are_listed_with_what_counts_against_them(books: Store) -> None:
    """In their present windows; a removed one is gone and allows everything."""
    await books.set_cap("project/proj_1", Window.DAY, Cap(5 * PRICE))
    await books.set_cap("gateway", Window.TOTAL, Cap(1, (90,)))
    await books.remove_cap("gateway", Window.TOTAL)
    assert not await books.remove_cap("gateway", Window.TOTAL)
    await let_in(books)
    (today,) = await books.list_budgets(T0)
    assert today == Budget(scope="project/proj_1", window=Window.DAY, cap=Cap(5 * PRICE), held_micros=PRICE)
    (tomorrow,) = await books.list_budgets(T0 + 86_400_000)
    assert tomorrow.held_micros == 0
