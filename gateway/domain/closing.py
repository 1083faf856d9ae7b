"""How an attempt ends, and what that does to its hold.

Void only on proof: refused, not sent, not received, broken or cancelled and free. Every other end settles the whole
hold, marked `presumed` where nobody knows; what the vendor reports, in dollars or in credits that have a rate, wins
over the price list.
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain import charges, ledger
from gateway.domain.change import Posting
from gateway.domain.videos import Attempt, AttemptState, Video
from gateway.domain.world import World
from providers.contract import Charge, Why


def closed(
    attempt: Attempt, world: World, *, why: Why | None = None, message: str = "", retry_at_ms: int = 0
) -> Attempt:
    """The attempt with nothing more to come."""
    return replace(
        attempt,
        state=AttemptState.CLOSED,
        closed_ms=world.now_ms,
        why=why or attempt.why,
        message=message or attempt.message,
        retry_at_ms=retry_at_ms,
    )


def voided(video: Video, attempt: Attempt, reason: str) -> tuple[Posting, ...]:
    """The hold given back, on proof."""
    return (ledger.void(video, attempt, reason),)


def settled(video: Video, attempt: Attempt, charged: Charge | None, reason: str) -> tuple[Posting, ...]:
    """The hold turned into spend: what the vendor says it took, else the price that was held."""
    amount = charged_micros(attempt, charged)
    return (
        ledger.settle(
            video, attempt, attempt.price_micros if amount is None else amount, presumed=False, reason=reason
        ),
    )


def presumed(video: Video, attempt: Attempt, reason: str) -> tuple[Posting, ...]:
    """The whole hold turned into spend because nobody can prove that it is free."""
    return (ledger.settle(video, attempt, attempt.price_micros, presumed=True, reason=reason),)


def broken(
    video: Video, attempt: Attempt, world: World, *, charged: Charge | None, free: bool | None, reason: str
) -> tuple[Posting, ...]:
    """A job that ended without a clip: the vendor's word first, then its reported charge, then the declared data."""
    if free is None and charged is None:
        route = world.route_of(attempt)
        free = route is not None and route.abilities.failed_jobs_free
    if free or charged_micros(attempt, charged) == 0:
        return voided(video, attempt, reason)
    return settled(video, attempt, charged, reason)


def lost(video: Video, attempt: Attempt, world: World, reason: str) -> tuple[Posting, ...]:
    """A job that the vendor forgot: free only where that is declared."""
    if loses_for_free(attempt, world):
        return voided(video, attempt, reason)
    return presumed(video, attempt, reason)


def loses_for_free(attempt: Attempt, world: World) -> bool:
    route = world.route_of(attempt)
    return route is not None and route.abilities.lost_jobs_free


def charged_micros(attempt: Attempt, charged: Charge | None) -> int | None:
    """A reported charge in micro-dollars, credits at the rate that the attempt was quoted with; None: not known."""
    return charges.micros_of(charged, attempt.credit_usd_billionths)
