"""What a state of a small world is, and how two states that differ by nothing that matters become one."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.routing import Doubt
from gateway.domain.videos import Attempt, AttemptState, Video
from tests.support.small_vendor import Job
from tests.support.videos import T0

HOUR_S: Final = 3_600
MOMENTS: Final = tuple(T0 + s * 1_000 for s in (0, 40, 700, 1_300, 26 * HOUR_S))
DEADLINE_S: Final = 1_000
NEVER: Final = 99
LAST: Final = len(MOMENTS) - 1
SEND_BY_MS: Final = 5_000
LEASE_MS: Final = 20_000
FINDS_OVER: Final = 2  # stride: keys are too old, and finds have had their time
FORGETS_BEFORE: Final = 2  # strides: whatever a video can meet, it may have met by then

Waits: TypeAlias = tuple[tuple[int, int], ...]
IDLE, THINKS, ASKED, KNOWS = range(4)


class Kind(Struct, frozen=True, kw_only=True):
    """What the first vendor can do, and what is allowed in a doubt about it. The second one can do nothing."""

    keys: bool = False
    finds: bool = False
    calls_back: bool = False
    cancels: bool = False
    doubt: Doubt = Doubt.HOLD
    doubt_b: Doubt = Doubt.HOLD
    rewinds: int = 0  # each makes the store forget one or two commits
    cancel: bool = False  # the client may cancel once
    breaks: bool = False  # a job may break
    # Rules that a test may break, to see that the search finds out.
    fenced: bool = True
    keeps_send_by: bool = True
    remembers: bool = True
    keys_are_true: bool = True


class Lease(NamedTuple):
    holder: int
    live: bool
    mark: bool


class Worker(NamedTuple):
    phase: int = IDLE
    rec: int = 0  # as it was read
    lag: int = 0  # how many commits the store is ahead; after a rewind it may be behind
    waits: Waits = ()
    token: bool = False
    arg: Any = 0  # ASKED: (ordinal, resend, stride of the asking); KNOWS: number of the news


class State(NamedTuple):
    clock: int
    rec: int
    lease: Lease | None
    due: int  # stride
    workers: tuple[Worker, Worker]
    jobs: tuple[Job, ...]
    risked: frozenset[int]  # attempts left in doubt under a policy that allows it
    past: tuple[tuple[int, Lease | None, int], ...]  # what a rewind would bring back
    rewinds: int
    cancels: int
    rewound: bool = False  # once
    forgot: bool = False  # and nobody has noticed
    noted: int = -1  # the stride in which somebody noticed; nothing is sent until an operator accepts
    doubts_until_ms: int = 0


def plain(video: Video, clock: int, kind: Kind) -> Video:
    """The record without what no decision reads, so that states that differ by nothing else are one."""
    attempts = tuple(_plain_attempt(one, clock, kind) for one in video.attempts)
    return replace(
        video, version=1, attempts=attempts, error=None, completed_ms=0, expires_ms=0, sweep_ms=0, progress=0
    )


def _plain_attempt(one: Attempt, clock: int, kind: Kind) -> Attempt:
    """What is over is 0, and what is to come comes at the beginning of a stride."""
    one = replace(
        one, message="", counters=("c",), key="", planned_ms=0, closed_ms=0, sendings=min(one.sendings, 2),
        accepted_ms=min(one.accepted_ms, 1), due_ms=_moment(one.due_ms, clock),
        retry_at_ms=_moment(one.retry_at_ms, clock), follow_until_ms=_moment(one.follow_until_ms, clock),
    )  # fmt: skip
    if one.route != "a/m" or not (kind.keys or kind.finds):
        one = replace(one, sent_ms=0, send_by_ms=0)
    if one.state is AttemptState.CLOSED:
        one = replace(
            one, sent_ms=0, send_by_ms=0, due_ms=0, follow_until_ms=0, assets=(), ref=None, sendings=0,
            empty_finds=0, cancel_tried=False,
        )  # fmt: skip
    return one


def _moment(at_ms: int, clock: int) -> int:
    if at_ms <= MOMENTS[clock]:
        return 0
    return next((moment for moment in MOMENTS if moment >= at_ms), MOMENTS[LAST] + 1)


def plain_waits(waits: dict[int, int], clock: int) -> Waits:
    return tuple(sorted((ordinal, _moment(at_ms, clock)) for ordinal, at_ms in waits.items() if at_ms > MOMENTS[clock]))


def canonical(state: State) -> State:
    """Workers have no names."""
    one, other = state.workers
    if (one.phase, one.rec, one.lag, one.token, one.waits, str(one.arg)) <= (
        other.phase, other.rec, other.lag, other.token, other.waits, str(other.arg)
    ):  # fmt: skip
        return state
    lease = state.lease and state.lease._replace(holder=1 - state.lease.holder)
    past = tuple((rec, was and was._replace(holder=1 - was.holder), due) for rec, was, due in state.past)
    return state._replace(workers=(other, one), lease=lease, past=past)


def stride_of(due_ms: int | None) -> int:
    """The first stride in which it is due."""
    if due_ms is None:
        return NEVER
    return next((number for number, moment in enumerate(MOMENTS) if moment >= due_ms), LAST)
