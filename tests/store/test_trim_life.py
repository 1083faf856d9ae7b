"""Random books, trimmed at random: a plain bookkeeper that never forgets anything agrees with the store all along."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.budgets import Cap, Window
from gateway.domain.change import Change, Posting
from gateway.domain.ledger import DAY_MS
from gateway.domain.rulings import correct, decide
from gateway.domain.videos import Attempt, AttemptState, Video
from gateway.store.outcomes import Admitted, Capped, Committed
from gateway.store.store import Store
from tests.store.samples import T0, Clock, admission, apply, attempt, following, seed, video
from tests.store.trimming import retire, trim
from tests.support.redis import RedisServer

T = TypeVar("T")
RECORDS_MS = 2 * DAY_MS
ENTRIES_MS = 3 * DAY_MS

Deed = tuple[str, int, int]
KINDS = (
    *("admit", "admit", "settle", "house", "void", "dispute", "next", "correct", "decide"),
    *("hours", "days", "retire", "trim", "trim", "roll-up", "verify"),
)
DEEDS: st.SearchStrategy[list[Deed]] = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 7),
        st.integers(0, 900_000),
    ),
    max_size=60,
)


class Books:
    """`spent` and `held` by counter, from every posting that there ever was."""

    def __init__(self, server: RedisServer) -> None:
        server.client.flushall()
        self.server, self.runner = server, asyncio.Runner()
        self.clock = Clock(T0)
        self.store = Store(server.url, now_ms=self.clock)
        self.run(seed(self.store))
        self.videos: list[Video] = []
        self.made = 0
        self.trimmed = 0
        self.spent: defaultdict[str, int] = defaultdict(int)
        self.held: defaultdict[str, int] = defaultdict(int)

    def run(self, act: Awaitable[T]) -> T:
        async def wait() -> T:
            return await act

        return self.runner.run(wait())

    def close(self) -> None:
        self.run(self.store.close())
        self.runner.close()

    def do(self, deed: str, which: int, amount: int) -> None:
        match deed:
            case "admit":
                self.admit(amount)
            case "hours" | "days":
                self.clock.now_ms += (which + 1) * (DAY_MS // 6 if deed == "hours" else DAY_MS)
            case "retire":
                self.run(retire(self.store, self.clock, keep_ms=RECORDS_MS))
                self.videos = [one for one in self.videos if self.run(self.store.read(one.id)) is not None]
            case "trim":
                self.trim(twice=bool(which % 2))
            case "roll-up":
                self.run(self.store.catch_up())
            case "verify":
                assert self.run(self.store.verify()) == []
            case _ if self.videos:
                self.change(deed, self.videos[which % len(self.videos)], amount)

    def admit(self, price: int) -> None:
        self.made += 1
        now = self.clock.now_ms
        provider = "mock" if price % 2 else "other"
        made = video(self.made, attempts=(attempt(price=price, now_ms=now, provider=provider),))
        asked = admission(made)
        change = replace(asked.change, window_until_ms=ledger.window_until_ms(now))
        assert isinstance(self.run(self.store.admit(replace(asked, change=change))), Admitted)
        self.videos.append(made)
        self.book(change.postings)

    def change(self, deed: str, made: Video, amount: int) -> None:
        last = made.attempts[-1]
        is_open = last.state is not AttemptState.CLOSED
        if deed in ("correct", "decide"):
            if deed == "decide" and last.disputed_micros:
                self.commit(decide(amount % (last.disputed_micros + 1), "word")(made, last).video, made, deed, amount)
            elif deed == "correct" and not is_open and not last.disputed_micros and last.cost_micros != amount:
                self.commit(correct(amount, "bill")(made, last).video, made, deed, amount)
            return
        if not is_open and deed != "next":
            return
        money = self.end(made, last, deed, amount) if is_open else ()
        spent = next((one for one in money if one.released_micros and one.amount_micros), None)
        dispute = next((one.amount_micros for one in money if one.id.endswith(":dispute")), 0)
        after = replace(
            last, state=AttemptState.CLOSED, cost_micros=spent.amount_micros if spent else 0,
            spared=spent.spared if spent else 0, disputed_micros=dispute,
        )  # fmt: skip
        ended = replace(made, attempts=(*made.attempts[:-1], after)) if is_open else made
        window = 0
        if deed == "next" and len(made.attempts) < 4:
            new = attempt(last.ordinal + 1, price=amount, now_ms=self.clock.now_ms, provider="other")
            ended = replace(ended, attempts=(*ended.attempts, new))
            money = (*money, ledger.hold(ended, new))
            window = ledger.window_until_ms(self.clock.now_ms)
        due_ms = self.clock.now_ms if ended.attempts[-1].state is not AttemptState.CLOSED else None
        change = following(ended, *money, due_ms=due_ms, window_until_ms=window)
        self.applied(made, replace(change, video=replace(ended, version=made.version + 1)))

    def end(self, made: Video, last: Attempt, deed: str, amount: int) -> tuple[Posting, ...]:
        if deed in ("void", "next"):
            return (ledger.void(made, last, "refused"),)
        house = deed == "house"
        settle = ledger.settle(made, last, amount, presumed=house, reason="end", on_house=house)
        if deed != "dispute":
            return (settle,)
        return settle, ledger.dispute(made, last, amount + 1, reason="beyond belief")

    def commit(self, after: Video, made: Video, deed: str, amount: int) -> None:
        last = made.attempts[-1]
        ruling = decide(amount % (last.disputed_micros + 1), "word") if deed == "decide" else correct(amount, "bill")
        change = ruling(made, last)
        assert change.video == after
        self.applied(made, change)

    def applied(self, made: Video, change: Change) -> None:
        assert isinstance(self.run(apply(self.store, change)), Committed)
        self.videos[self.videos.index(made)] = change.video
        self.book(change.postings)

    def book(self, postings: tuple[Posting, ...]) -> None:
        for one in postings:
            move = ledger.moves(one)
            for at, name in enumerate(one.counters):
                self.held[name] += move.held_micros
                self.spent[name] += move.settled_micros if at >= one.spared else 0

    def trim(self, *, twice: bool) -> None:
        before = self.server.client.xlen("{telecine}:ledger")
        if twice:

            async def both() -> int:
                return sum(await asyncio.gather(*(trim(self.store, self.clock, keep_ms=ENTRIES_MS) for _ in range(2))))

            self.trimmed += self.run(both())
        else:
            self.trimmed += self.run(trim(self.store, self.clock, keep_ms=ENTRIES_MS))
        assert self.run(self.store.verify()) == []
        assert self.run(trim(self.store, self.clock, keep_ms=ENTRIES_MS)) == 0
        assert self.server.client.xlen("{telecine}:ledger") <= before + 40

    def agree(self) -> None:
        """Every counter is what it always was, or has left: its window is over, and nothing is held in it."""
        stored = {name: int(value) for name, value in self.server.client.hgetall("{telecine}:counters").items()}
        today = ledger.utc_day(self.clock.now_ms)
        for name in self.spent:
            held, settled = stored.get(f"{name}:held"), stored.get(f"{name}:settled")
            window = name.rpartition("/")[2]
            over = window != "total" and window < today[: len(window)]
            if held is None and settled is None and over:
                assert self.held[name] == 0
                continue
            assert (held or 0, settled or 0) == (self.held[name], self.spent[name]), name

    def caps_hold(self) -> None:
        """To the micro-dollar, whether entries are there or carried."""
        spent = self.spent["gateway/total"] + self.held["gateway/total"]
        for cap, fits in ((spent + 4, False), (spent + 5, True)):
            self.run(self.store.set_cap("gateway", Window.TOTAL, Cap(cap)))
            made = video(1_000, attempts=(attempt(price=5, now_ms=self.clock.now_ms),))
            asked = admission(made)
            change = replace(asked.change, window_until_ms=ledger.window_until_ms(self.clock.now_ms))
            outcome = self.run(self.store.admit(replace(asked, change=change)))
            assert isinstance(outcome, Admitted if fits else Capped)


@pytest.mark.parametrize("books", [60, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(3_600)])])
def test_trimmed_books_are_the_same_books(empty_redis: RedisServer, books: int) -> None:
    """Balances, budgets and caps are exact before and after; trimming again, or by two at once, changes nothing."""
    trimmed = 0

    @settings(max_examples=books, suppress_health_check=list(HealthCheck))
    @given(deeds=DEEDS)
    def play(deeds: list[Deed]) -> None:
        nonlocal trimmed
        one = Books(empty_redis)
        try:
            for deed in [("admit", 0, 7), ("admit", 0, 500_000), *deeds]:
                one.do(*deed)
                one.agree()
            for last in [("settle", at, 7) for at in range(8)] + [("days", 7, 0), ("retire", 0, 0), ("roll-up", 0, 0)]:
                one.do(*last)
            one.do("trim", 1, 0)
            one.agree()
            one.caps_hold()
            assert one.run(one.store.verify()) == []
            trimmed += one.trimmed
        finally:
            one.close()

    play()
    assert trimmed > 2 * books
