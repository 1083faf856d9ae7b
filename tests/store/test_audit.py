"""The books read from end to end, on a real server."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.moments import Period
from gateway.domain.reconcile import Booked, Gathering
from gateway.domain.videos import Video
from gateway.store import audit
from gateway.store.store import Store
from tests.store.samples import PRICE, apply, attempt, closed, following, let_in
from tests.support.redis import RedisServer


async def test_pages_hold_every_entry_once(books: Store) -> None:
    """In the ledger's order, whether or not the last page is full."""
    for number in range(1, 7):
        await let_in(books, number)
    whole, _ = await books.ledger_entries()
    for limit in (1, 2, 4, 6, 7):
        found = [page async for page in audit.pages(books, limit=limit)]
        assert [entry for page in found for entry in page] == whole
        assert max(map(len, found)) <= limit


async def test_an_empty_ledger_is_one_empty_page(books: Store) -> None:
    """No entry, no trouble."""
    assert [page async for page in audit.pages(books)] == [[]]


async def test_the_records_of_more_videos_than_one_batch_are_read(books: Store, empty_redis: RedisServer) -> None:
    """Ended and open ones, and those whose record is gone: the entry that ended them knows the job."""
    count = audit.RECORDS_MAX + 20
    made = [await _ended(books, number) for number in range(1, count + 1)]
    waiting = await let_in(books, count + 1, attempts=(replace(attempt(), ref={"id": f"job {count + 1}"}),))
    gone = made.pop()
    empty_redis.client.delete("{telecine}:video:" + gone.id)
    gathering = Gathering("mock", {f"job {number}" for number in range(1, count + 2)}, Period())
    await audit.gather(books, gathering)
    expected = [Booked(f"{one.id}.1", (f"job {number}",), number) for number, one in enumerate(made, 1)]
    expected.append(Booked(f"{gone.id}.1", (f"job {count}",), count))
    expected.append(Booked(f"{waiting.id}.1", (f"job {count + 1}",), 0, PRICE))
    assert list(gathering.booked) == expected


async def _ended(store: Store, number: int) -> Video:
    made = await let_in(store, number, attempts=(replace(attempt(), ref={"id": f"job {number}"}),))
    settle = ledger.settle(made, made.attempts[0], number, presumed=False, reason="finished")
    await apply(store, following(closed(made), settle))
    return made
