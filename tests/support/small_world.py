"""A small world: one video, two routes, two workers, one lease; everything that can go wrong may, at any moment.

The decisions are the real ones (`agenda`, `moves`, `book.change_of`). Modelled here are only the store's fence (its
version, token and lease), the time, the wire and the vendors. A state is a tuple of small immutable things, so that a
search can tell whether it has been there. Time goes in coarse strides: whatever ends within one is over after it.

What a store forgets is assumed to be noticed at the next word with it, by any worker: the sequence in memory is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import Struct

from gateway.domain import agenda as todo
from gateway.domain import moves
from gateway.domain.news import Ask, AskAgain, CancelAsked, Doubted, FailOver, Named, News, Unsent
from gateway.domain.routing import Route
from gateway.domain.videos import FINAL, Attempt, AttemptState, Video, decode_video, encode_video
from gateway.domain.world import World
from gateway.snapshot import Snapshot
from gateway.work.book import Job as Work
from gateway.work.book import change_of, knows, pause
from tests.support.small_state import (
    ASKED,
    DEADLINE_S,
    FINDS_OVER,
    FORGETS_BEFORE,
    IDLE,
    KNOWS,
    LAST,
    LEASE_MS,
    MOMENTS,
    NEVER,
    SEND_BY_MS,
    THINKS,
    Kind,
    Lease,
    State,
    Waits,
    Worker,
    canonical,
    plain,
    plain_waits,
    stride_of,
)
from tests.support.small_vendor import DEAD, Job, Outcome, call, ref_of, send
from tests.support.videos import admitted, model, route

Step: TypeAlias = tuple[str, State]


class Wrong(Exception):
    """A state that must not be; the message says what is wrong with it."""


class SmallWorld:
    """`begin` and `steps` span the graph. Decisions are remembered by what they looked at."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        a = route(
            "a", doubt=kind.doubt, resend_safe_s=0 if kind.keys else None, finds=kind.finds,
            visible_after_s=2.0 if kind.finds else None, calls_back=kind.calls_back, cancels=kind.cancels,
        )  # fmt: skip
        self.routes: dict[str, Route] = {one.name: one for one in (a, route("b", doubt=kind.doubt_b))}
        self.model = model(*self.routes.values(), deadline_s=DEADLINE_S)
        self.videos: list[Video] = []
        self.news: list[News] = []
        self._ids: dict[object, int] = {}
        self._actions: dict[object, todo.Action] = {}
        self._changes: dict[object, tuple[int, bool, int, Waits] | None] = {}

    def begin(self) -> State:
        first = self._record(admitted(self.model).video, 0)
        workers = (Worker(), Worker())
        return State(0, first, None, 0, workers, (), frozenset(), (), self.kind.rewinds, int(self.kind.cancel))

    def over(self, state: State) -> bool:
        """Everything is final, and closed or followed beyond the end of this world's time. Wrong if a render that the
        vendor bills was given back."""
        video = self.videos[state.rec]
        if video.state not in FINAL or any(one.follow_until_ms <= MOMENTS[LAST] for one in video.open_attempts):
            return False
        if not state.rewound:
            for job in state.jobs:
                attempt = video.attempt(job.ordinal)
                if job.status not in DEAD and attempt.state is AttemptState.CLOSED and not attempt.cost_micros:
                    raise Wrong(f"attempt {job.ordinal} was rendered, and its hold was given back")
        return True

    # --- everything that may happen next -------------------------------------------------------------------------

    def steps(self, state: State) -> Iterator[Step]:
        for label, after in self._steps(state):
            yield label, canonical(after)

    def _steps(self, state: State) -> Iterator[Step]:
        if state.clock < LAST or (state.lease is not None and state.lease.live):
            yield "time passes", _tick(state, self.kind)
        for number, worker in enumerate(state.workers):
            if worker.phase == IDLE:
                if state.due <= state.clock:
                    yield "a worker claims", self._claim(state, number)
                continue
            yield from self._work(state, number, worker)
        yield from self._from_outside(state)

    def _from_outside(self, state: State) -> Iterator[Step]:
        if self.kind.calls_back:
            for job in state.jobs:
                if job.route == "a/m" and (after := self._called_back(state, job)).rec != state.rec:
                    yield f"callback for {job.ordinal}", after
        if state.cancels:
            asked = CancelAsked(self.videos[state.rec].current)
            yield "cancel", self._hear(state._replace(cancels=0), asked)
        for back in range(1, len(state.past) + 1) if state.rewinds else ():
            yield f"the store forgets {back}", _rewound(state, back)
        if state.noted >= 0:
            yield "accepted", state._replace(noted=-1, doubts_until_ms=MOMENTS[0])

    def _called_back(self, state: State, job: Job) -> State:
        """What `work.hooks` does with a callback whose HMAC is right. One that brings nothing new only makes due, which
        the passing of time does as well."""
        video = self.videos[state.rec]
        if job.ordinal > len(video.attempts) or video.attempt(job.ordinal).state is AttemptState.CLOSED:
            return state
        return self._hear(state, Named(job.ordinal, ref_of(job)))

    def _hear(self, state: State, news: News) -> State:
        """News from outside: one commit without a lease, then the video is due."""
        change = self._change(state, Worker(KNOWS, state.rec), news)
        if change is not None:
            state = _met(self._commit(state, None, change), self.kind)
        if state.due == NEVER:
            return state
        if state.lease is not None and state.lease.live:
            return state._replace(lease=state.lease._replace(mark=True))
        return state._replace(due=min(state.due, state.clock))

    # --- a worker ------------------------------------------------------------------------------------------------

    def _claim(self, state: State, number: int) -> State:
        state = _met(state, self.kind)._replace(lease=Lease(number, True, False), due=min(state.clock + 1, LAST))
        return _with(state, number, Worker(THINKS, state.rec, token=True))

    def _work(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        if worker.phase == KNOWS:
            yield "books", self._book(state, number, worker, self.news[worker.arg])
        elif worker.phase == ASKED:
            yield from self._send(state, number, worker)
        else:
            yield from self._think(state, number, worker)

    def _think(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        action = self._action(state, worker)
        label = type(action).__name__
        match action:
            case todo.Rest(None):
                yield label, self._close(state, number, worker)
            case todo.Rest(due_ms):
                yield label, self._rest(state, number, due_ms)
            case todo.Decide(news):
                yield label, self._book(state, number, worker, news)
            case todo.DoubtAfterDeath(ordinal):
                yield label, self._book(state, number, worker, Doubted(ordinal, "death"))
            case todo.Submit(ordinal) | todo.Resend(ordinal):
                yield label, self._ask(state, number, worker, ordinal, resend=isinstance(action, todo.Resend))
            case todo.Sweep():
                raise Wrong("there are no files to sweep")
            case _:
                attempt = self.videos[worker.rec].attempt(action.attempt)
                late = _proves_absence(attempt, self.routes[attempt.route], state)
                for outcome in call(action, state.jobs, attempt, late=late, breaks=self.kind.breaks):
                    yield f"{label}: {outcome.label}", self._came(state, number, worker, attempt, outcome)

    def _came(self, state: State, number: int, worker: Worker, attempt: Attempt, outcome: Outcome) -> State:
        state = state._replace(jobs=outcome.jobs)
        if outcome.news is not None:
            return self._learn(state, number, worker, outcome.news)
        waits = self._paused(state, worker, attempt.ordinal)
        return _with(state, number, worker._replace(phase=THINKS, waits=waits, arg=0) if worker.token else Worker())

    def _ask(self, state: State, number: int, worker: Worker, ordinal: int, *, resend: bool) -> State:
        """`step._submit`: the intention is committed before a byte leaves."""
        if state.noted >= 0:
            return _with(state, number, worker._replace(waits=self._paused(state, worker, ordinal)))
        by = MOMENTS[state.clock] + SEND_BY_MS
        change = self._change(state, worker, AskAgain(ordinal, by) if resend else Ask(ordinal, by))
        if change is None or not self._fits(state, number, worker, change):
            return _with(_met(state, self.kind), number, Worker())
        doubted = not resend and self._world(state).forgets(self.videos[worker.rec])
        state = _met(self._commit(state, number, change), self.kind)
        mine = Worker(ASKED, change[0], 0, change[3], True, (ordinal, resend, state.clock))
        if doubted or state.noted >= 0:
            return self._learn(state, number, mine, Doubted(ordinal, "forgotten", resend))
        return _with(state, number, mine)

    def _send(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        """The driver: the first byte leaves before `send_by` or not at all."""
        ordinal, resend, asked = worker.arg
        attempt = self.videos[worker.rec].attempt(ordinal)
        if self.kind.keeps_send_by and state.clock > asked:
            yield "comes too late to send", self._learn(state, number, worker, Unsent(ordinal, "late", resend))
            return
        honours = self.kind.keys and self.kind.keys_are_true and attempt.route == "a/m"
        for outcome in send(attempt, state.jobs, resend=resend, honours_keys=honours):
            if len(outcome.jobs) > len(state.jobs):
                self._check_render(state, attempt, outcome)
            yield f"sends {ordinal}: {outcome.label}", self._came(state, number, worker, attempt, outcome)

    def _check_render(self, state: State, attempt: Attempt, outcome: Outcome) -> None:
        for job in state.jobs:
            # A policy that lets a doubt go on elsewhere takes what the store forgot along with it.
            risked = job.ordinal in state.risked or (state.rewound and state.risked)
            if job.status not in DEAD and not risked:
                raise Wrong(f"attempt {attempt.ordinal} is rendered beside {job}: {outcome.label}")

    def _book(self, state: State, number: int, worker: Worker, news: News) -> State:
        """`book.book`: apply, commit, or reread and apply again."""
        change = self._change(state, worker, news)
        if change is None:
            if not worker.token:
                return _with(state, number, Worker())
            waits = self._paused(state, worker, news.attempt)
            return _with(state, number, worker._replace(phase=THINKS, waits=waits, arg=0))
        if not self._fits(state, number, worker, change):
            state = _met(state, self.kind)
            lease = state.lease
            kept = worker.token and lease is not None and lease.holder == number  # as `read_leased` tells
            again = worker._replace(rec=state.rec, lag=0, token=kept)
            if not knows(self.videos[state.rec], self.videos[worker.rec], news.attempt):
                return _with(state, number, again._replace(phase=THINKS, arg=0) if kept else Worker())
            return self._book(_with(state, number, again), number, again, news)
        if isinstance(news, FailOver):
            state = state._replace(risked=state.risked | {news.attempt})
        state = _met(self._commit(state, number, change), self.kind)
        keeps = change[1]
        return _with(state, number, Worker(THINKS, change[0], 0, change[3], True) if keeps else Worker())

    def _learn(self, state: State, number: int, worker: Worker, news: News) -> State:
        return _with(state, number, worker._replace(phase=KNOWS, arg=self._number(news)))

    def _close(self, state: State, number: int, worker: Worker) -> State:
        """`book.close`."""
        change = (worker.rec, False, NEVER, ())
        if self._fits(state, number, worker, change):
            state = self._commit(state, number, change)
        return _with(_met(state, self.kind), number, Worker())

    def _rest(self, state: State, number: int, due_ms: int | None) -> State:
        lease = state.lease
        if lease is not None and lease.holder == number and state.workers[number].token:
            due = stride_of(due_ms)
            state = state._replace(lease=None, due=min(due, state.clock) if lease.mark else due)
        return _with(state, number, Worker())

    # --- the store -----------------------------------------------------------------------------------------------

    def _fits(self, state: State, number: int, worker: Worker, change: tuple[int, bool, int, Waits]) -> bool:
        """The fence of commit.lua: the version, and another's live lease against who wants to keep one."""
        others = state.lease is not None and state.lease.live and not (worker.token and state.lease.holder == number)
        return not self.kind.fenced or (worker.lag == 0 and not (change[1] and others))

    def _commit(self, state: State, number: int | None, change: tuple[int, bool, int, Waits]) -> State:
        rec, keeps, due, _ = change
        past = ((state.rec, state.lease, state.due), *state.past)[:2] if state.rewinds else ()
        workers = [one if one.phase == IDLE else one._replace(lag=one.lag + 1) for one in state.workers]
        mine = number is not None and state.workers[number].token
        state = state._replace(rec=rec, past=past, workers=cast(tuple[Worker, Worker], tuple(workers)))
        return _write_due(state, number if mine else None, keeps, due)

    # --- the decisions, remembered -------------------------------------------------------------------------------

    def _action(self, state: State, worker: Worker) -> todo.Action:
        look = (worker.rec, state.clock, worker.waits, state.doubts_until_ms)
        if look not in self._actions:
            self._actions[look] = todo.agenda(self.videos[worker.rec], self._world(state), dict(worker.waits))
        return self._actions[look]

    def _change(self, state: State, worker: Worker, news: News) -> tuple[int, bool, int, Waits] | None:
        """(record, whether the lease is kept, due stride, waits); None: nothing to write."""
        look = (worker.rec, self._number(news), state.clock, worker.waits, worker.token, state.doubts_until_ms)
        if look not in self._changes:
            self._changes[look] = self._decide(state, worker, news)
        return self._changes[look]

    def _decide(self, state: State, worker: Worker, news: News) -> tuple[int, bool, int, Waits] | None:
        world, work = self._world(state), self._job(worker)
        moved = moves.apply(work.video, news, world)
        if moved.video is work.video:
            return None
        change = change_of(work, moved, news, world)
        waits = plain_waits(work.waits, state.clock)
        return self._record(change.video, state.clock), change.keep_lease_ms > 0, stride_of(change.due_ms), waits

    def _paused(self, state: State, worker: Worker, ordinal: int) -> Waits:
        work = self._job(worker)
        pause(work, work.video, ordinal, self._world(state))
        return plain_waits(work.waits, state.clock)

    def _job(self, worker: Worker) -> Work:
        snapshot = cast(Snapshot, _MARGIN)
        token = "t" if worker.token else None
        return Work(self.videos[worker.rec], token, snapshot, LEASE_MS, dict(worker.waits))

    def _world(self, state: State) -> World:
        return World(
            now_ms=MOMENTS[state.clock], model=self.model, routes=self.routes, doubts_until_ms=state.doubts_until_ms
        )

    def _record(self, video: Video, clock: int) -> int:
        return self._intern(encode_video(plain(video, clock, self.kind)), self.videos, decode_video)

    def _number(self, news: News) -> int:
        return self._intern((type(news), msgspec.json.encode(news)), self.news, lambda _: news)

    def _intern(self, key: Any, shelf: list[Any], value: Any) -> int:
        if key not in self._ids:
            self._ids[key] = len(shelf)
            shelf.append(value(key))
        return self._ids[key]


def _proves_absence(attempt: Attempt, route: Route, state: State) -> bool:
    proves_ms = todo.proves_absence_ms(attempt, route)
    return proves_ms is not None and MOMENTS[state.clock] > proves_ms


class _Margin(Struct, frozen=True):
    submit_margin_ms: int = 15_000


_MARGIN: Final = _Margin()


def _tick(state: State, kind: Kind) -> State:
    lease = state.lease and state.lease._replace(live=False)
    past = tuple((rec, was and was._replace(live=False), due) for rec, was, due in state.past)
    jobs = tuple(job._replace(fresh=False) for job in state.jobs)
    clock = min(state.clock + 1, LAST)  # the last stride has no end
    if clock == FINDS_OVER and not (kind.keys or kind.finds):
        clock += 1  # nothing ends there for the others
    if clock >= FORGETS_BEFORE:
        past, state = (), state._replace(rewinds=0)
    return state._replace(clock=clock, lease=lease, past=past, jobs=jobs)


def _rewound(state: State, back: int) -> State:
    rec, lease, due = state.past[back - 1]
    workers = [one if one.phase == IDLE else one._replace(lag=one.lag - back) for one in state.workers]
    return state._replace(
        rec=rec, lease=lease, due=due, past=(), rewinds=state.rewinds - 1, rewound=True, forgot=True,
        workers=cast(tuple[Worker, Worker], tuple(workers)),
    )  # fmt: skip


def _met(state: State, kind: Kind) -> State:
    """A word with the store tells how far it has come."""
    if not state.forgot:
        return state
    return state._replace(forgot=False, noted=state.clock if kind.remembers else -1)


def _write_due(state: State, number: int | None, keeps: bool, due: int) -> State:
    """`write_due` of change.lua. `number`: whose token came with the commit."""
    lease, before = state.lease, state.due
    mine = lease is not None and lease.holder == number
    if lease is not None and lease.live and not mine:
        return state._replace(lease=lease._replace(mark=True))
    if keeps and number is not None:
        return state._replace(
            lease=Lease(number, True, lease is not None and lease.mark), due=min(state.clock + 1, LAST)
        )
    if due == NEVER:
        return state._replace(lease=None, due=NEVER)
    if lease is not None and lease.mark:
        due = min(due, state.clock)
    return state._replace(lease=None, due=due if mine else min(due, before))


def _with(state: State, number: int, worker: Worker) -> State:
    """With one worker changed."""
    workers = (worker, state.workers[1]) if number == 0 else (state.workers[0], worker)
    return state._replace(workers=workers)
