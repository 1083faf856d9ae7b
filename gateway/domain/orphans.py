"""Attempts that the client no longer waits for: followed for the books until the vendor owes nothing.

An attempt is abandoned when its video moved on or ended without it. Its news is booked and not shown. One exception:
while no later attempt may have been sent, an earlier one that turns out to be alive is adopted again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import replace

from gateway.domain import closing, failover
from gateway.domain.change import Binding, Posting
from gateway.domain.news import (
    Broke,
    CancelConfirmed,
    CancelFailed,
    Declined,
    Doubted,
    GiveUp,
    Likely,
    Lost,
    Made,
    Misnamed,
    Named,
    News,
    NotFound,
    Poisoned,
    Progressed,
    Took,
    Unsent,
)
from gateway.domain.videos import Attempt, AttemptState, CancelSaid, State, Video, attempt_id
from gateway.domain.world import FOLLOW_DOUBT_MS, FOLLOW_MS, Moved, World, with_attempt
from providers.contract import Ref

Move: TypeAlias = "Callable[[Video, Attempt, Any, World], Moved]"

# Vendors answer "no such job" for a moment after accepting; several in a row mean that it is gone.
LOST_MAX: Final = 3
EMPTY_FINDS_NEEDED: Final = 2


def apply(video: Video, attempt: Attempt, news: News, world: World) -> Moved:
    """News of an open attempt that is not the current one, or of a video that is final."""
    if isinstance(news, Took | Made) and _may_adopt(video, attempt):
        return _adopt(video, attempt, news, world)
    move = TABLE.get((attempt.state, type(news)))
    return move(video, attempt, news, world) if move else Moved(video=video)


def abandon(video: Video, attempt: Attempt, world: World) -> Attempt:
    """Followed from now on. Where nothing can be learnt about a doubt it stays open until the video's deadline."""
    doubtful = attempt.state is AttemptState.DOUBTFUL
    blind = doubtful and not learnable(attempt, world)
    follow_ms = FOLLOW_DOUBT_MS if doubtful else FOLLOW_MS
    until = max(video.deadline_ms, world.now_ms + 1_000) if blind else world.now_ms + follow_ms
    return replace(attempt, abandoned=True, follow_until_ms=until, due_ms=world.now_ms)


def learnable(attempt: Attempt, world: World) -> bool:
    """Whether a doubt may still be resolved by asking the vendor, or by the vendor's calling back."""
    route = world.route_of(attempt)
    return attempt.named is not None or (route is not None and (route.abilities.finds or route.abilities.calls_back))


def leave(video: Video, attempt: Attempt, world: World, state: State) -> Moved:
    """A doubt that nobody waits for any more: followed where something can still be learnt, else booked as presumed."""
    error = failover.CANCELLED if state is State.CANCELLED else failover.OUTCOME_UNKNOWN
    if learnable(attempt, world):
        after = with_attempt(video, abandon(video, attempt, world))
        return Moved(video=failover.ended(after, world, state, error))
    money = closing.presumed(video, attempt, world, "outcome unknown")
    after = with_attempt(video, closing.closed(attempt, world, money))
    return Moved(video=failover.ended(after, world, state, error), postings=money)


def took(attempt: Attempt, ref: Ref, world: World) -> Attempt:
    return replace(
        attempt,
        state=AttemptState.RUNNING,
        ref=ref,
        named=None,
        accepted_ms=world.now_ms,
        due_ms=world.now_ms,
        empty_finds=0,
        candidates=(),
    )


def named(video: Video, attempt: Attempt, news: Named, world: World) -> Moved:
    """To be looked at now. What was named first counts until it was looked at, so a replay changes nothing."""
    if attempt.named is not None:
        return Moved(video=video)
    return Moved(video=with_attempt(video, replace(attempt, named=news.ref, due_ms=world.now_ms)))


def misnamed(video: Video, attempt: Attempt, news: Misnamed, world: World) -> Moved:
    if attempt.named is None:
        return Moved(video=video)
    return Moved(video=with_attempt(video, replace(attempt, named=None, due_ms=world.now_ms)))


def made(attempt: Attempt, news: Made, world: World) -> Attempt:
    return replace(
        attempt,
        state=AttemptState.RUNNING,
        ref=news.ref if news.ref is not None else attempt.ref,
        named=None,
        accepted_ms=attempt.accepted_ms or world.now_ms,
        assets=news.assets,
        charged=news.charged,
        due_ms=world.now_ms,
        lost_in_a_row=0,
    )


def bound(video: Video, attempt: Attempt, ref: Ref) -> Binding:
    """(account, ref) as the store keeps it: a digest of the ref's canonical JSON."""
    return Binding(attempt.account, digest_of(ref), attempt_id(video.id, attempt.ordinal))


def digest_of(ref: Ref) -> str:
    return hashlib.sha256(msgspec.json.encode(ref, order="deterministic")).hexdigest()


def bindings(video: Video) -> tuple[Binding, ...]:
    """Every (account, ref) that an attempt of the video has."""
    return tuple(bound(video, attempt, attempt.ref) for attempt in video.attempts if attempt.ref is not None)


def cancel_money(video: Video, attempt: Attempt, news: CancelConfirmed, world: World) -> tuple[Posting, ...]:
    """Confirmed after the start: free only if the vendor says so."""
    if news.free or closing.charged_micros(attempt, news.charged) == 0:
        return closing.voided(video, attempt, "cancelled, free")
    if news.charged is not None:
        return closing.settled(video, attempt, news.charged, world, "cancelled")
    return closing.presumed(video, attempt, world, "cancelled after the start")


def said(attempt: Attempt, word: CancelSaid) -> Attempt:
    """The vendor was asked to stop it, and that came of it."""
    return replace(attempt, cancel_tried=True, cancel_said=word)


def absent_once_more(attempt: Attempt) -> Attempt:
    """After one more complete and empty find: what earlier ones took for it is not there any more."""
    return replace(attempt, empty_finds=attempt.empty_finds + 1, candidates=())


def absent(attempt: Attempt) -> bool:
    """Whether its finds prove that it was not received."""
    return attempt.empty_finds >= EMPTY_FINDS_NEEDED


def absence_of(news: NotFound) -> str:
    return "not received, by an operator's word" if news.certain else "not received"


def likely(video: Video, attempt: Attempt, news: Likely, world: World) -> Moved:
    """Kept for an operator; an absence must be seen anew."""
    if attempt.candidates == news.refs:
        return Moved(video=video)
    return Moved(video=with_attempt(video, replace(attempt, candidates=news.refs, empty_finds=0)))


def _may_adopt(video: Video, attempt: Attempt) -> bool:
    """While the video is queued its current attempt is only planned; no other one may be alive or in the air."""
    if video.state is not State.QUEUED:
        return False
    return all(later.state in _NOT_IN_THE_AIR for later in video.attempts[attempt.ordinal :])


_NOT_IN_THE_AIR: Final = frozenset({AttemptState.PLANNED, AttemptState.CLOSED})


def _adopt(video: Video, attempt: Attempt, news: Took | Made, world: World) -> Moved:
    """The later attempt was only planned: its hold goes back, and the earlier one is the client's again."""
    postings: list[Posting] = []
    for later in video.attempts[attempt.ordinal :]:
        if later.state is AttemptState.CLOSED:
            continue
        void = closing.voided(video, later, "an earlier attempt was found alive")
        postings.extend(void)
        video = with_attempt(video, closing.closed(later, world, void, message="an earlier attempt was found alive"))
    back = replace(attempt, abandoned=False, follow_until_ms=0)
    ref: Ref | None = news.ref
    if isinstance(news, Took):
        alive, state = took(back, news.ref, world), State.RUNNING
    else:
        alive, state = made(back, news, world), State.COLLECTING
    video = with_attempt(video, alive, state=state, current=attempt.ordinal, shown_in_progress=True)
    return Moved(video=video, postings=tuple(postings), binding=bound(video, attempt, ref) if ref is not None else None)


def _took(video: Video, attempt: Attempt, news: Took, world: World) -> Moved:
    follow = replace(took(attempt, news.ref, world), abandoned=True, follow_until_ms=world.now_ms + FOLLOW_MS)
    return Moved(video=with_attempt(video, follow), binding=bound(video, attempt, news.ref))


def _made(video: Video, attempt: Attempt, news: Made, world: World) -> Moved:
    """Rendered for nobody: paid all the same. Its links stay in the record for the operator."""
    finished = made(attempt, news, world)
    money = closing.settled(video, finished, news.charged, world, "finished too late")
    end = closing.closed(finished, world, money, message="finished after the video had gone on")
    return Moved(video=with_attempt(video, end), postings=money)


def _broke(video: Video, attempt: Attempt, news: Broke, world: World) -> Moved:
    money = closing.broken(video, attempt, world, news.why, charged=news.charged, free=news.free)
    end = closing.closed(attempt, world, money, why=news.why, message=news.message)
    return Moved(video=with_attempt(video, end), postings=money)


def _declined(video: Video, attempt: Attempt, news: Declined, world: World) -> Moved:
    if news.resend or attempt.sendings > 1:
        return Moved(video=video)
    void = closing.voided(video, attempt, f"refused: {news.why}")
    end = closing.closed(attempt, world, void, why=news.why, message=news.message)
    return Moved(video=with_attempt(video, end), postings=void)


def _unsent(video: Video, attempt: Attempt, news: Unsent, world: World) -> Moved:
    if news.resend or attempt.sendings > 1:
        return Moved(video=video)
    void = closing.voided(video, attempt, "not sent")
    end = closing.closed(attempt, world, void, message=news.message)
    return Moved(video=with_attempt(video, end), postings=void)


def _doubted(video: Video, attempt: Attempt, news: Doubted, world: World) -> Moved:
    doubtful = replace(attempt, state=AttemptState.DOUBTFUL, message=news.message)
    return Moved(video=with_attempt(video, abandon(video, doubtful, world)))


def _not_found(video: Video, attempt: Attempt, news: NotFound, world: World) -> Moved:
    once = absent_once_more(attempt)
    if not (news.certain or absent(once)):
        return Moved(video=with_attempt(video, once))
    void = closing.voided(video, attempt, absence_of(news))
    end = closing.closed(once, world, void, message=absence_of(news))
    return Moved(video=with_attempt(video, end), postings=void)


def _lost(video: Video, attempt: Attempt, news: Lost, world: World) -> Moved:
    once = replace(attempt, lost_in_a_row=attempt.lost_in_a_row + 1)
    if once.lost_in_a_row < LOST_MAX:
        return Moved(video=with_attempt(video, once))
    money = closing.lost(video, attempt, world, "lost by the vendor")
    end = closing.closed(once, world, money, message="the vendor forgot it")
    return Moved(video=with_attempt(video, end), postings=money)


def _cancelled(video: Video, attempt: Attempt, news: CancelConfirmed, world: World) -> Moved:
    money = cancel_money(video, attempt, news, world)
    end = closing.closed(said(attempt, CancelSaid.CONFIRMED), world, money, message="cancelled")
    return Moved(video=with_attempt(video, end), postings=money)


def _cancel_failed(video: Video, attempt: Attempt, news: CancelFailed, world: World) -> Moved:
    return Moved(video=with_attempt(video, replace(said(attempt, news.said), due_ms=world.now_ms)))


def _progressed(video: Video, attempt: Attempt, news: Progressed, world: World) -> Moved:
    if not attempt.lost_in_a_row:
        return Moved(video=video)
    return Moved(video=with_attempt(video, replace(attempt, lost_in_a_row=0)))


def _booked(video: Video, attempt: Attempt, news: GiveUp | Poisoned, world: World) -> Moved:
    money = closing.presumed(video, attempt, world, "never known")
    end = closing.closed(attempt, world, money, message="followed long enough")
    return Moved(video=with_attempt(video, end), postings=money)


TABLE: Final[dict[tuple[AttemptState, type], Move]] = {
    (AttemptState.SENT, Took): _took,
    (AttemptState.SENT, Made): _made,
    (AttemptState.SENT, Named): named,
    (AttemptState.SENT, Declined): _declined,
    (AttemptState.SENT, Unsent): _unsent,
    (AttemptState.SENT, Doubted): _doubted,
    (AttemptState.DOUBTFUL, Took): _took,
    (AttemptState.DOUBTFUL, Made): _made,
    (AttemptState.DOUBTFUL, Named): named,
    (AttemptState.DOUBTFUL, Misnamed): misnamed,
    (AttemptState.DOUBTFUL, Broke): _broke,
    (AttemptState.DOUBTFUL, Declined): _declined,
    (AttemptState.DOUBTFUL, Unsent): _unsent,
    (AttemptState.DOUBTFUL, NotFound): _not_found,
    (AttemptState.DOUBTFUL, Likely): likely,
    (AttemptState.RUNNING, Made): _made,
    (AttemptState.RUNNING, Broke): _broke,
    (AttemptState.RUNNING, Lost): _lost,
    (AttemptState.RUNNING, Progressed): _progressed,
    (AttemptState.RUNNING, CancelConfirmed): _cancelled,
    (AttemptState.RUNNING, CancelFailed): _cancel_failed,
    **{(state, GiveUp): _booked for state in (AttemptState.SENT, AttemptState.DOUBTFUL, AttemptState.RUNNING)},
    **{(state, Poisoned): _booked for state in (AttemptState.SENT, AttemptState.DOUBTFUL, AttemptState.RUNNING)},
}
