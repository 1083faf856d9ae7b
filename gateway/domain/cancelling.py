"""Cancelling: what a client's wish does to a video, by the state it is in, and what the vendor's word does after it.

Before a byte was sent it is free and at once. While a call is in the air it is noted, and acted on after the answer. A
vendor that will not stop renders on, and the clip is the client's; but no further attempt is made, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from gateway.domain import closing, failover, orphans
from gateway.domain.forgotten import unsent_money
from gateway.domain.news import CancelAsked, CancelConfirmed, CancelFailed
from gateway.domain.videos import Attempt, CancelSaid, State, Video
from gateway.domain.world import Moved, World, with_attempt

Move: TypeAlias = "Callable[[Video, Attempt, Any, World], Moved]"


def _queued(video: Video, attempt: Attempt, news: CancelAsked, world: World) -> Moved:
    money = unsent_money(video, attempt, world, "cancelled before the start")
    end = closing.closed(attempt, world, money, message="cancelled before it was sent")
    after = with_attempt(_wished(video, world), end)
    return Moved(video=failover.ended(after, world, State.CANCELLED, failover.CANCELLED), postings=money)


def _submitting(video: Video, attempt: Attempt, news: CancelAsked, world: World) -> Moved:
    return Moved(video=video if video.cancel_asked else _wished(video, world))


def _in_doubt(video: Video, attempt: Attempt, news: CancelAsked, world: World) -> Moved:
    return orphans.leave(_wished(video, world), attempt, world, State.CANCELLED)


def _running(video: Video, attempt: Attempt, news: CancelAsked, world: World) -> Moved:
    """A vendor that has answered once is not asked again; should it break the job, no other is."""
    if attempt.cancel_tried:
        return Moved(video=video if video.cancel_asked else _wished(video, world))
    due = replace(attempt, due_ms=world.now_ms)
    return Moved(video=with_attempt(_wished(video, world), due, state=State.CANCELLING))


def _collecting(video: Video, attempt: Attempt, news: CancelAsked, world: World) -> Moved:
    """The clip is there and will be billed: too late. Should it be of no use, none is made in its place."""
    if attempt.cancel_said is not None:
        return Moved(video=video if video.cancel_asked else _wished(video, world))
    return Moved(video=with_attempt(_wished(video, world), orphans.said(attempt, CancelSaid.TOO_LATE)))


def _confirmed(video: Video, attempt: Attempt, news: CancelConfirmed, world: World) -> Moved:
    money = orphans.cancel_money(video, attempt, news, world)
    end = closing.closed(orphans.said(attempt, CancelSaid.CONFIRMED), world, money, message="cancelled")
    after = with_attempt(video, end)
    return Moved(video=failover.ended(after, world, State.CANCELLED, failover.CANCELLED), postings=money)


def _failed(video: Video, attempt: Attempt, news: CancelFailed, world: World) -> Moved:
    on = replace(orphans.said(attempt, news.said), due_ms=world.now_ms)
    return Moved(video=with_attempt(video, on, state=State.RUNNING))


def _wished(video: Video, world: World) -> Video:
    return replace(video, cancel_asked=True, cancel_ms=video.cancel_ms or world.now_ms)


TABLE: Final[dict[tuple[State, type], Move]] = {
    (State.QUEUED, CancelAsked): _queued,
    (State.SUBMITTING, CancelAsked): _submitting,
    (State.IN_DOUBT, CancelAsked): _in_doubt,
    (State.RUNNING, CancelAsked): _running,
    (State.COLLECTING, CancelAsked): _collecting,
    (State.CANCELLING, CancelConfirmed): _confirmed,
    (State.CANCELLING, CancelFailed): _failed,
}
