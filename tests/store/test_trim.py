"""Trimming the ledger: whole attempts leave it, carries take their place, and every balance stays what it was."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.budgets import Cap, Window
from gateway.domain.change import Admission, Kind
from gateway.domain.ledger import DAY_MS
from gateway.domain.trimming import Sheaf
from gateway.domain.usage_query import read_query
from gateway.domain.videos import Video
from gateway.store.audit import pages
from gateway.store.errors import BrokenRule, LedgerTrimmed
from gateway.store.outcomes import Capped, Trim
from gateway.store.store import Store
from tests.store.looks import counter, everything
from tests.store.samples import PRICE, T0, Clock, admission, apply, attempt, closed, following, let_in, video
from tests.store.trimming import KEEP_MS, kinds, sheaves_of, trim
from tests.support.redis import RedisServer


async def gone(store: Store, clock: Clock, *numbers: int, amount: int = PRICE) -> list[Video]:
    """Settled videos whose records were removed, and whose entries are old."""
    ended = []
    for number in numbers:
        made = await let_in(store, number)
        settle = ledger.settle(made, made.attempts[0], amount, presumed=False, reason="finished")
        change = following(closed(made), settle, due_ms=None)
        await apply(store, change)
        ended.append(change.video)
    clock.now_ms += KEEP_MS
    for one in ended:
        assert await store.remove(one.id, one, keep_ms=1)
    return ended


# --- what leaves and what comes ----------------------------------------------------------------------------------


async def test_a_carry_takes_the_place_of_what_leaves(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """One for each counter that lives on; counters of windows that are over leave with their entries."""
    await gone(books, clock, 1, 2)
    await books.catch_up()
    before = {scope: counter(empty_redis, f"{scope}/total") for scope in ("gateway", "project/proj_1", "key/key_1")}
    assert await trim(books, clock) == 4
    entries, _ = await books.ledger_entries()
    assert {one.posting.kind for one in entries} == {Kind.CARRY}
    assert sorted(one.posting.counters[0] for one in entries) == [
        "gateway/total", "key/key_1/total", "project/proj_1/total", "provider/mock/total",
    ]  # fmt: skip
    assert {one.posting.amount_micros for one in entries} == {2 * PRICE}
    assert {one.posting.reason for one in entries} == {"entries from 2026-11-20 to 2026-11-20"}
    owners = {
        one.posting.counters[0]: (one.posting.key_id, one.posting.project, one.posting.provider) for one in entries
    }
    assert owners["key/key_1/total"] == ("key_1", "", "")
    assert owners["provider/mock/total"] == ("", "", "mock")
    assert owners["gateway/total"] == ("", "", "")
    for scope, balance in before.items():
        assert counter(empty_redis, f"{scope}/total") == balance
    assert all("/total:" in name for name in empty_redis.client.hkeys("{telecine}:counters"))
    assert await books.trimmed_until_ms() == T0


async def test_windows_that_are_not_over_are_carried(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """However short the ledger is kept: today's budget must not forget what was spent today."""
    clock.now_ms = T0
    (made,) = await gone_now(books, clock)
    await books.catch_up()
    assert await trim(books, clock, keep_ms=1) == 2
    for name in made.attempts[0].counters:
        assert counter(empty_redis, name) == (0, PRICE)
    assert len((await books.ledger_entries())[0]) == 12


async def gone_now(store: Store, clock: Clock) -> list[Video]:
    made = await let_in(store)
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    change = following(closed(made), settle, due_ms=None)
    await apply(store, change)
    clock.now_ms += 1
    assert await store.remove(made.id, change.video, keep_ms=1)
    return [change.video]


async def test_a_counter_has_one_carry(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """The next trimming takes the earlier one in; between them new entries come and go."""
    for number in (1, 2, 3):
        start = clock.now_ms
        made = video(number, attempts=(attempt(now_ms=start),))
        await books.admit(replace_window(made, start))
        settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
        change = following(closed(made), settle, due_ms=None)
        await apply(books, change)
        clock.now_ms += KEEP_MS
        await books.remove(made.id, change.video, keep_ms=1)
        await books.catch_up()
        assert await trim(books, clock) == 2
        entries, _ = await books.ledger_entries()
        assert len(entries) == 4
        assert {one.posting.amount_micros for one in entries} == {number * PRICE}
    assert {one.posting.reason for one in entries} == {f"entries from 2026-11-20 to {ledger.utc_day(start)}"}


def replace_window(made: Video, now_ms: int) -> Admission:
    asked = admission(made)
    return replace(asked, change=replace(asked.change, window_until_ms=ledger.window_until_ms(now_ms)))


async def test_what_was_spared_is_carried_so(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """A loss of the house never was the project's, before or after."""
    made = await let_in(books)
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=True, reason="lost", on_house=True)
    change = following(closed(made), settle, due_ms=None)
    await apply(books, change)
    clock.now_ms += KEEP_MS
    await books.remove(made.id, change.video, keep_ms=1)
    await books.catch_up()
    assert await trim(books, clock) == 2
    entries, _ = await books.ledger_entries()
    assert sorted(one.posting.counters[0] for one in entries) == ["gateway/total", "provider/mock/total"]
    assert counter(empty_redis, "project/proj_1/total") == (0, 0)
    assert counter(empty_redis, "provider/mock/total") == (0, PRICE)


async def test_a_cap_holds_to_the_micro_dollar_after_trimming(
    books: Store, clock: Clock, empty_redis: RedisServer
) -> None:
    """What was spent counts, whether its entries are there or carried."""
    await gone(books, clock, 1, 2)
    await books.catch_up()
    await trim(books, clock)
    await books.set_cap("gateway", Window.TOTAL, Cap(3 * PRICE - 1))
    made = video(3, attempts=(attempt(now_ms=clock.now_ms),))
    asked = replace_window(made, clock.now_ms)
    assert await books.admit(asked) == Capped("gateway/total", 3 * PRICE - 1, 0, 2 * PRICE)
    await books.set_cap("gateway", Window.TOTAL, Cap(3 * PRICE))
    assert not isinstance(await books.admit(asked), Capped)


async def test_usage_is_told_as_before(books: Store, clock: Clock) -> None:
    """Its rows were rolled up before anything left, and are proven as far as entries can."""
    await gone(books, clock, 1, 2)
    await books.catch_up()
    query = read_query({"from": "2026-11-01", "until": "2026-12-01"}, clock.now_ms)
    before = await books.usage(query)
    assert before.total.spent == 2 * PRICE
    assert await trim(books, clock) == 4
    assert await books.usage(query) == before
    assert await books.verify() == []


# --- what stays --------------------------------------------------------------------------------------------------


async def test_nothing_leaves_before_its_time(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """By the store's own clock, whatever the asker thinks."""
    (made,) = await gone(books, clock, 1)
    await books.catch_up()
    sheaves = await sheaves_of(books, made)
    clock.now_ms -= 1
    assert await trim(books, clock) == 0
    assert await books.trim(sheaves, now_ms=clock.now_ms + DAY_MS, keep_ms=KEEP_MS) == Trim.KEPT
    clock.now_ms += 1
    assert await books.trim(sheaves, now_ms=clock.now_ms, keep_ms=KEEP_MS) == Trim.TRIMMED


async def test_nothing_leaves_that_is_not_rolled_up(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Without a position of the roll-up, nothing at all; behind it, nothing."""
    (made,) = await gone(books, clock, 1)
    sheaves = await sheaves_of(books, made)
    assert await trim(books, clock) == 0
    assert await books.trim(sheaves, now_ms=clock.now_ms, keep_ms=KEEP_MS) == Trim.KEPT
    empty_redis.client.set("{telecine}:usage_cursor", sheaves[0].ids[0])
    assert await trim(books, clock) == 0
    assert await books.trim(sheaves, now_ms=clock.now_ms, keep_ms=KEEP_MS) == Trim.KEPT
    await books.catch_up()
    assert await trim(books, clock) == 2


async def test_entries_of_a_record_that_is_there_stay(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    made = await let_in(books)
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    await apply(books, following(closed(made), settle, due_ms=None))
    clock.now_ms += KEEP_MS
    await books.catch_up()
    assert await trim(books, clock) == 0
    sheaves = await sheaves_of(books, made)
    assert await books.trim(sheaves, now_ms=clock.now_ms, keep_ms=KEEP_MS) == Trim.KEPT


async def test_an_open_or_disputed_attempt_stays_and_holds_up_no_other(
    books: Store, clock: Clock, empty_redis: RedisServer
) -> None:
    """Whatever became of its record."""
    held = await let_in(books, 1)
    other = await let_in(books, 2)
    settle = ledger.settle(other, other.attempts[0], PRICE, presumed=False, reason="finished")
    dispute = ledger.dispute(other, other.attempts[0], 7, reason="beyond belief")
    await apply(books, following(closed(other), settle, dispute, due_ms=None))
    await gone(books, clock, 3)
    await books.catch_up()
    empty_redis.client.hset("{telecine}:amended", mapping={f"{held.id}.1": 1, f"{other.id}.1": 3})
    records = [f"{{telecine}}:video:{one.id}" for one in (held, other)]
    for record in records:
        empty_redis.client.rename(record, record + "-away")
    assert await trim(books, clock) == 2
    entries, _ = await books.ledger_entries()
    # The day and the month are over, but what is open counts into them: all twelve counters stay.
    assert kinds(entries) == ["hold", "hold", "settle", "dispute", *["carry"] * 12]
    for record in records:
        empty_redis.client.rename(record + "-away", record)


async def test_an_attempt_leaves_with_all_its_entries(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """A correction that came later keeps its attempt until it is old enough itself."""
    made = await let_in(books)
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    change = following(closed(made), settle, due_ms=None)
    await apply(books, change)
    clock.now_ms += KEEP_MS // 2
    adjust = ledger.adjust(change.video, change.video.attempts[0], -3, "bill")
    corrected = following(change.video, adjust, aside=True, due_ms=None)
    await apply(books, corrected)
    clock.now_ms += KEEP_MS // 2
    await books.remove(made.id, corrected.video, keep_ms=1)
    await books.catch_up()
    assert await trim(books, clock) == 0
    sheaves = [Sheaf(made.id, f"{made.id}.1", (await sheaves_of(books, made))[0].ids[:2])]
    assert await books.trim(sheaves, now_ms=clock.now_ms, keep_ms=KEEP_MS) == Trim.KEPT
    clock.now_ms += KEEP_MS // 2
    assert await trim(books, clock) == 3
    assert counter(empty_redis, "gateway/total") == (0, PRICE - 3)
    assert not empty_redis.client.exists("{telecine}:amended")


async def test_an_unknown_kind_keeps_its_attempt(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Of a gateway that is newer than this one."""
    (made,) = await gone(books, clock, 1)
    empty_redis.client.hset("{telecine}:amended", f"{made.id}.1", 3)
    sheaves = await sheaves_of(books, made)
    fields = dict(empty_redis.client.xrange("{telecine}:ledger")[1][1])
    await books.catch_up()
    new = empty_redis.client.xadd("{telecine}:ledger", {**fields, "id": "x", "kind": "new"})
    empty_redis.client.set("{telecine}:usage_cursor", new)
    assert await trim(books, clock) == 0
    sheaves[0].ids.append(new)
    assert await books.trim(sheaves, now_ms=clock.now_ms, keep_ms=KEEP_MS) == Trim.KEPT
    empty_redis.client.xdel("{telecine}:ledger", new)
    empty_redis.client.set("{telecine}:usage_cursor", sheaves[0].ids[1])


# --- twice, together, while somebody reads -----------------------------------------------------------------------


async def test_two_trimmers_trim_once(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Whoever comes second finds the entries gone and changes nothing."""
    ended = await gone(books, clock, 1, 2, 3)
    await books.catch_up()
    sheaves = [one for made in ended for one in await sheaves_of(books, made)]
    tries = (books.trim(sheaves, now_ms=clock.now_ms, keep_ms=KEEP_MS) for _ in range(3))
    assert sorted(await asyncio.gather(*tries)) == [Trim.MOVED, Trim.MOVED, Trim.TRIMMED]
    before = everything(empty_redis)
    assert await trim(books, clock) == 0
    assert everything(empty_redis) == before


async def test_nobody_trims_what_somebody_reads(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """From end to end, that is: an export, a comparison with a bill, a verification. Then the note is gone."""
    await gone(books, clock, 1, 2)
    await books.catch_up()
    async for page in pages(books, limit=3):
        assert await trim(books, clock) == 0
        assert len(page) in (1, 3)
    assert await trim(books, clock) == 4


async def test_a_reader_that_was_too_slow_is_told(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Half of its entries may be in a carry."""
    await gone(books, clock, 1, 2)
    await books.catch_up()
    with pytest.raises(LedgerTrimmed):
        async for _ in pages(books, limit=3):
            empty_redis.client.delete("{telecine}:reading")
            assert await trim(books, clock) == 4


# --- tampering ---------------------------------------------------------------------------------------------------


async def test_a_carry_that_was_touched_is_found(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Gone, changed or doubled: verification names it."""
    await gone(books, clock, 1)
    await books.catch_up()
    await trim(books, clock)
    stream, client = "{telecine}:ledger", empty_redis.client
    (first, fields), *_ = client.xrange(stream)
    name, amount = fields["counters"], int(fields["amount"])
    client.xdel(stream, first)
    assert await books.verify() == [f"counter {name} says {amount} micro-dollars settled, its entries add up to 0"]
    more = client.xadd(stream, {**fields, "amount": amount + 1})
    assert await books.verify() == [
        f"counter {name} says {amount} micro-dollars settled, its entries add up to {amount + 1}"
    ]
    client.xdel(stream, more)
    two = [client.xadd(stream, {**fields, "id": f"x{part}", "amount": part}) for part in (1, amount - 1)]
    assert await books.verify() == [f"entry x{amount - 1} carries {name}, which another carries too"]
    client.xdel(stream, *two)
    odd = client.xadd(stream, {**fields, "counters": f"{name}\n{name}", "amount": amount // 2})
    assert await books.verify() == [f"entry {fields['id']} is no carry of one counter"]
    client.xdel(stream, odd)
    client.hset("{telecine}:carried", name, client.xadd(stream, fields))


async def test_books_that_do_not_balance_are_not_trimmed(books: Store, clock: Clock, empty_redis: RedisServer) -> None:
    """Evidence stays where it is."""
    (made,) = await gone(books, clock, 1)
    await books.catch_up()
    client = empty_redis.client
    hold, end = client.xrange("{telecine}:ledger")
    forged = client.xadd("{telecine}:ledger", {**hold[1], "amount": PRICE + 1})
    client.set("{telecine}:usage_cursor", forged)
    before = everything(empty_redis)
    with pytest.raises(BrokenRule, match="whole attempts leave 1 held"):
        await books.trim([Sheaf(made.id, f"{made.id}.1", [end[0], forged])], now_ms=clock.now_ms, keep_ms=KEEP_MS)
    assert everything(empty_redis) == before
    client.xdel("{telecine}:ledger", forged)
    client.set("{telecine}:usage_cursor", end[0])
