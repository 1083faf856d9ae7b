"""Disputes and losses of the house, as the store keeps them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Posting
from gateway.domain.videos import Video
from gateway.store.errors import BrokenRule
from gateway.store.outcomes import Committed, Stale
from gateway.store.store import Store
from tests.store.looks import counter, everything
from tests.store.samples import PRICE, apply, claimed, closed, following, let_in
from tests.support.redis import RedisServer


def settled(made: Video) -> Posting:
    return ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")


def disputed(made: Video) -> Posting:
    return ledger.dispute(made, made.attempts[0], 7, reason="far too much")


def word(made: Video, amount: int) -> Posting:
    return ledger.adjust(made, made.attempts[0], amount, "an operator's word", decides=True)


async def test_a_dispute_moves_nothing_and_its_word_what_is_accepted(books: Store, empty_redis: RedisServer) -> None:
    """It is told once, waits outside the counters, and is gone when it is decided."""
    made = await let_in(books)
    await apply(books, following(closed(made), settled(made), disputed(made)))
    name = f"{made.id}.1:dispute"
    assert counter(empty_redis, "gateway/total") == (0, PRICE)
    assert await books.disputes() == ({name: 7}, 1)
    told = [fields for _, fields in empty_redis.client.xrange("{telecine}:events")]
    assert [(one["kind"], one["entry"], one["amount"]) for one in told] == [("ledger.disputed", name, "7")]
    after = replace(closed(made), version=2)
    assert isinstance(await apply(books, following(after, word(made, 4))), Committed)
    assert counter(empty_redis, "gateway/total") == (0, PRICE + 4)
    assert await books.disputes() == ({}, 0)
    assert await books.verify() == []


async def test_a_dispute_is_about_something(books: Store) -> None:
    """A micro-dollar at least."""
    made = await let_in(books)
    with pytest.raises(BrokenRule, match="the amount of"):
        await apply(books, following(closed(made), settled(made), replace(disputed(made), amount_micros=0)))
    least = replace(disputed(made), amount_micros=1)
    assert isinstance(await apply(books, following(closed(made), settled(made), least)), Committed)


@pytest.mark.parametrize("amount", [-1, 8])
async def test_a_word_is_about_no_more_than_was_disputed(books: Store, empty_redis: RedisServer, amount: int) -> None:
    made = await let_in(books)
    await apply(books, following(closed(made), settled(made), disputed(made)))
    before = everything(empty_redis)
    with pytest.raises(BrokenRule, match="open: 7"):
        await apply(books, following(replace(closed(made), version=2), word(made, amount)))
    assert everything(empty_redis) == before


async def test_a_dispute_is_decided_once(books: Store, empty_redis: RedisServer) -> None:
    """In one change, with the dispute itself or alone, or in two."""
    made = await let_in(books)
    again = replace(word(made, 0), id="again")
    with pytest.raises(BrokenRule, match="open: false"):
        await apply(books, following(closed(made), settled(made), disputed(made), word(made, 7), again))
    await apply(books, following(closed(made), settled(made), disputed(made)))
    after = replace(closed(made), version=2)
    with pytest.raises(BrokenRule, match="open: false"):
        await apply(books, following(after, word(made, 7), again))
    await apply(books, following(after, word(made, 0)))
    with pytest.raises(BrokenRule, match="open: false"):
        await apply(books, following(replace(after, version=3), again))
    assert counter(empty_redis, "gateway/total") == (0, PRICE)


async def test_a_dispute_may_be_decided_in_the_change_that_makes_it(books: Store, empty_redis: RedisServer) -> None:
    made = await let_in(books)
    change = following(closed(made), settled(made), disputed(made), word(made, 7))
    assert isinstance(await apply(books, change), Committed)
    assert (counter(empty_redis, "gateway/total"), await books.disputes()) == ((0, PRICE + 7), ({}, 0))


async def test_a_change_aside_moves_neither_due_time_nor_lease(books: Store, empty_redis: RedisServer) -> None:
    """Whoever works on the video goes on, and finds its next commit stale."""
    made = await let_in(books)
    taken = await claimed(books)
    client = empty_redis.client
    before = client.zrange("{telecine}:due", 0, -1, withscores=True), client.hgetall("{telecine}:leases")
    aside = following(closed(made), settled(made), aside=True, due_ms=None)
    assert isinstance(await apply(books, aside), Committed)
    assert (client.zrange("{telecine}:due", 0, -1, withscores=True), client.hgetall("{telecine}:leases")) == before
    assert isinstance(await apply(books, following(made), token=taken.token, commit_id="late"), Stale)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda client, name: client.hdel("{telecine}:disputes", name), "is not open in the store and open with 7"),
        (lambda client, name: client.hset("{telecine}:disputes", name, 8), "is open with 8 micro-dollars in the store"),
        (lambda client, name: client.hset("{telecine}:disputes", "x:dispute", 1), "dispute x:dispute is open with 1"),
    ],
)
async def test_verify_names_a_dispute_that_is_not_the_entries(
    books: Store, empty_redis: RedisServer, spoil: Callable[..., object], said: str
) -> None:
    made = await let_in(books)
    await apply(books, following(closed(made), settled(made), disputed(made)))
    kept = empty_redis.client.dump("{telecine}:disputes")
    spoil(empty_redis.client, f"{made.id}.1:dispute")
    (found,) = await books.verify()
    assert said in found
    empty_redis.client.restore("{telecine}:disputes", 0, kept, replace=True)


async def test_a_loss_of_the_house_counts_for_provider_and_gateway(books: Store, empty_redis: RedisServer) -> None:
    """The hold leaves every counter; the amount comes to those that bear it, and so does what corrects it."""
    made = await let_in(books)
    loss = ledger.settle(made, made.attempts[0], 5, presumed=False, reason="broken", on_house=True)
    await apply(books, following(closed(made), loss))
    spared = replace(made.attempts[0], spared=loss.spared)
    await apply(books, following(replace(closed(made), version=2), ledger.adjust(made, spared, -2, "refund")))
    scopes = ("key/key_1", "project/proj_1", "provider/mock", "gateway")
    found = {scope: counter(empty_redis, f"{scope}/total") for scope in scopes}
    assert found == dict(zip(scopes, ((0, 0), (0, 0), (0, 3), (0, 3)), strict=True))
    assert await books.verify() == []
