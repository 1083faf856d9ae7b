"""A random life against a plain bookkeeper: in whatever order admissions, claims, stale and repeated commits, rests and
deaths come, the store and a few lines of Python agree on every video, every counter, every lease and every due time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.budgets import Cap, Window, budget_of, counter_of
from gateway.domain.change import Change, Kind, Posting
from gateway.domain.videos import AttemptState, Video, encode_video
from gateway.store.outcomes import Admitted, Capped, Committed, Crossed, Rest, Stale, WindowPassed
from gateway.store.store import Store
from tests.store.samples import T0, Clock, admission, apply, attempt, following, seed, video
from tests.support.redis import RedisServer

T = TypeVar("T")
LEASE_MS = 20_000


class Lease(Struct):
    token: str
    until_ms: int
    mark: bool = False


class Known(Struct):
    """What the bookkeeper knows of one video."""

    video: Video
    last: tuple[Change, str, str | None] | None = None  # the last commit that was applied
    due_ms: int | None = None
    lease: Lease | None = None
    claims: int = 0


class Life(RuleBasedStateMachine):
    server: RedisServer  # set by the test
    examples = 0

    def __init__(self) -> None:
        super().__init__()
        self.server.client.flushall()
        self.runner = asyncio.Runner()
        self.clock = Clock(T0 - T0 % ledger.DAY_MS + ledger.DAY_MS - 120_000)  # two minutes to midnight
        self.store = Store(self.server.url, now_ms=self.clock)
        self.run(seed(self.store))
        self.videos: dict[str, Known] = {}
        self.held: dict[str, int] = {}
        self.settled: dict[str, int] = {}
        self.commits = 0
        self.ledger_ms = 0
        self.old_tokens: list[tuple[str, str]] = []
        self.caps: dict[str, int] = {}
        self.disputes: dict[str, int] = {}  # not decided yet
        self.told: dict[str, tuple[int, int]] = {}  # by counter: the cap, and the percentage that was told

    def run(self, act: Awaitable[T]) -> T:
        async def wait() -> T:
            return await act

        return self.runner.run(wait())

    def teardown(self) -> None:
        assert self.run(self.store.verify()) == []
        self.run(self.store.close())
        self.runner.close()
        type(self).examples += 1

    # --- the bookkeeper -------------------------------------------------------------------------------------------

    def book(self, postings: tuple[Posting, ...]) -> None:
        for one in postings:
            move = ledger.moves(one)
            for at, name in enumerate(one.counters):
                self.held[name] = self.held.get(name, 0) + move.held_micros
                self.settled[name] = self.settled.get(name, 0) + (move.settled_micros if at >= one.spared else 0)
            if one.kind is Kind.DISPUTE:
                self.disputes[one.id] = one.amount_micros
            self.disputes.pop(one.answers or "", None)
        self.commits += 1
        if postings:
            self.ledger_ms = max(self.ledger_ms, self.clock.now_ms)

    def capped(self, postings: tuple[Posting, ...]) -> Capped | None:
        """The first counter of a new hold whose cap the postings together would pass."""
        moved: dict[str, int] = {}
        for one in postings:
            move = ledger.moves(one)
            for at, name in enumerate(one.counters):
                settled = move.settled_micros if at >= one.spared else 0
                moved[name] = moved.get(name, 0) + move.held_micros + settled
        holding = {name for one in postings if one.kind is Kind.HOLD and one.amount_micros for name in one.counters}
        for name, by in moved.items():
            cap, held, settled = self.caps.get(budget_of(name)), self.held.get(name, 0), self.settled.get(name, 0)
            if cap is not None and name in holding and held + settled + by > cap:
                return Capped(name, cap, held, settled)
        return None

    def crossed(self, postings: tuple[Posting, ...]) -> tuple[Crossed, ...]:
        """What is told after the postings were booked: half of a cap, all of it, more than it; each
        once, also when several are passed together."""
        return self.told_of(name for one in postings for name in one.counters)

    def told_of(self, counters: Iterable[str]) -> tuple[Crossed, ...]:
        found = []
        for name in dict.fromkeys(counters):
            cap, total = self.caps.get(budget_of(name)), self.held.get(name, 0) + self.settled.get(name, 0)
            if cap is None:
                continue
            reached = [p for p in (50, 100) if total > 0 and total * 100 >= cap * p] + [101] * (total > cap)
            of, told = self.told.get(name, (-1, 0))
            new = [percent for percent in reached if of != cap or told < percent]
            found += [Crossed(name, percent, total, cap) for percent in new]
            if new:
                self.told[name] = (cap, new[-1])
        return tuple(found)

    def book_due(self, known: Known, change: Change, token: str | None) -> None:
        if change.aside:
            return
        lease, now = known.lease, self.clock.now_ms
        mine = lease is not None and lease.token == token
        if lease is not None and not mine and lease.until_ms > now:
            lease.mark = True
            return
        if change.keep_lease_ms and token is not None:
            until_ms = now + change.keep_lease_ms
            known.lease = Lease(token, until_ms, lease is not None and lease.mark)
            known.due_ms = until_ms
            return
        due_ms = change.due_ms
        if due_ms is not None and lease is not None and lease.mark:
            due_ms = min(due_ms, now)
        if due_ms is not None and not mine and known.due_ms is not None:
            due_ms = min(due_ms, known.due_ms)
        known.due_ms, known.lease = due_ms, None

    def pick(self, data: st.DataObject) -> Known:
        return self.videos[data.draw(st.sampled_from(sorted(self.videos)))]

    # --- what happens ---------------------------------------------------------------------------------------------

    @rule(
        scope=st.sampled_from(["key/key_1", "project/proj_1", "provider/mock", "provider/other", "gateway"]),
        window=st.sampled_from(list(Window)),
        cap=st.sampled_from([None, 0, 1, 400_000, 1_200_001, 2**40 + 400_000]),
    )
    def set_cap(self, scope: str, window: Window, cap: int | None) -> None:
        """Also below what is spent already: that is told, and bars what comes."""
        if cap is None:
            assert self.run(self.store.remove_cap(scope, window)) == (f"{scope}/{window}" in self.caps)
            self.caps.pop(f"{scope}/{window}", None)
        else:
            told = self.run(self.store.set_cap(scope, window, Cap(cap, (50, 100))))
            self.caps[f"{scope}/{window}"] = cap
            assert told == self.told_of([counter_of(f"{scope}/{window}", max(self.clock.now_ms, self.ledger_ms))])

    @rule(price=st.sampled_from([0, 1, 400_000, 2**40]))
    def admit(self, price: int) -> None:
        number, now = len(self.videos) + 1, self.clock.now_ms
        made = video(number, attempts=(attempt(price=price, now_ms=max(now, self.ledger_ms)),))
        asked = admission(made, due_ms=now)
        window = ledger.window_until_ms(max(now, self.ledger_ms))
        asked = replace(asked, change=replace(asked.change, window_until_ms=window))
        if capped := self.capped(asked.change.postings):
            assert self.run(self.store.admit(asked)) == capped
            return
        outcome = self.run(self.store.admit(asked))
        self.videos[made.id] = Known(made, None, now)
        self.book(asked.change.postings)
        assert outcome == Admitted(now, self.commits, self.crossed(asked.change.postings))
        assert self.run(self.store.admit(asked)) == Admitted(now, self.commits)  # its answer was lost

    @precondition(lambda self: self.videos)
    @rule(
        data=st.data(),
        how=st.sampled_from(["news", "settle", "loss", "void", "dispute", "decide", "next", "adjust"]),
        due=st.sampled_from([None, -5, 0, 4_000]),
        keep=st.sampled_from([0, 0, 30_000]),
        by=st.sampled_from(["holder", "client", "late"]),
    )
    def commit(self, data: st.DataObject, how: str, due: int | None, keep: int, by: str) -> None:
        known, now = self.pick(data), self.clock.now_ms
        token = {
            "holder": known.lease.token if known.lease else None,
            "client": None,
            "late": next((old for of, old in self.old_tokens if of == known.video.id), None),
        }[by]
        moved, postings = self._moved(known.video, how)
        if postings is None:
            return
        change = following(
            moved,
            *postings,
            due_ms=None if due is None else now + due,
            aside=token is None and how in ("decide", "adjust"),
            keep_lease_ms=keep if token else 0,
            window_until_ms=ledger.window_until_ms(max(now, self.ledger_ms)) if how == "next" else 0,
        )
        lease = known.lease
        barred = change.keep_lease_ms and lease and lease.until_ms > now and lease.token != token
        self.commits_expected(known, change, token, Stale() if barred else None)

    def commits_expected(
        self, known: Known, change: Change, token: str | None, expected: Stale | Capped | None
    ) -> None:
        name = f"{change.video.id}:{change.video.version}:{self.commits}"
        outcome = self.run(apply(self.store, change, token=token, commit_id=name))
        expected = expected or self.capped(change.postings)
        if expected is not None:
            assert outcome == expected
            return
        self.book(change.postings)
        assert outcome == Committed(self.clock.now_ms, self.commits, self.crossed(change.postings))
        self.book_due(known, change, token)
        if token is not None:
            known.claims = 0
        known.video, known.last = change.video, (change, name, token)

    def _moved(self, made: Video, how: str) -> tuple[Video, tuple[Posting, ...] | None]:
        last = made.attempts[-1]
        is_open = last.state is not AttemptState.CLOSED
        ended = replace(made, attempts=(*made.attempts[:-1], replace(last, state=AttemptState.CLOSED)))
        match how:
            case "news":
                return replace(made, progress=(made.progress + 1) % 100), ()
            case "settle" if is_open:
                return ended, (ledger.settle(made, last, last.price_micros + 3, presumed=False, reason="finished"),)
            case "loss" if is_open:
                settle = ledger.settle(made, last, 5, presumed=False, reason="broken", on_house=True)
                lost = replace(ended.attempts[-1], spared=settle.spared)
                return replace(made, attempts=(*made.attempts[:-1], lost)), (settle,)
            case "dispute" if is_open:
                settle = ledger.settle(made, last, last.price_micros, presumed=False, reason="finished")
                dispute = ledger.dispute(made, last, 9, reason="far too much")
                waits = replace(ended.attempts[-1], disputed_micros=9)
                return replace(made, attempts=(*made.attempts[:-1], waits)), (settle, dispute)
            case "decide" if last.disputed_micros:
                word = ledger.adjust(made, last, made.version % 10, "the operator's word", decides=True)
                decided = replace(last, disputed_micros=0, adjusts=last.adjusts + 1)
                return replace(made, attempts=(*made.attempts[:-1], decided)), (word,)
            case "void" if is_open:
                return ended, (ledger.void(made, last, "refused"),)
            case "adjust" if not is_open:
                again = replace(last, adjusts=last.adjusts + 1)
                return replace(made, attempts=(*made.attempts[:-1], again)), (ledger.adjust(made, last, -2, "bill"),)
            case "next" if len(made.attempts) < 5:
                new = attempt(last.ordinal + 1, now_ms=max(self.clock.now_ms, self.ledger_ms), provider="other")
                grown = replace(ended, attempts=(*ended.attempts, new))
                void = (ledger.void(made, last, "refused"),) if is_open else ()
                return grown, (*void, ledger.hold(grown, new))
        return made, None

    @precondition(lambda self: any(known.last for known in self.videos.values()))
    @rule(data=st.data())
    def commit_again(self, data: st.DataObject) -> None:
        """Its answer was lost: the same commit changes nothing."""
        ids = sorted(name for name, known in self.videos.items() if known.last)
        last = self.videos[data.draw(st.sampled_from(ids))].last
        assert last is not None
        change, name, token = last
        outcome = self.run(apply(self.store, change, token=token, commit_id=name))
        assert outcome == Committed(self.clock.now_ms, self.commits)

    @precondition(lambda self: self.videos)
    @rule(data=st.data(), behind=st.integers(1, 3))
    def commit_stale(self, data: st.DataObject, behind: int) -> None:
        known = self.pick(data)
        old = replace(known.video, version=max(0, known.video.version - behind))
        change = following(old, due_ms=None)
        assert self.run(apply(self.store, change, commit_id=f"stale {self.commits}")) == Stale()

    @precondition(lambda self: self.videos)
    @rule(data=st.data())
    def hold_for_yesterday(self, data: st.DataObject) -> None:
        known = self.pick(data)
        time = max(self.clock.now_ms, self.ledger_ms)
        new = attempt(len(known.video.attempts) + 1)
        grown = replace(known.video, attempts=(*known.video.attempts, new))
        change = following(grown, ledger.hold(grown, new), window_until_ms=time)
        assert self.run(apply(self.store, change, commit_id=f"late {self.commits}")) == WindowPassed(time)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        now = self.clock.now_ms
        claims = self.run(self.store.claim(limit, lease_ms=LEASE_MS, token_prefix="life"))
        due = sorted(
            (known.due_ms, name)
            for name, known in self.videos.items()
            if known.due_ms is not None and known.due_ms <= now
        )
        assert [one.video.id for one in claims.videos] == [name for _, name in due[:limit]]
        for one in claims.videos:
            known = self.videos[one.video.id]
            known.claims += 1
            assert (one.video, one.claims, one.due_ms) == (known.video, known.claims, known.due_ms)
            if known.lease:
                self.old_tokens.append((one.video.id, known.lease.token))
            known.lease = Lease(one.token, now + LEASE_MS)
            known.due_ms = now + LEASE_MS

    @precondition(lambda self: any(known.lease for known in self.videos.values()))
    @rule(data=st.data(), due=st.sampled_from([None, 3_000]), way=st.sampled_from(["rest", "back", "renew", "late"]))
    def let_go(self, data: st.DataObject, due: int | None, way: str) -> None:
        ids = sorted(name for name, known in self.videos.items() if known.lease)
        known, now = self.videos[data.draw(st.sampled_from(ids))], self.clock.now_ms
        lease, name = known.lease, known.video.id
        assert lease is not None
        due_ms = None if due is None else now + due
        if way == "late":
            assert self.run(self.store.rest([Rest(name, "late/" + name, due_ms)])) == 0
        elif way == "renew":
            assert self.run(self.store.renew(name, lease.token, lease_ms=LEASE_MS))
            lease.until_ms = known.due_ms = now + LEASE_MS
        else:
            if way == "rest":
                assert self.run(self.store.rest([Rest(name, lease.token, due_ms)])) == 1
            else:
                assert self.run(self.store.hand_back([(name, lease.token)])) == 1
                due_ms = now
            known.due_ms = now if lease.mark else due_ms
            known.claims = max(0, known.claims - 1) if way == "back" else 0
            self.old_tokens.append((name, lease.token))
            known.lease = None

    @precondition(lambda self: self.videos)
    @rule(data=st.data())
    def make_due(self, data: st.DataObject) -> None:
        known, now = self.pick(data), self.clock.now_ms
        assert self.run(self.store.make_due(known.video.id)) == (known.due_ms is not None)
        if known.due_ms is None:
            return
        if known.lease and known.lease.until_ms > now:
            known.lease.mark = True
        else:
            known.due_ms = min(known.due_ms, now)

    @rule(step_ms=st.sampled_from([1, 3_000, 19_999, 20_000, 31_000, -2_000]))
    def time_passes(self, step_ms: int) -> None:
        """Holders die by doing nothing; a server's clock may step back a little."""
        self.clock.now_ms += step_ms

    @rule()
    def the_gateway_dies(self) -> None:
        """All that it knew is gone; another connects."""
        self.run(self.store.close())
        self.store = Store(self.server.url, now_ms=self.clock)

    # --- what must hold at every moment ---------------------------------------------------------------------------

    @invariant()
    def the_store_agrees(self) -> None:
        client = self.server.client
        due = {name: int(score) for name, score in client.zrange("{telecine}:due", 0, -1, withscores=True)}
        assert due == {name: known.due_ms for name, known in self.videos.items() if known.due_ms is not None}
        assert set(client.zrange("{telecine}:retained", 0, -1)) == self.videos.keys() - due.keys()
        leases = client.hgetall("{telecine}:leases")
        assert leases == {
            name: f"{known.lease.token}|{known.lease.until_ms}|{int(known.lease.mark)}"
            for name, known in self.videos.items()
            if known.lease
        }
        claims = {name: str(known.claims) for name, known in self.videos.items() if known.claims}
        assert client.hgetall("{telecine}:claims") == claims
        assert int(client.get("{telecine}:seq") or 0) == self.commits
        counters: dict[str, Any] = client.hgetall("{telecine}:counters")
        assert {name: int(value) for name, value in counters.items() if int(value)} == {
            **{f"{name}:held": value for name, value in self.held.items() if value},
            **{f"{name}:settled": value for name, value in self.settled.items() if value},
        }
        assert client.hgetall("{telecine}:disputes") == {name: str(one) for name, one in self.disputes.items()}
        for name, known in self.videos.items():
            assert client.hget(f"{{telecine}}:video:{name}", "rec") == encode_video(known.video).decode()


@pytest.mark.parametrize("lives", [40, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(3_600)])])
def test_store_and_bookkeeper_agree(empty_redis: RedisServer, lives: int) -> None:
    """Many random lives; a failing one is shrunk to its shortest and printed."""
    Life.server = empty_redis
    Life.examples = 0
    run_state_machine_as_test(
        Life,
        settings=settings(max_examples=lives, stateful_step_count=40, suppress_health_check=list(HealthCheck)),
    )
    assert Life.examples >= lives
