"""Usage in the store: whoever rolls up, however often and wherever it dies, every entry counts once;
every answer is exact at its moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Kind, Posting
from gateway.domain.ledger import DAY_MS, Entry, utc_day, window_until_ms
from gateway.domain.usage import Sums
from gateway.domain.usage_query import Query, read_query
from gateway.domain.usage_report import Report
from gateway.domain.videos import Video
from gateway.store.outcomes import Admitted, Committed
from gateway.store.store import Store
from gateway.store.usage import Bounds, TooManyCells, UsageBehind
from tests.domain.test_usage import shown
from tests.store.samples import T0, Clock, admission, apply, closed, following, let_in, seed
from tests.support.redis import RedisServer
from tests.support.stories import Story, figures_of, steps, stories

T = TypeVar("T")
FIRST = utc_day(T0)
HASHES = {f"key_{project}{key}": f"{project}{key}" * 32 for project in (1, 2) for key in (1, 2)}
CURSOR = "{telecine}:usage_cursor"
CLIP = Story(1, 1, "mock", "sora-2", 1, 400_000, 900_000, 0, "clip", 0, 300_000, ())


def asked(**fields: str) -> Query:
    week = {"from": FIRST, "until": utc_day(T0 + 7 * DAY_MS)}
    return read_query({**week, **fields}, T0)


async def people(store: Store) -> None:
    for name, digest in HASHES.items():
        await seed(store, f"proj_{name[4]}", name, digest)


class Books:
    """Stories told to a store one step after the other, at their times, and the entries that they left."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.entries: list[Entry] = []
        self.versions: dict[str, int] = {}
        self.numbers = 0

    def tell(self, story: Story) -> list[tuple[int, Video, Posting]]:
        self.numbers += 1
        return steps(self.numbers, story)

    async def book(self, step: tuple[int, Video, Posting]) -> None:
        at_ms, made, posting = step
        self.clock.now_ms = at_ms
        if posting.kind is Kind.HOLD:
            asked = admission(made, key_hash=HASHES[made.key_id])
            change = replace(asked.change, window_until_ms=window_until_ms(at_ms))
            outcome: object = await self.store.admit(replace(asked, change=change))
        else:
            version = self.versions.get(made.id, made.version)
            outcome = await apply(self.store, following(replace(closed(made), version=version), posting))
        assert isinstance(outcome, Admitted | Committed), outcome
        self.versions[made.id] = self.versions.get(made.id, made.version - 1) + 1
        self.entries.append(Entry(at_ms, posting))


@pytest.fixture
async def told(books: Store, clock: Clock) -> Books:
    await people(books)
    return Books(books, clock)


def lines(report: Report) -> dict[str | None, dict[str, int]]:
    return {one.values[0]: shown(one.sums) for one in report.lines if any(shown(one.sums).values())}


# --- a random life ------------------------------------------------------------------------------------------------


class Rolling(RuleBasedStateMachine):
    server: RedisServer  # set by the test
    examples = 0

    def __init__(self) -> None:
        super().__init__()
        self.server.client.flushall()
        self.runner = asyncio.Runner()
        self.clock = Clock(T0)
        self.store = Store(self.server.url, now_ms=self.clock)
        self.run(people(self.store))
        self.books = Books(self.store, self.clock)
        self.waiting: list[tuple[int, Video, Posting]] = []
        self.looked: list[str] = []  # where rollers found the cursor, and may come back with
        self.rolled = 0

    def run(self, act: Awaitable[T]) -> T:
        async def wait() -> T:
            return await act

        return self.runner.run(wait())

    def teardown(self) -> None:
        self.run(self.store.catch_up())
        assert self.run(self.store.verify()) == []
        assert int(self.server.client.xlen("{telecine}:ledger")) == len(self.books.entries)
        self.run(self.store.close())
        self.runner.close()
        type(self).examples += 1

    @rule(story=stories())
    def begin(self, story: Story) -> None:
        """Steps of earlier days come first: the ledger's time does not go back."""
        self.waiting += self.books.tell(story)
        self.waiting.sort(key=lambda step: step[0])
        if self.books.entries and self.waiting[0][0] < self.books.entries[-1].at_ms:
            late = {made.id for at_ms, made, _ in self.waiting if at_ms < self.books.entries[-1].at_ms}
            self.waiting = [
                step for step in self.waiting if step[1].id not in late or step[1].id in self.books.versions
            ]

    @precondition(lambda self: self.waiting)
    @rule(count=st.integers(1, 4))
    def book(self, count: int) -> None:
        for step in self.waiting[:count]:
            self.run(self.books.book(step))
        del self.waiting[:count]

    @rule()
    def look(self) -> None:
        """A roller reads the cursor, and is slow, or dies."""
        self.looked.append(self.run(self.store.usage_cursor()))

    @precondition(lambda self: self.looked)
    @rule(data=st.data(), limit=st.integers(1, 5), rows_max=st.sampled_from([1, 2, 2_000]))
    def roll(self, data: st.DataObject, limit: int, rows_max: int) -> None:
        """With a cursor that may have moved long ago."""
        cursor = data.draw(st.sampled_from(self.looked))
        before = self.run(self.store.usage_cursor())
        rolled = self.run(self.store.roll_up(cursor, limit=limit, rows_max=rows_max))
        assert rolled.moved == (rolled.entries > 0 and cursor == before)
        assert self.run(self.store.usage_cursor()) == (rolled.cursor if rolled.moved else before)

    @rule(limit=st.integers(1, 3), rollers=st.integers(2, 4))
    def race(self, limit: int, rollers: int) -> None:
        """Several at once, and one of them counts."""

        async def all_at_once() -> list[bool]:
            cursor = await self.store.usage_cursor()
            found = await asyncio.gather(*(self.store.roll_up(cursor, limit=limit) for _ in range(rollers)))
            return [one.moved for one in found]

        assert sum(self.run(all_at_once())) <= 1

    @invariant()
    def every_answer_is_exact(self) -> None:
        name = ("day", "project", "model", "key")[len(self.books.entries) % 4]
        query = asked(group_by=name)
        found = self.run(self.store.usage(query))
        assert lines(found) == figures_of(self.books.entries, name, query.each_day())


def test_however_it_is_rolled_up_every_entry_counts_once(empty_redis: RedisServer) -> None:
    Rolling.server = empty_redis
    run_state_machine_as_test(
        Rolling,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Rolling.examples >= 20


async def test_answers_stay_exact_while_all_of_it_moves(told: Books, clock: Clock) -> None:
    """Entries come, several roll up, and everyone who asks meanwhile sees whole entries, each once."""
    store, done = told.store, asyncio.Event()

    async def come() -> None:
        for _ in range(60):
            for step in told.tell(CLIP):
                await told.book(step)
        done.set()

    async def roll() -> None:
        while not done.is_set():
            await store.roll_up(await store.usage_cursor(), limit=3)

    async def ask(query: Query) -> int:
        seen, asked_times = Sums(), 0
        while not done.is_set():
            total = (await store.usage(query)).total
            assert total.completed >= seen.completed
            assert total.spent == 300_000 * total.completed
            assert 0 <= total.held <= 400_000
            seen, asked_times = total, asked_times + 1
        return asked_times

    every, own = asked(), replace(asked(), project="proj_1")
    _, _, _, times, more = await asyncio.gather(come(), roll(), roll(), ask(every), ask(own))
    assert min(times, more) > 5
    assert (await store.usage(every)).total == Sums(60, 60 * 300_000, 60 * 300_000, 0, 0, 0, 60 * 900_000)


# --- bounds -------------------------------------------------------------------------------------------------------


async def test_a_full_cell_tells_no_further_tags_apart(told: Books) -> None:
    """What was known before stays known, and nothing is lost."""
    store = told.store
    for number in range(6):
        for at_ms, plain, posting in told.tell(CLIP):
            made = replace(plain, request=replace(plain.request, metadata={"n": str(number % 4)}))
            await told.book((at_ms, made, replace(posting, tags=ledger.tags_text(made))))
    while (await store.roll_up(await store.usage_cursor(), limit=5, rows_max=2)).moved:
        pass
    report = await store.usage(asked(group_by="tag:n"))
    assert [(one.values[0], one.other, one.sums.completed) for one in report.lines] == [
        ("0", False, 2),
        ("1", False, 2),
        (None, True, 2),
    ]
    assert report.total.completed == 6
    assert await store.verify() == []


async def test_a_query_adds_up_only_so_much_by_itself(told: Books) -> None:
    """Too long a tail, too many cells: told, not attempted."""
    for _ in range(3):
        for step in told.tell(CLIP):
            await told.book(step)
    few = Bounds(cells=1, tail=4, page=2)
    with pytest.raises(UsageBehind):
        await told.store.usage(asked(), bounds=few)
    await told.store.catch_up()
    assert (await told.store.usage(asked(), bounds=few)).total.completed == 3
    with pytest.raises(TooManyCells):
        await told.store.usage(asked(), bounds=Bounds(cells=0))


async def test_what_is_too_large_to_count_is_refused_whole(told: Books, empty_redis: RedisServer) -> None:
    """A foreign hand in a row: the page is not counted, the cursor stays."""
    for step in told.tell(CLIP):
        await told.book(step)
    await told.store.catch_up()
    cursor = empty_redis.client.get(CURSOR)
    cell = f"{{telecine}}:usage:{FIRST} proj_1"
    ((row, sums),) = empty_redis.client.hgetall(cell).items()
    for wrong in ("1 x", f"0 0 0 0 0 {2**53 - 1}", "1.5"):
        empty_redis.client.hset(cell, row, wrong)
        for step in told.tell(CLIP)[:1]:
            await told.book(step)
        with pytest.raises(Exception, match=FIRST):
            await told.store.roll_up(str(cursor))
        assert empty_redis.client.get(CURSOR) == cursor
    empty_redis.client.hset(cell, row, sums)
    await told.store.catch_up()


# --- the proof ----------------------------------------------------------------------------------------------------


async def test_verify_names_a_row_that_is_wrong(told: Books, empty_redis: RedisServer) -> None:
    """And one that is missing, and one too many; a trimmed ledger proves the days that are whole."""
    store, client = told.store, empty_redis.client
    for story in (CLIP, replace(CLIP, begins=1), replace(CLIP, begins=2)):
        for step in told.tell(story):
            await told.book(step)
    await store.catch_up()
    assert await store.verify() == []
    first, last = (f"{{telecine}}:usage:{utc_day(T0 + days * DAY_MS)} proj_1" for days in (0, 2))
    kept = {name: client.hgetall(name) for name in (first, last)}
    for name, rows in kept.items():
        for row, sums in rows.items():
            client.hset(name, row, sums.replace("300000", "300001", 1))
    found = await store.verify()
    assert [one.partition(" says")[0] for one in found] == [
        f"usage of proj_1 on {utc_day(T0 + days * DAY_MS)}" for days in (0, 2)
    ]
    for name, rows in kept.items():
        client.hset(name, mapping=rows)
    assert await store.verify() == []


async def test_entries_from_before_there_were_rows_are_rolled_up(told: Books, empty_redis: RedisServer) -> None:
    """An older gateway's entries lack some fields, and have others empty."""
    for step in told.tell(replace(CLIP, end="settle")):
        await told.book(step)
    client = empty_redis.client
    rows = client.xrange("{telecine}:ledger")
    client.delete("{telecine}:ledger")
    for _, fields in rows:
        client.xadd("{telecine}:ledger", {"answers": "", "presumed": "", "tags": "", **fields})
    await told.store.catch_up()
    total = (await told.store.usage(asked())).total
    assert (total.spent, total.completed, total.held) == (300_000, 0, 0)


async def test_an_entry_leaves_out_what_is_empty(books: Store, empty_redis: RedisServer) -> None:
    """Four times in five nothing is presumed, spared or delivered."""
    await let_in(books)
    ((_, fields),) = empty_redis.client.xrange("{telecine}:ledger")
    assert all(fields.values())
    assert not {"answers", "presumed", "reason", "delivered", "dearest"} & set(fields)
