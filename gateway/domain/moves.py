"""The state table: what each piece of news does to a video, by the state it is in.

`apply` is total over state and news; a pair that is not in the table is stale and changes nothing. News of an attempt
that the client is not waiting for goes to `orphans`. Nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from gateway.domain import cancelling, closing, failover, lateness, orphans
from gateway.domain.change import Posting
from gateway.domain.forgotten import heard, unsent_money
from gateway.domain.news import (
    Ask,
    AskAgain,
    Broke,
    Declined,
    Doubted,
    FailOver,
    GiveUp,
    Likely,
    Lined,
    LinkStale,
    Lost,
    Made,
    Misnamed,
    Named,
    News,
    NotFound,
    Poisoned,
    Progressed,
    Rerouted,
    Stored,
    Took,
    Unsent,
    WrongFile,
)
from gateway.domain.orphans import LOST_MAX, abandon, bound, leave, made, misnamed, named, took
from gateway.domain.retry import backoff_ms
from gateway.domain.routing import Doubt
from gateway.domain.verdicts import TAXONOMY, AtPoll, AtSubmit
from gateway.domain.videos import FINAL, Attempt, AttemptState, State, Video, VideoError
from gateway.domain.world import Moved, World, with_attempt
from providers.contract import Why

Move: TypeAlias = "Callable[[Video, Attempt, Any, World], Moved]"

LINK_STALE_MAX: Final = 7
"""With the pauses between them more than a minute: a file may be there only some time after its job is done."""
LINK_PAUSE_PART: Final = 16
"""No pause takes more than this part of what is left to the deadline, and all of them not the half: another route needs
time, too."""


def apply(video: Video, news: News, world: World) -> Moved:
    """The record after the news, with its postings. The same record object means: nothing to write."""
    if not 1 <= news.attempt <= len(video.attempts):
        return Moved(video=video)
    attempt = video.attempt(news.attempt)
    if attempt.state is AttemptState.CLOSED and not isinstance(news, Poisoned):
        return Moved(video=video)
    if attempt.abandoned or attempt.ordinal != video.current or (video.state in FINAL):
        return _out_of_line(orphans.apply(video, attempt, news, world))
    move = TABLE.get((video.state, type(news)))
    return _out_of_line(move(video, attempt, news, world)) if move else Moved(video=video)


# --- queued -------------------------------------------------------------------------------------------------------


def _lined(video: Video, attempt: Attempt, news: Lined, world: World) -> Moved:
    lined = tuple(dict.fromkeys((*video.lined, *news.providers)))
    return Moved(video=video if lined == video.lined else replace(video, lined=lined))


def _rerouted(video: Video, attempt: Attempt, news: Rerouted, world: World) -> Moved:
    """A new attempt on the route that takes it, with its own hold; the one that was not sent is free."""
    found = next((one for one in failover.askable(video, world) if one.route.name == news.route), None)
    if found is None or news.route == attempt.route or world.forgets(video):
        return Moved(video=video)
    void = closing.voided(video, attempt, "another route was free")
    after = with_attempt(video, closing.closed(attempt, world, void, message="another route was free"))
    return _then(failover.planned(after, found, world), void)


# --- submitting ---------------------------------------------------------------------------------------------------


def _ask(video: Video, attempt: Attempt, news: Ask, world: World) -> Moved:
    sent = replace(
        attempt,
        state=AttemptState.SENT,
        sendings=1,
        sent_ms=world.now_ms,
        send_by_ms=news.send_by_ms,
    )
    return Moved(video=with_attempt(video, sent, state=State.SUBMITTING))


def _ask_again(video: Video, attempt: Attempt, news: AskAgain, world: World) -> Moved:
    again = replace(attempt, sendings=attempt.sendings + 1, send_by_ms=news.send_by_ms)
    return Moved(video=with_attempt(video, again))


def _took(video: Video, attempt: Attempt, news: Took, world: World) -> Moved:
    state = State.CANCELLING if video.cancel_asked else State.RUNNING
    return Moved(
        video=with_attempt(video, took(attempt, news.ref, world), state=state, shown_in_progress=True),
        binding=bound(video, attempt, news.ref),
    )


def _made(video: Video, attempt: Attempt, news: Made, world: World) -> Moved:
    ref = news.ref if news.ref is not None else attempt.ref
    return Moved(
        video=with_attempt(video, made(attempt, news, world), state=State.COLLECTING, shown_in_progress=True),
        binding=bound(video, attempt, ref) if ref is not None and attempt.ref is None else None,
    )


def _declined(video: Video, attempt: Attempt, news: Declined, world: World) -> Moved:
    """The vendor made nothing: free. The next route, unless the class says that none may be asked."""
    if _proves_nothing(attempt, news):
        return Moved(video=video)
    retry_at = world.now_ms + round((news.retry_after_s or 0) * 1_000)
    void = closing.voided(video, attempt, f"refused: {news.why}")
    end = closing.closed(attempt, world, void, why=news.why, message=news.message, retry_at_ms=retry_at)
    after = with_attempt(video, end)
    if _stops(news.why, world):
        return Moved(video=failover.ended(after, world, *_stopped(video, news.why)), postings=void)
    return _then(failover.go_on(after, world), void)


def _unsent(video: Video, attempt: Attempt, news: Unsent, world: World) -> Moved:
    if _proves_nothing(attempt, news):
        return Moved(video=video)
    void = closing.voided(video, attempt, "not sent")
    after = with_attempt(video, closing.closed(attempt, world, void, message=news.message))
    return _then(failover.go_on(after, world), void)


def _doubted(video: Video, attempt: Attempt, news: Doubted, world: World) -> Moved:
    doubtful = replace(attempt, state=AttemptState.DOUBTFUL, message=news.message, due_ms=world.now_ms)
    after = with_attempt(video, doubtful, state=State.IN_DOUBT, shown_in_progress=True)
    return leave(after, doubtful, world, State.CANCELLED) if video.cancel_asked else Moved(video=after)


def _doubted_named(video: Video, attempt: Attempt, news: Named, world: World) -> Moved:
    doubted = Doubted(news.attempt, "a callback came for it", blame=False)
    return _doubted(video, replace(attempt, named=news.ref), doubted, world)


# --- in doubt -----------------------------------------------------------------------------------------------------


def _not_found(video: Video, attempt: Attempt, news: NotFound, world: World) -> Moved:
    once = orphans.absent_once_more(attempt)
    if not (news.certain or orphans.absent(once)):
        return Moved(video=with_attempt(video, once))
    why = orphans.absence_of(news)
    void = closing.voided(video, attempt, why)
    after = with_attempt(video, closing.closed(once, world, void, message=why))
    return _then(failover.go_on(after, world), void)


def _fail_over(video: Video, attempt: Attempt, news: FailOver, world: World) -> Moved:
    """At risk: the video moves on, the attempt stays open and keeps its hold."""
    route = world.route_of(attempt)
    found = failover.next_route(video, world)
    if route is None or route.doubt is not Doubt.FAILOVER or found is None:
        return Moved(video=video)
    return failover.planned(with_attempt(video, abandon(video, attempt, world)), found, world)


# --- running ------------------------------------------------------------------------------------------------------


def _progressed(video: Video, attempt: Attempt, news: Progressed, world: World) -> Moved:
    seen = replace(attempt, lost_in_a_row=0) if attempt.lost_in_a_row else attempt
    progress = max(video.progress, min(news.progress or 0, 99))
    if progress == video.progress and seen is attempt:
        return Moved(video=video)
    return Moved(video=with_attempt(video, seen, progress=progress))


def _broke(video: Video, attempt: Attempt, news: Broke, world: World) -> Moved:
    money = closing.broken(video, attempt, world, news.why, charged=news.charged, free=news.free)
    after = with_attempt(video, closing.closed(attempt, world, money, why=news.why, message=news.message))
    if TAXONOMY[news.why].at_poll is AtPoll.END and (news.why is Why.INVALID or _stops(news.why, world)):
        return Moved(video=failover.ended(after, world, *_stopped(video, news.why)), postings=money)
    return _then(failover.go_on(after, world), money)


def _lost(video: Video, attempt: Attempt, news: Lost, world: World) -> Moved:
    once = replace(attempt, lost_in_a_row=attempt.lost_in_a_row + 1)
    if once.lost_in_a_row < LOST_MAX:
        return Moved(video=with_attempt(video, once))
    money = closing.lost(video, attempt, world, "lost by the vendor")
    after = with_attempt(video, closing.closed(once, world, money, why=Why.NOT_FOUND, message="the vendor forgot it"))
    if closing.loses_for_free(attempt, world):
        return _then(failover.go_on(after, world), money)
    return Moved(video=failover.ended(after, world, State.FAILED, failover.LOST), postings=money)


# --- collecting ---------------------------------------------------------------------------------------------------


def _stored(video: Video, attempt: Attempt, news: Stored, world: World) -> Moved:
    money = closing.delivered(video, attempt, world)
    after = with_attempt(video, closing.closed(attempt, world, money), assets=news.assets)
    return Moved(video=failover.ended(after, world, State.COMPLETED, None), postings=money)


def _wrong_file(video: Video, attempt: Attempt, news: WrongFile, world: World) -> Moved:
    """The vendor delivered and will bill; what it delivered is of no use."""
    money = closing.settled(video, attempt, attempt.charged, world, "wrong file")
    after = with_attempt(video, closing.closed(attempt, world, money, why=Why.UNREADABLE, message=news.reason))
    return _then(failover.go_on(after, world), money)


def _link_stale(video: Video, attempt: Attempt, news: LinkStale, world: World) -> Moved:
    """Polled again first: many vendors renew a link that way. A link that stays dead is a file that never came; it is
    given time, for the clip is paid."""
    if video.collect_failures >= LINK_STALE_MAX:
        return _wrong_file(video, attempt, WrongFile(attempt.ordinal, "its link stayed dead"), world)
    failures = video.collect_failures
    left_ms = max(0, video.deadline_ms - world.now_ms)
    pause = min(backoff_ms(failures + 1, jitter=world.jitter), left_ms // LINK_PAUSE_PART) if failures else 0
    renewed = replace(attempt, assets=(), due_ms=world.now_ms + pause)
    return Moved(video=with_attempt(video, renewed, state=State.RUNNING, collect_failures=failures + 1))


# --- ends ---------------------------------------------------------------------------------------------------------


def _give_up_queued(video: Video, attempt: Attempt, news: GiveUp, world: World) -> Moved:
    money = unsent_money(video, attempt, world, "not sent in time")
    after = with_attempt(video, closing.closed(attempt, world, money, message="not asked in time"))
    return Moved(video=failover.ended(after, world, State.FAILED, failover.never_sent(video)), postings=money)


def _give_up_doubt(video: Video, attempt: Attempt, news: GiveUp, world: World) -> Moved:
    return leave(video, attempt, world, State.FAILED)


def _give_up_running(video: Video, attempt: Attempt, news: GiveUp, world: World) -> Moved:
    after = with_attempt(video, abandon(video, attempt, world))
    return Moved(video=failover.ended(after, world, State.FAILED, failover.DEADLINE))


def _give_up_collecting(video: Video, attempt: Attempt, news: GiveUp, world: World) -> Moved:
    money = closing.settled(video, attempt, attempt.charged, world, "rendered, not stored")
    after = with_attempt(video, closing.closed(attempt, world, money, message="not stored in time"))
    return Moved(video=failover.ended(after, world, State.FAILED, failover.ASSET_FAILED), postings=money)


def _poisoned(video: Video, attempt: Attempt, news: Poisoned, world: World) -> Moved:
    """Nobody may touch it again: every open attempt is booked as far as it may have got."""
    postings: list[Posting] = []
    for open_attempt in video.open_attempts:
        if open_attempt.state is AttemptState.PLANNED:
            money = closing.voided(video, open_attempt, "poisoned")
        else:
            money = closing.presumed(video, open_attempt, world, "poisoned")
        postings.extend(money)
        video = with_attempt(video, closing.closed(open_attempt, world, money, message="poisoned"))
    if video.state not in FINAL:
        video = failover.ended(video, world, State.FAILED, failover.POISONED)
    return Moved(video=video, postings=tuple(postings))


# --- helpers ------------------------------------------------------------------------------------------------------


def _proves_nothing(attempt: Attempt, news: Declined | Unsent) -> bool:
    """A refused or unsent resend says nothing about the first sending, nor the first about a resend in the air."""
    return news.resend or attempt.sendings > 1


def _out_of_line(moved: Moved) -> Moved:
    """Only a queued video waits in lines."""
    if not moved.video.lined or moved.video.state is State.QUEUED:
        return moved
    return replace(moved, video=replace(moved.video, lined=()))


def _then(moved: Moved, earlier: tuple[Posting, ...]) -> Moved:
    return replace(moved, postings=(*earlier, *moved.postings))


def _stops(why: Why, world: World) -> bool:
    return TAXONOMY[why].at_submit is AtSubmit.STOP and world.model.blocked_stops


def _stopped(video: Video, why: Why) -> tuple[State, VideoError]:
    if video.cancel_asked:
        return State.CANCELLED, failover.CANCELLED
    return State.FAILED, failover.failed_for(why)


_EVERYWHERE: Final[dict[tuple[State, type], Move]] = {
    (state, Poisoned): _poisoned for state in State if state not in FINAL
}

TABLE: Final[dict[tuple[State, type], Move]] = {
    **_EVERYWHERE,
    **cancelling.TABLE,
    **lateness.TABLE,
    (State.QUEUED, Ask): _ask,
    (State.QUEUED, Took): heard(_took),
    (State.QUEUED, Made): heard(_made),
    (State.QUEUED, Declined): heard(_declined),
    (State.QUEUED, Unsent): heard(_unsent),
    (State.QUEUED, Doubted): heard(_doubted),
    (State.QUEUED, Named): heard(_doubted_named),
    (State.QUEUED, Lined): _lined,
    (State.QUEUED, Rerouted): _rerouted,
    (State.QUEUED, GiveUp): _give_up_queued,
    (State.SUBMITTING, Took): _took,
    (State.SUBMITTING, Made): _made,
    (State.SUBMITTING, Named): named,
    (State.SUBMITTING, Declined): _declined,
    (State.SUBMITTING, Unsent): _unsent,
    (State.SUBMITTING, Doubted): _doubted,
    (State.IN_DOUBT, AskAgain): _ask_again,
    (State.IN_DOUBT, Took): _took,
    (State.IN_DOUBT, Made): _made,
    (State.IN_DOUBT, Named): named,
    (State.IN_DOUBT, Misnamed): misnamed,
    (State.IN_DOUBT, Broke): _broke,
    (State.IN_DOUBT, Declined): _declined,
    (State.IN_DOUBT, Unsent): _unsent,
    (State.IN_DOUBT, NotFound): _not_found,
    (State.IN_DOUBT, Likely): orphans.likely,
    (State.IN_DOUBT, FailOver): _fail_over,
    (State.IN_DOUBT, GiveUp): _give_up_doubt,
    (State.RUNNING, Progressed): _progressed,
    (State.RUNNING, Made): _made,
    (State.RUNNING, Broke): _broke,
    (State.RUNNING, Lost): _lost,
    (State.RUNNING, GiveUp): _give_up_running,
    (State.CANCELLING, Made): _made,
    (State.CANCELLING, Broke): _broke,
    (State.CANCELLING, GiveUp): _give_up_running,
    (State.COLLECTING, Stored): _stored,
    (State.COLLECTING, WrongFile): _wrong_file,
    (State.COLLECTING, LinkStale): _link_stale,
    (State.COLLECTING, GiveUp): _give_up_collecting,
}
