"""Lateness: when a running attempt has taken so long that the video moves on without it, if its route's policy says so.

Off unless it is configured, because it is at risk: an attempt that is left may still finish, and is paid then. Where
the vendor can cancel, that is tried first. An attempt is left only right after a look at it that brought nothing, and
only for a route that can be asked now; it is followed, with its hold, until the vendor owes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec.structs import replace

from gateway.domain import closing, failover, orphans
from gateway.domain.forecast import latency_s
from gateway.domain.news import CancelConfirmed, CancelFailed, Late
from gateway.domain.observed import UNKNOWN
from gateway.domain.videos import Attempt, CancelSaid, State, Video
from gateway.domain.world import Moved, World, with_attempt

if TYPE_CHECKING:
    from gateway.domain.failover import Next

Move: TypeAlias = "Callable[[Video, Attempt, Any, World], Moved]"

CANCEL_MS: Final = 60_000
"""So long a cancel is tried that nobody answers."""
STAY_MS: Final = 60_000
"""Where no budget allows another attempt, that is asked again so much later."""


class Turn(StrEnum):
    STAY = "stay"
    BEGIN = "begin"  # it is late, and its vendor can cancel
    CANCEL = "cancel"  # that is being tried
    LEAVE = "leave"  # at risk


def turn(video: Video, attempt: Attempt, world: World) -> Turn:
    """What lateness asks for, of the current attempt of a running video."""
    late_ms = late_at_ms(video, attempt, world)
    if late_ms is None or world.now_ms < late_ms or way_out(video, world) is None:
        return Turn.STAY
    route = world.route_of(attempt)
    if route is not None and route.abilities.cancels and not attempt.cancel_tried:
        if attempt.late_ms == 0:
            return Turn.BEGIN
        if world.now_ms < attempt.late_ms + CANCEL_MS:
            return Turn.CANCEL
    return Turn.LEAVE


def late_at_ms(video: Video, attempt: Attempt, world: World) -> int | None:
    """From when on it is late; None: never, by its route's policy or because nothing was learnt yet."""
    rule = world.model.late.get(attempt.route)
    if rule is None or video.cancel_asked:
        return None
    limit_s = rule.after_s
    if limit_s is None:
        learnt = world.observed.get(attempt.route, UNKNOWN).latency_s
        usual = latency_s(learnt, video.request.seconds)
        if usual is None:
            return None
        limit_s = max(rule.times * usual[1 if rule.p95 else 0], rule.at_least_s)
    return max(attempt.sent_ms + round(limit_s * 1_000), attempt.stay_until_ms)


def way_out(video: Video, world: World) -> Next | None:
    """Another route that can be asked now: no running job is left for a wait."""
    found = failover.next_route(video, world)
    return found if found is not None and found.not_before_ms <= world.now_ms else None


# --- moves of a running video --------------------------------------------------------------------------------------


def _late(video: Video, attempt: Attempt, news: Late, world: World) -> Moved:
    match turn(video, attempt, world):
        case Turn.BEGIN:
            return Moved(video=with_attempt(video, replace(attempt, late_ms=world.now_ms, due_ms=world.now_ms)))
        case Turn.LEAVE:
            found = way_out(video, world)
            assert found is not None
            left = orphans.abandon(video, replace(attempt, late_ms=attempt.late_ms or world.now_ms), world)
            return failover.planned(with_attempt(video, left), found, world)
        case _ if world.over_budget:
            return Moved(video=with_attempt(video, replace(attempt, stay_until_ms=world.now_ms + STAY_MS)))
        case _:
            return Moved(video=video)


def _confirmed(video: Video, attempt: Attempt, news: CancelConfirmed, world: World) -> Moved:
    """The vendor has stopped it: nothing more can come of it, free or not."""
    money = orphans.cancel_money(video, attempt, news, world)
    tried = orphans.said(attempt, CancelSaid.CONFIRMED)
    after = with_attempt(video, closing.closed(tried, world, money, message="cancelled because it was late"))
    moved = failover.go_on(after, world)
    return replace(moved, postings=(*money, *moved.postings))


def _failed(video: Video, attempt: Attempt, news: CancelFailed, world: World) -> Moved:
    """The vendor cannot stop it, or it has ended: looked at once more."""
    if attempt.cancel_tried:
        return Moved(video=video)
    return Moved(video=with_attempt(video, replace(orphans.said(attempt, news.said), due_ms=world.now_ms)))


TABLE: Final[dict[tuple[State, type], Move]] = {
    (State.RUNNING, Late): _late,
    (State.RUNNING, CancelConfirmed): _confirmed,
    (State.RUNNING, CancelFailed): _failed,
}
