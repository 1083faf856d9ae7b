"""Money: only postings that can be are written, and what is written adds up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Kind, Posting
from gateway.domain.ledger import Balance, Books, Entry
from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.domain.videos import Video
from gateway.store.errors import BrokenRule
from gateway.store.outcomes import Committed
from gateway.store.store import Store
from tests.store.looks import counter, everything
from tests.store.samples import PRICE, T0, admission, apply, attempt, closed, following, let_in, seed, video
from tests.support.redis import RedisServer

TOTAL = "{telecine}:counters"


def settled(made: Video, amount: int = PRICE) -> Posting:
    return ledger.settle(made, made.attempts[0], amount, presumed=False, reason="finished")


def voided(made: Video) -> Posting:
    return ledger.void(made, made.attempts[0], "refused")


# --- what moves --------------------------------------------------------------------------------------------------


async def test_a_settle_turns_the_hold_into_spend(books: Store, empty_redis: RedisServer) -> None:
    """In every counter that the hold named; the difference to the price is free again, or owed."""
    for number, amount in ((1, PRICE - 7), (2, PRICE + 7)):
        made = await let_in(books, number)
        await apply(books, following(closed(made), settled(made, amount)))
    for name in video().attempts[0].counters:
        assert counter(empty_redis, name) == (0, 2 * PRICE)
    assert empty_redis.client.hlen("{telecine}:holds") == 0


async def test_a_void_gives_the_hold_back(books: Store, empty_redis: RedisServer) -> None:
    """As if it had never been."""
    made = await let_in(books)
    await apply(books, following(closed(made), voided(made)))
    assert counter(empty_redis, "gateway/total") == (0, 0)
    assert empty_redis.client.hlen("{telecine}:holds") == 0


@pytest.mark.parametrize("how", [settled, voided])
async def test_an_adjust_corrects_either_end(
    books: Store, empty_redis: RedisServer, how: Callable[[Video], Posting]
) -> None:
    """Up and down, below nothing too: the vendor paid back more than it took."""
    made = await let_in(books)
    await apply(books, following(closed(made), how(made)))
    _, before = counter(empty_redis, "gateway/total")
    for ordinal, amount in ((1, 5), (2, -before - 6)):
        change = following(replace(closed(made), version=1 + ordinal), _adjust(made, amount, ordinal))
        assert isinstance(await apply(books, change), Committed)
    assert counter(empty_redis, "gateway/total") == (0, -1)


async def test_a_free_clip_is_booked_as_well(books: Store, empty_redis: RedisServer) -> None:
    """A price of nothing is a price: the entries are there, the counters stay."""
    made = video(attempts=(attempt(price=0),))
    await books.admit(admission(made))
    await apply(books, following(closed(made), settled(made, 0)))
    assert empty_redis.client.xlen("{telecine}:ledger") == 2
    assert counter(empty_redis, "gateway/total") == (0, 0)


async def test_entries_say_everything_they_were_told(books: Store) -> None:
    """Page by page, in the order in which they were made."""
    made = await let_in(books)
    end = ledger.settle(made, made.attempts[0], 3, presumed=True, reason="nobody knows, ü")
    await apply(books, following(closed(made), end))
    first, after = await books.ledger_entries(limit=1)
    second, after = await books.ledger_entries(after=after, limit=1)
    assert [first, second] == [[Entry(T0, ledger.hold(made, made.attempts[0]))], [Entry(T0, end)]]
    assert await books.ledger_entries(after=after) == ([], after)


async def test_sums_are_exact_up_to_the_limit(books: Store, empty_redis: RedisServer) -> None:
    """2^53 - 1 micro-dollars, to the last one."""
    made = video(attempts=(attempt(price=AMOUNT_MICROS_MAX - 1),))
    await books.admit(admission(made))
    await books.admit(admission(video(2, attempts=(attempt(price=1),))))
    assert counter(empty_redis, "gateway/total") == (AMOUNT_MICROS_MAX, 0)
    for number in (2, 1):
        made = video(number, attempts=(attempt(price=(AMOUNT_MICROS_MAX - 1, 1)[number - 1]),))
        await apply(books, following(closed(made), voided(made)))
    for version, amount in ((3, -AMOUNT_MICROS_MAX), (4, AMOUNT_MICROS_MAX), (5, AMOUNT_MICROS_MAX)):
        adjust = _adjust(made, amount, version)
        await apply(books, following(replace(closed(made), version=version - 1), adjust))
        _, total = counter(empty_redis, "gateway/total")
        assert total == AMOUNT_MICROS_MAX * (version - 4)


# --- what cannot be ----------------------------------------------------------------------------------------------


def _adjust(made: Video, amount: int, ordinal: int = 1) -> Posting:
    return ledger.adjust(made, replace(made.attempts[0], adjusts=ordinal - 1), amount, "the vendor's bill")


BAD: dict[str, tuple[Callable[[Video], Posting], str]] = {
    "a hold again": (lambda made: ledger.hold(made, made.attempts[0]), "in the ledger already"),
    "less released": (lambda made: replace(voided(made), released_micros=PRICE - 1), "releases 399999 of"),
    "more released": (lambda made: replace(settled(made), released_micros=PRICE + 1), "releases 400001 of"),
    "an unknown hold": (lambda made: replace(settled(made), answers="nobody"), "not in the ledger"),
    "no hold at all": (lambda made: replace(settled(made), answers=None), "not in the ledger"),
    "other counters": (lambda made: replace(settled(made), counters=("gateway/total",)), "other counters"),
    "no counter": (lambda made: replace(ledger.hold(made, attempt(2)), counters=()), "touch no counter"),
    "a void that costs": (lambda made: replace(voided(made), amount_micros=1), "is a void of 1"),
    "an adjust that releases": (lambda made: replace(_adjust(made, 1), released_micros=1), "that releases 1"),
    "a dispute of nothing": (lambda made: replace(_dispute(made), amount_micros=0), "the amount of"),
    "a dispute that releases": (lambda made: replace(_dispute(made), released_micros=1), "that releases 1"),
    "a word on no dispute": (lambda made: _word(made, 1), "not in the ledger"),
    "a hold that answers": (lambda made: replace(ledger.hold(made, attempt(2)), answers="x"), "answers x"),
    "a negative hold": (lambda made: replace(ledger.hold(made, attempt(2)), amount_micros=-1), "the amount of"),
    "a negative settle": (lambda made: replace(settled(made), amount_micros=-1), "the amount of"),
    "a huge amount": (lambda made: replace(settled(made), amount_micros=2**53), "the amount of"),
    "another video's": (lambda made: replace(ledger.hold(made, attempt(2)), video="video_x"), "is about video_x"),
    "fewer than none spared": (lambda made: replace(settled(made), spared=-1), "the spared counters of"),
    "an unknown kind": (lambda made: replace(voided(made), kind=_Odd()), "the kind of"),
}  # fmt: skip


def _dispute(made: Video) -> Posting:
    return ledger.dispute(made, made.attempts[0], 7, reason="far too much")


def _word(made: Video, amount: int) -> Posting:
    return ledger.adjust(made, made.attempts[0], amount, "an operator's word", decides=True)


class _Odd:
    value = "gift"


@pytest.mark.parametrize("name", BAD)
async def test_a_posting_that_cannot_be_is_refused_whole(books: Store, empty_redis: RedisServer, name: str) -> None:
    """A bug upstairs, told as one; nothing is written."""
    make, message = BAD[name]
    made = await let_in(books)
    before = everything(empty_redis)
    with pytest.raises(BrokenRule, match=message):
        await apply(books, following(made, make(made)))
    assert everything(empty_redis) == before


async def test_a_hold_may_end_in_the_change_that_makes_it(books: Store, empty_redis: RedisServer) -> None:
    """Once, for what it holds, and nothing is open afterwards."""
    made = await let_in(books)
    second = attempt(2)
    grown = replace(made, attempts=(*made.attempts, second))
    hold, void = ledger.hold(grown, second), ledger.void(grown, second, "refused")
    with pytest.raises(BrokenRule, match="releases 400001"):
        await apply(books, following(grown, hold, replace(void, released_micros=PRICE + 1)))
    assert isinstance(await apply(books, following(grown, hold, void)), Committed)
    assert list(empty_redis.client.hgetall("{telecine}:holds")) == [f"{made.id}.1:hold"]
    assert counter(empty_redis, "gateway/total") == (PRICE, 0)


async def test_a_hold_ends_once(books: Store, empty_redis: RedisServer) -> None:
    """In one change or in two."""
    made = await let_in(books)
    before = everything(empty_redis)
    with pytest.raises(BrokenRule, match="releases 400000"):
        await apply(books, following(made, settled(made), voided(made)))
    assert everything(empty_redis) == before
    await apply(books, following(closed(made), settled(made)))
    with pytest.raises(BrokenRule, match="releases 400000"):
        await apply(books, following(replace(made, version=2), voided(made)))


async def test_an_entry_stands_once_in_a_change(books: Store) -> None:
    """Two of one name would be one too many."""
    made = await let_in(books)
    hold = ledger.hold(made, attempt(2))
    with pytest.raises(BrokenRule, match="in the ledger already"):
        await apply(books, following(made, hold, hold))


async def test_no_counter_ever_holds_less_than_nothing(books: Store, empty_redis: RedisServer) -> None:
    """A counter that a foreign hand lowered is not made worse."""
    made = await let_in(books)
    empty_redis.client.hincrby(TOTAL, "gateway/total:held", -1)
    with pytest.raises(BrokenRule, match="gateway/total:held would be -1"):
        await apply(books, following(made, voided(made)))
    for value in ("4.5", "-1", "x", "", "1e300", "nan", str(2**53), f"{PRICE:018d}"):
        empty_redis.client.hset(TOTAL, "gateway/total:held", value)
        with pytest.raises(BrokenRule, match=r"gateway/total:held (is|would be)"):
            await apply(books, following(made, voided(made)))
    empty_redis.client.hset(TOTAL, "gateway/total:held", PRICE)


# --- verify ------------------------------------------------------------------------------------------------------


async def test_verify_names_every_difference(store: Store, empty_redis: RedisServer) -> None:
    """Counters, open holds and entries against each other, one sentence each."""
    await seed(store)
    made = video()
    change = replace(admission(made).change, window_until_ms=0)
    await store.admit(replace(admission(made), change=change))
    assert await store.verify() == []
    client, hold = empty_redis.client, f"{made.id}.1:hold"
    client.hincrby(TOTAL, "gateway/total:held", 5)
    client.hset(TOTAL, "project/ghost/total:settled", 1)
    client.hdel("{telecine}:holds", hold)
    client.hset("{telecine}:holds", "ghost:hold", 3)
    assert await store.verify() == [
        "counter gateway/total says 400005 micro-dollars held, its entries add up to 400000",
        "counter project/ghost/total says 1 micro-dollars settled, its entries add up to 0",
        "hold ghost:hold is open with 3 micro-dollars in the store and not open by the entries",
        f"hold {hold} is not open in the store and open with 400000 micro-dollars by the entries",
    ]


async def test_verify_finds_holds_that_nothing_will_end(books: Store, empty_redis: RedisServer) -> None:
    """An attempt that is closed while its hold is open: money that stays reserved for ever."""
    made = await let_in(books)
    await apply(books, following(closed(made)))
    assert await books.verify() == [f"hold {made.id}.1:hold is open, but its attempt is closed"]
    await apply(books, following(replace(closed(made), version=2), voided(made)))


async def test_verify_reads_a_long_ledger_while_it_grows(books: Store) -> None:
    """Entries made while it reads are left out on both sides."""

    async def live(number: int) -> None:
        made = await let_in(books, number)
        await apply(books, following(closed(made), settled(made)))

    for start in range(0, 800, 200):
        found, *_ = await asyncio.gather(books.verify(), *(live(number) for number in range(start, start + 200)))
        assert found == []


def test_recount_names_broken_rules() -> None:
    """Entries that answer nothing, come twice, end a hold twice, or release something else."""
    made = video()
    hold, settle, void = ledger.hold(made, made.attempts[0]), settled(made), voided(made)
    cases: dict[str, list[Posting]] = {
        "stands in the ledger twice": [hold, hold],
        "which is not in the ledger before it": [settle],
        "answers nothing": [replace(settle, answers=None)],
        "touches other counters": [hold, replace(settle, counters=("gateway/total",))],
        "which had ended before": [hold, settle, void],
        "releases 1 micro-dollars": [hold, replace(void, released_micros=1)],
    }
    for sentence, postings in cases.items():
        assert sentence in recount(*postings).faults[0]
    assert recount(hold, settle, _adjust(made, 1)).faults == ()
    assert len(recount(*([hold] * 1_200)).faults) == ledger.FAULTS_MAX


def test_recount_names_words_that_are_about_more_than_was_disputed() -> None:
    """Or about less than nothing, or that come twice."""
    made = video()
    attempt = made.attempts[0]
    before = (ledger.hold(made, attempt), settled(made), ledger.dispute(made, attempt, 7, reason="too much"))
    for amount in (0, 7):
        assert recount(*before, ledger.adjust(made, attempt, amount, "", decides=True)).faults == ()
    for amount in (-1, 8):
        (fault,) = recount(*before, ledger.adjust(made, attempt, amount, "", decides=True)).faults
        assert f"books {amount} micro-dollars" in fault
    word = ledger.adjust(made, attempt, 7, "", decides=True)
    (fault,) = recount(*before, word, replace(word, id="again")).faults
    assert "had been decided before" in fault


def test_corrections_are_counted_from_one() -> None:
    made = video()
    attempt = replace(made.attempts[0], adjusts=1)
    assert _adjust(made, 1).id.endswith(".1:adjust.1")
    assert ledger.adjust(made, attempt, 1, "").id.endswith(".1:adjust.2")


def test_a_counter_that_says_less_than_its_entries_is_named() -> None:
    """Or more, or nothing at all, or that has no entries."""
    books = Books({"gateway/total": Balance(5, -2)}, {}, {}, ())
    for stored, count in (({"gateway/total": Balance(4, -2)}, 1), ({"gateway/total": Balance(6, -1)}, 2), ({}, 2)):
        assert len(ledger.differences(books, stored, {}, {})) == count
    extra = {"gateway/total": Balance(5, -2), "key/k/total": Balance(0, 1)}
    assert len(ledger.differences(books, extra, {}, {})) == 1


def recount(*postings: Posting) -> Books:
    tally = ledger.Tally()
    for one in postings:
        tally.add(Entry(T0, one))
    return tally.books()


def test_differences_of_equal_books_are_none() -> None:
    """A counter of nothing is as good as none."""
    books = Books({"gateway/total": Balance(0, 0)}, {}, {}, ())
    assert ledger.differences(books, {}, {}, {}) == []
    assert ledger.differences(books, {"key/k/total": Balance(0, 0)}, {}, {}) == []


def test_a_hold_names_twelve_counters() -> None:
    """Key, project, provider and gateway; day, month and all time; in UTC."""
    names = ledger.counters_of("key_1", "proj_1", "mock", 1_795_305_599_999)
    assert len(set(names)) == 12
    assert names[:3] == ("key/key_1/day/2026-11-21", "key/key_1/month/2026-11", "key/key_1/total")
    assert names[-1] == "gateway/total"
    assert ledger.window_until_ms(1_795_305_599_999) == 1_795_305_600_000
    assert ledger.window_until_ms(1_795_305_600_000) == 1_795_392_000_000


def test_moves_follow_from_the_kind() -> None:
    """(held, settled) of each kind of entry."""
    made = video()
    found = [
        ledger.moves(one)
        for one in (ledger.hold(made, made.attempts[0]), settled(made, 7), voided(made), _adjust(made, -2))
    ]
    assert found == [Balance(PRICE, 0), Balance(-PRICE, 7), Balance(-PRICE, 0), Balance(0, -2)]
    assert ledger.moves(ledger.dispute(made, made.attempts[0], 7, reason="too much")) == Balance(0, 0)
    assert ledger.moves(replace(_adjust(made, -3), kind=Kind.CARRY)) == Balance(0, -3)
    assert {Kind.HOLD, Kind.SETTLE, Kind.VOID, Kind.ADJUST, Kind.DISPUTE, Kind.CARRY} == set(Kind)


@pytest.mark.parametrize("value", ["abc", "4.5", "", "1e3"])
async def test_verify_names_a_counter_that_is_no_number(books: Store, empty_redis: RedisServer, value: str) -> None:
    """Instead of stumbling over it."""
    await let_in(books)
    kept = empty_redis.client.dump(TOTAL)
    empty_redis.client.hset(TOTAL, "gateway/total:held", value)
    assert await books.verify() == [
        f"counter gateway/total says 0 micro-dollars held, its entries add up to {PRICE}",
    ]
    empty_redis.client.restore(TOTAL, 0, kept, replace=True)
