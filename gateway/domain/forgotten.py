"""What a store that forgot commits leaves behind: news of sendings that the record knows nothing of, and attempts that
read as never sent and may have been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import replace

from gateway.domain import closing
from gateway.domain.change import Posting
from gateway.domain.videos import Attempt, AttemptState, Video
from gateway.domain.world import Moved, World

Move: TypeAlias = "Callable[[Video, Attempt, Any, World], Moved]"


def heard(move: Move) -> Move:
    """The move for news of a planned attempt: it was sent, and the store has forgotten that it was asked for."""

    def moved(video: Video, attempt: Attempt, news: Any, world: World) -> Moved:
        sent = replace(
            attempt,
            state=AttemptState.SENT,
            sendings=1,
            sent_ms=attempt.planned_ms,
            send_by_ms=world.now_ms,
        )
        return move(video, sent, news, world)

    return moved


def unsent_money(video: Video, attempt: Attempt, world: World, reason: str) -> tuple[Posting, ...]:
    """The end of an attempt that was not asked for: free, unless the store may have forgotten that it was."""
    if world.forgets(video):
        return closing.presumed(video, attempt, world, f"{reason}, as far as the store remembers")
    return closing.voided(video, attempt, reason)
