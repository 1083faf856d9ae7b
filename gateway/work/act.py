"""Performing one action of the agenda: the call it needs, and the news or the wait that comes of it.

Tables turn outcomes into news; nothing is decided here about a video, and nothing is written.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from gateway.domain import agenda as todo
from gateway.domain import doubts
from gateway.domain.news import (
    Broke,
    CancelConfirmed,
    CancelFailed,
    Declined,
    Doubted,
    Likely,
    Lost,
    Made,
    Misnamed,
    News,
    NotFound,
    Progressed,
    Took,
    Unsent,
)
from gateway.domain.routing import Route
from gateway.domain.verdicts import (
    TAXONOMY,
    AtPoll,
    CancelOutcome,
    FindOutcome,
    InDoubt,
    NoAnswer,
    NotSent,
    PollOutcome,
    SubmitOutcome,
)
from gateway.domain.videos import Attempt, AttemptState, CancelSaid, Video
from gateway.domain.world import World
from gateway.work.book import Job
from gateway.work.spec import spec_of
from gateway.work.tools import Tools
from providers.contract import (
    Accepted,
    AssetKind,
    Broken,
    Cancelled,
    CannotCancel,
    Exactly,
    Finished,
    KeyUsed,
    NotReceived,
    PollVerdict,
    Probably,
    Ref,
    Refused,
    Running,
    Sought,
    TooLate,
    Why,
)

# A public figure that moves in smaller steps would cost a durable commit per poll.
PROGRESS_STEP = 5
CANCEL_MS = 120_000
"""A vendor that does not answer a cancel is asked for so long, then polled as if it had refused."""


class Wait(Struct, frozen=True):
    """Nothing came of it. `not_before_ms`: the vendor asked for patience."""

    not_before_ms: int = 0


Result: TypeAlias = News | Wait


async def poll(tools: Tools, job: Job, attempt: Attempt, world: World) -> Result:
    """Look at an accepted job."""
    endpoint = job.snapshot.endpoints.get(attempt.provider)
    route = world.route_of(attempt)
    if endpoint is None or route is None or attempt.ref is None:
        return Wait()
    flow = endpoint.adapter.poll(attempt.ref)
    outcome = await tools.driver.poll(endpoint, flow, timeout_s=route.poll_timeout_s)
    if isinstance(outcome, Running) and outcome.odd_word is not None:
        tools.odd_words.note(attempt.provider, outcome.odd_word)
    return news_of_poll(job.video, attempt, outcome, world)


async def find(tools: Tools, job: Job, attempt: Attempt, world: World) -> Result:
    """Ask whether a doubtful submission arrived."""
    endpoint = job.snapshot.endpoints.get(attempt.provider)
    route = world.route_of(attempt)
    if endpoint is None or route is None:
        return Wait()
    sought = await _sought(tools, job, attempt, route)
    outcome = await tools.driver.find(endpoint, endpoint.adapter.find(sought), timeout_s=route.poll_timeout_s)
    if isinstance(outcome, Probably) and await _is_this(tools, job, attempt, route, outcome.refs):
        return Took(attempt.ordinal, outcome.refs[0])
    return news_of_find(attempt, route, outcome, world)


async def _is_this(tools: Tools, job: Job, attempt: Attempt, route: Route, refs: tuple[Ref, ...]) -> bool:
    """Whether a likeness is enough: on an account that nobody else uses, and no other attempt of ours fits it."""
    slack_ms = job.snapshot.submit_margin_ms + job.lease_ms
    if not doubts.may_bind(attempt, route, refs, tools.clock.now_ms(), slack_ms=slack_ms):
        return False
    found = await tools.store.doubtful(AttemptState.SENT)
    return found.whole and not any(doubts.fits(job.video, attempt, other) for other in found.videos)


async def confirm(tools: Tools, job: Job, attempt: Attempt, world: World) -> Result:
    """Ask whether the job that a callback named is the attempt's."""
    endpoint = job.snapshot.endpoints.get(attempt.provider)
    route = world.route_of(attempt)
    if endpoint is None or route is None or attempt.named is None:
        return Misnamed(attempt.ordinal)
    sought = await _sought(tools, job, attempt, route)
    flow = endpoint.adapter.confirm(attempt.named, sought)
    outcome = await tools.driver.find(endpoint, flow, timeout_s=route.poll_timeout_s)
    match outcome:
        case Exactly(ref):
            return Took(attempt.ordinal, ref)
        case NoAnswer():
            return Wait()
        case _:
            return Misnamed(attempt.ordinal)


async def _sought(tools: Tools, job: Job, attempt: Attempt, route: Route) -> Sought:
    until_ms = attempt.send_by_ms + round(route.socket_timeout_s * 1_000)
    spec = await spec_of(tools, job.video, attempt, route, with_files=False)
    return Sought(key=attempt.key, spec=spec, since_ms=attempt.sent_ms, until_ms=until_ms)


async def cancel(tools: Tools, job: Job, attempt: Attempt, world: World) -> Result:
    """Stop a job."""
    endpoint = job.snapshot.endpoints.get(attempt.provider)
    route = world.route_of(attempt)
    if endpoint is None or route is None or attempt.ref is None:
        return CancelFailed(attempt.ordinal, CancelSaid.CANNOT)
    flow = endpoint.adapter.cancel(attempt.ref, _last_known(job.video, attempt))
    outcome = await tools.driver.cancel(endpoint, flow, timeout_s=route.poll_timeout_s)
    return news_of_cancel(job.video, attempt, outcome, world)


def _last_known(video: Video, attempt: Attempt) -> PollVerdict:
    """Some vendors erase a finished job, and its bill stays."""
    if attempt.assets:
        return Finished(assets=attempt.assets, charged=attempt.charged)
    return Running(progress=None if attempt.abandoned else video.progress)


def news_of_submit(attempt: Attempt, outcome: SubmitOutcome, *, resend: bool) -> News:
    ordinal = attempt.ordinal
    match outcome:
        case Accepted(ref):
            return Took(ordinal, ref)
        case Finished():
            return Made(attempt=ordinal, assets=outcome.assets, charged=outcome.charged, ref=outcome.ref)
        case KeyUsed(ref):
            if ref is not None:
                return Took(ordinal, ref)
            return Doubted(ordinal, "the vendor knows the key", resend, blame=False)
        case Refused():
            return Declined(
                attempt=ordinal,
                why=outcome.why,
                message=outcome.message,
                retry_after_s=outcome.retry_after_s,
                resend=resend,
            )
        case NotSent(message):
            return Unsent(ordinal, message, resend, blame=not outcome.ours)
        case InDoubt(message):
            return Doubted(ordinal, message, resend, blame=not outcome.ours)


def news_of_poll(video: Video, attempt: Attempt, outcome: PollOutcome, world: World) -> Result:
    ordinal = attempt.ordinal
    match outcome:
        case Running(progress=progress):
            worth_telling = progress is not None and progress >= video.progress + PROGRESS_STEP
            return Progressed(ordinal, progress) if worth_telling or attempt.lost_in_a_row else Wait()
        case Finished():
            if not any(asset.kind is AssetKind.VIDEO for asset in outcome.assets):
                return Broke(
                    attempt=ordinal, why=Why.INTERNAL, message="finished without a clip", charged=outcome.charged
                )
            return Made(attempt=ordinal, assets=outcome.assets, charged=outcome.charged)
        case Broken():
            return Broke(
                attempt=ordinal,
                why=outcome.why,
                message=outcome.message,
                charged=outcome.charged,
                free=outcome.free,
            )
        case Refused():
            return _refused_poll(attempt, outcome, world)
        case _:
            return Wait()


def _refused_poll(attempt: Attempt, refused: Refused, world: World) -> Result:
    match TAXONOMY[refused.why].at_poll:
        case AtPoll.END:
            return Broke(attempt=attempt.ordinal, why=refused.why, message=refused.message)
        case AtPoll.LOST if not _may_be_new(attempt, world):
            return Lost(attempt.ordinal)
        case _:
            return Wait(world.now_ms + round((refused.retry_after_s or 0) * 1_000))


def _may_be_new(attempt: Attempt, world: World) -> bool:
    """Some vendors answer a submission before they have written the job down."""
    route = world.route_of(attempt)
    appears_ms = round(route.abilities.appears_after_s * 1_000) if route is not None else 0
    return world.now_ms < attempt.sent_ms + appears_ms


def news_of_find(attempt: Attempt, route: Route, outcome: FindOutcome, world: World) -> Result:
    """Probably is not enough to bind by itself: an operator decides."""
    match outcome:
        case Exactly(ref):
            return Took(attempt.ordinal, ref)
        case NotReceived():
            proves = todo.proves_absence_ms(attempt, route)
            if proves is None:
                return Wait()
            return NotFound(attempt.ordinal) if world.now_ms > proves else Wait(proves + 1)
        case Probably(refs) if refs[: doubts.CANDIDATES_MAX] != attempt.candidates:
            return Likely(attempt.ordinal, refs[: doubts.CANDIDATES_MAX])
        case _:
            return Wait()


def news_of_cancel(video: Video, attempt: Attempt, outcome: CancelOutcome, world: World) -> Result:
    """Whom the client waits for is not asked for ever: the job may be ready meanwhile."""
    match outcome:
        case Cancelled():
            return CancelConfirmed(attempt=attempt.ordinal, charged=outcome.charged, free=outcome.free)
        case TooLate():
            return CancelFailed(attempt.ordinal, CancelSaid.TOO_LATE)
        case CannotCancel():
            return CancelFailed(attempt.ordinal, CancelSaid.CANNOT)
        case Refused(why=Why.NOT_FOUND):
            return CancelFailed(attempt.ordinal, CancelSaid.TOO_LATE)
        case _ if video.cancel_ms and not attempt.abandoned and world.now_ms >= video.cancel_ms + CANCEL_MS:
            return CancelFailed(attempt.ordinal, CancelSaid.UNANSWERED)
        case _:
            return Wait()
