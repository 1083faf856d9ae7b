"""What a due video needs next: one action at a time, or the time when it is to be looked at again.

Pure. The stepper performs the action, turns what came of it into news, lets `moves` decide, commits, and asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from gateway.domain import failover, lateness
from gateway.domain.lateness import Turn
from gateway.domain.news import CancelAsked, FailOver, GiveUp, Late, Lost, NotFound, Poisoned, Took
from gateway.domain.retry import backoff_ms, poll_interval_ms
from gateway.domain.routing import Doubt, Route
from gateway.domain.videos import FINAL, Attempt, AttemptState, State, Video, Word
from gateway.domain.world import World

RESEND_LIFE_UNKNOWN_S: Final = 600
# A vendor that can be asked is asked for so long before the policy for doubt speaks, and no longer than a part of the
# time that the video has: another route needs some of it.
FIND_S: Final = 600
FIND_PART: Final = 4
ORPHAN_POLL_S: Final = 60
# Whoever waits in line is called; this is for the case that all who would call have died.
IN_LINE_S: Final = 300


class Submit(Struct, frozen=True):
    attempt: int


class Resend(Struct, frozen=True):
    attempt: int


class Find(Struct, frozen=True):
    attempt: int


class Confirm(Struct, frozen=True):
    """Look at the job that a callback named."""

    attempt: int


class Poll(Struct, frozen=True):
    attempt: int


class Cancel(Struct, frozen=True):
    attempt: int


class Collect(Struct, frozen=True):
    attempt: int


class Decide(Struct, frozen=True):
    """No call is needed: the news is already certain."""

    news: GiveUp | FailOver | Late | Poisoned | Lost | CancelAsked | Took | NotFound


class DoubtAfterDeath(Struct, frozen=True):
    """Somebody died with a call in the air: the outcome is unknown."""

    attempt: int


class Sweep(Struct, frozen=True):
    """The files are no longer needed."""


class Rest(Struct, frozen=True):
    """Nothing to do before; None: nothing ever again."""

    due_ms: int | None


Action: TypeAlias = Submit | Resend | Find | Confirm | Poll | Cancel | Collect | Decide | DoubtAfterDeath | Sweep | Rest


def agenda(video: Video, world: World, waits: Mapping[int, int]) -> Action:
    """`waits`: when to look at an attempt again (by ordinal), for those that this step has already looked at."""
    soonest: int | None = None
    for attempt in video.open_attempts:
        # Who waits in line is looked at when called.
        due_ms = 0 if video.lined and attempt.state is AttemptState.PLANNED else attempt.due_ms
        action = _for_attempt(video, attempt, world, waits.get(attempt.ordinal, due_ms))
        if not isinstance(action, Rest):
            return action
        soonest = _earlier(soonest, action.due_ms)
    if video.sweep_ms and not video.open_attempts:
        if world.now_ms >= video.sweep_ms:
            return Sweep()
        soonest = _earlier(soonest, video.sweep_ms)
    return Rest(soonest)


def _for_attempt(video: Video, attempt: Attempt, world: World, due_ms: int) -> Action:
    if attempt.word is not None and attempt.state is AttemptState.DOUBTFUL and due_ms <= world.now_ms:
        return Decide(_told(attempt.ordinal, attempt.word))
    if attempt.abandoned or video.state in FINAL or attempt.ordinal != video.current:
        return _follow(attempt, world, due_ms)
    over = world.now_ms >= video.deadline_ms
    if video.state is State.SUBMITTING:
        return DoubtAfterDeath(attempt.ordinal)
    if over:
        return Decide(GiveUp(attempt.ordinal))
    if video.cancel_ms and not video.cancel_asked:
        return Decide(CancelAsked(attempt.ordinal))
    if video.state is State.RUNNING:
        return _running(video, attempt, world, due_ms)
    if due_ms > world.now_ms and video.state is not State.IN_DOUBT:
        return Rest(min(due_ms, video.deadline_ms))
    match video.state:
        case State.QUEUED:
            return Submit(attempt.ordinal)
        case State.IN_DOUBT:
            return _resolve(video, attempt, world, due_ms)
        case State.COLLECTING:
            return Collect(attempt.ordinal)
        case State.CANCELLING if not attempt.cancel_tried:
            return Cancel(attempt.ordinal)
        case _:
            return Poll(attempt.ordinal)


def _told(ordinal: int, word: Word) -> Took | NotFound:
    """An operator's word about a doubt, as news."""
    if word.received and word.ref is not None:
        return Took(ordinal, word.ref)
    return NotFound(ordinal, certain=True)


def _running(video: Video, attempt: Attempt, world: World, due_ms: int) -> Action:
    """Looked at when it is due. Lateness speaks only after a look that brought nothing."""
    turn = lateness.turn(video, attempt, world)
    if due_ms <= world.now_ms:
        return Cancel(attempt.ordinal) if turn is Turn.CANCEL else Poll(attempt.ordinal)
    if turn is Turn.BEGIN or turn is Turn.LEAVE:
        return Decide(Late(attempt.ordinal))
    late_ms = lateness.late_at_ms(video, attempt, world)
    if late_ms is not None and late_ms > world.now_ms:
        due_ms = min(due_ms, late_ms)
    return Rest(min(due_ms, video.deadline_ms))


def _resolve(video: Video, attempt: Attempt, world: World, due_ms: int) -> Action:
    """Doubt: look at what a callback named, resend where the vendor honours keys, else look for it where it can be
    asked, else the route's policy."""
    if attempt.named is not None:
        return Rest(min(due_ms, video.deadline_ms)) if due_ms > world.now_ms else Confirm(attempt.ordinal)
    route = world.route_of(attempt)
    resend = may_resend(attempt, route, world.now_ms) and not _may_be_elsewhere(video, attempt, world)
    find = route is not None and route.abilities.finds
    asked_ms = min(FIND_S * 1_000, (video.deadline_ms - attempt.sent_ms) // FIND_PART)
    learnable = resend or (find and world.now_ms < attempt.sent_ms + asked_ms)
    failing_over = route is not None and route.doubt is Doubt.FAILOVER and not learnable
    if failing_over and failover.next_route(video, world) is not None:
        return Decide(FailOver(attempt.ordinal))
    if not (resend or find):
        return Rest(video.deadline_ms)
    if due_ms > world.now_ms:
        return Rest(min(due_ms, video.deadline_ms))
    return Resend(attempt.ordinal) if resend else Find(attempt.ordinal)


def _follow(attempt: Attempt, world: World, due_ms: int) -> Action:
    """An attempt that nobody waits for. It is never resent: that could start what never arrived."""
    if attempt.state is AttemptState.SENT:
        return DoubtAfterDeath(attempt.ordinal)
    if world.now_ms >= attempt.follow_until_ms:
        return Decide(GiveUp(attempt.ordinal))
    route = world.route_of(attempt)
    doubtful, named = attempt.state is AttemptState.DOUBTFUL, attempt.named is not None
    if doubtful and not named and not (route is not None and route.abilities.finds):
        return Rest(attempt.follow_until_ms)
    if due_ms > world.now_ms:
        return Rest(min(due_ms, attempt.follow_until_ms))
    if doubtful:
        return Confirm(attempt.ordinal) if named else Find(attempt.ordinal)
    if route is not None and route.abilities.cancels and not attempt.cancel_tried:
        return Cancel(attempt.ordinal)
    return Poll(attempt.ordinal)


def may_resend(attempt: Attempt, route: Route | None, now_ms: int) -> bool:
    """Within the declared life of the key at the vendor; a key whose life is not known lives ten minutes."""
    if route is None or route.abilities.resend_safe_s is None:
        return False
    life_s = route.abilities.resend_safe_s or RESEND_LIFE_UNKNOWN_S
    return now_ms < attempt.sent_ms + life_s * 1_000


def _may_be_elsewhere(video: Video, attempt: Attempt, world: World) -> bool:
    """A store that forgot commits may have forgotten that this attempt was refused and the next route was asked."""
    return world.forgets(video) and any(not one.dropped and one.route != attempt.route for one in video.plan)


def proves_absence_ms(attempt: Attempt, route: Route) -> int | None:
    """From when on an empty, complete find proves that nothing arrived; None: never."""
    visible = route.abilities.visible_after_s
    if visible is None:
        return None
    return attempt.send_by_ms + round((route.socket_timeout_s + visible) * 1_000)


def next_look_ms(video: Video, attempt: Attempt, world: World, *, not_before_ms: int = 0) -> int:
    """When to look at an attempt again after a look that brought nothing."""
    route = world.route_of(attempt)
    if attempt.state is AttemptState.DOUBTFUL:
        wait = backoff_ms(2 + (world.now_ms - attempt.sent_ms) // 10_000, jitter=world.jitter)
    elif video.lined:
        wait = round(IN_LINE_S * 1_000 * (0.5 + world.jitter))
    elif attempt.abandoned or video.state in FINAL or route is None:
        wait = ORPHAN_POLL_S * 1_000
    else:
        age = world.now_ms - (attempt.accepted_ms or world.now_ms)
        wait = poll_interval_ms(age, min_s=route.poll_min_s, max_s=route.poll_max_s, jitter=world.jitter)
    return max(world.now_ms + wait, not_before_ms)


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
