"""The vendors and the wire of a small world: everything that may come of one call, as the gateway learns it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from gateway.domain import agenda as todo
from gateway.domain.news import (
    Broke,
    CancelConfirmed,
    CancelFailed,
    Declined,
    Doubted,
    Lost,
    Made,
    News,
    NotFound,
    Stored,
    Took,
    Unsent,
)
from gateway.domain.videos import Attempt
from providers.contract import Ref, Remote, Why

RUNNING, FINISHED, BROKEN, CANCELLED = "RFXC"
DEAD: Final = frozenset({BROKEN, CANCELLED})  # they gave no clip and cost nothing
CLIP: Final = (Remote(link="https://a.test/clip"),)
Jobs = tuple["Job", ...]


class Job(NamedTuple):
    route: str
    ordinal: int  # of the attempt that it was made for
    status: str
    fresh: bool  # so young that a list may not show it yet


class Outcome(NamedTuple):
    label: str
    news: News | None  # None: nothing to book, to be looked at again
    jobs: Jobs


def ref_of(job: Job) -> Ref:
    return {"id": f"{job.route}.{job.ordinal}"}


def send(attempt: Attempt, jobs: Jobs, *, resend: bool, honours_keys: bool) -> Iterator[Outcome]:
    """A submission on the wire. With a key that the vendor honours the same job answers for every sending."""
    ordinal = attempt.ordinal
    known = next((job for job in jobs if (job.route, job.ordinal) == (attempt.route, ordinal)), None)
    made, more = known, jobs
    if known is None or not honours_keys:
        made = Job(attempt.route, ordinal, RUNNING, True)
        more = tuple(sorted((*jobs, made)))
    assert made is not None
    yield Outcome("accepted", Took(ordinal, ref_of(made)), more)
    yield Outcome("taken, the reply is lost", Doubted(ordinal, "lost", resend), more)
    yield Outcome("lost on the way", Doubted(ordinal, "lost", resend), jobs)
    why = Why.THROTTLED if resend else Why.INVALID
    yield Outcome("refused", Declined(attempt=ordinal, why=why, resend=resend), jobs)
    if resend:
        yield Outcome("not sent", Unsent(ordinal, "no connection", resend), jobs)


def call(action: object, jobs: Jobs, attempt: Attempt, *, late: bool, breaks: bool) -> Iterator[Outcome]:
    """A call that starts nothing. `late`: an empty list proves something by now."""
    job = next((one for one in jobs if (one.route, one.ordinal) == (attempt.route, attempt.ordinal)), None)
    match action:
        case todo.Collect(ordinal):
            yield Outcome("stored", Stored(ordinal, ()), jobs)
        case todo.Confirm(ordinal):
            assert job is not None, "nobody calls back for a job that was not made"
            yield Outcome("no answer", None, jobs)
            yield Outcome("it is", Took(ordinal, ref_of(job)), jobs)
        case todo.Find(ordinal):
            yield from _find(ordinal, job, jobs, late=late)
        case todo.Cancel(ordinal):
            yield from _cancel(ordinal, job, jobs)
        case todo.Poll(ordinal):
            yield from _poll(ordinal, job, jobs, breaks=breaks)
        case _:
            raise AssertionError(action)


def _find(ordinal: int, job: Job | None, jobs: Jobs, *, late: bool) -> Iterator[Outcome]:
    """A list lags; an empty one is believed only when it is `late` enough."""
    yield Outcome("no answer", None, jobs)
    if job is not None:
        yield Outcome("found", Took(ordinal, ref_of(job)), jobs)
    if late and (job is None or job.fresh):
        yield Outcome("an empty list", NotFound(ordinal), jobs)


def _cancel(ordinal: int, job: Job | None, jobs: Jobs) -> Iterator[Outcome]:
    yield Outcome("no answer", None, jobs)
    if job is not None and job.status == RUNNING:
        yield Outcome("cancelled", CancelConfirmed(attempt=ordinal, free=True), _now(jobs, job, CANCELLED))
        yield Outcome("too late", CancelFailed(ordinal), _now(jobs, job, FINISHED))
    else:
        yield Outcome("too late", CancelFailed(ordinal), jobs)


def _poll(ordinal: int, job: Job | None, jobs: Jobs, *, breaks: bool) -> Iterator[Outcome]:
    if job is None:
        yield Outcome("unknown", Lost(ordinal), jobs)
        return
    if job.status == RUNNING:
        yield Outcome("running", None, jobs)
        if breaks:
            yield Outcome("broken", Broke(attempt=ordinal, why=Why.INTERNAL, free=True), _now(jobs, job, BROKEN))
    if job.status in DEAD:
        yield Outcome("has ended", Broke(attempt=ordinal, why=Why.INTERNAL, free=True), jobs)
        return
    yield Outcome("finished", Made(attempt=ordinal, assets=CLIP), _now(jobs, job, FINISHED))


def _now(jobs: Jobs, job: Job, status: str) -> Jobs:
    return tuple(sorted(one._replace(status=status) if one == job else one for one in jobs))
