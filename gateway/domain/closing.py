"""How an attempt ends, and what that does to its hold.

Void only on proof: refused, not sent, not received, broken or cancelled and free. Every other end settles the whole
hold, marked `presumed` where nobody knows; what the vendor reports, in dollars or in credits that have a rate, wins
over the price list, up to a factor: what is charged beyond that is not believed, and waits for an operator's word.

What gave the client no clip is a loss. The project bears it unless the configuration says that the house does; what the
client caused, with a prompt that was blocked or by cancelling, it always bears.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.domain import charges, ledger
from gateway.domain.change import Kind, Posting
from gateway.domain.routing import CHARGE_FACTOR_BILLIONTHS, Bearer
from gateway.domain.verdicts import TAXONOMY, Fault
from gateway.domain.videos import Attempt, AttemptState, CancelSaid, State, Video
from gateway.domain.world import World
from providers.contract import BILLION, Charge, Why


def closed(
    attempt: Attempt,
    world: World,
    money: Sequence[Posting],
    *,
    why: Why | None = None,
    message: str = "",
    retry_at_ms: int = 0,
) -> Attempt:
    """The attempt with nothing more to come, and what `money`, all of it about this attempt, booked for it."""
    spent = {one.kind: one for one in money}
    settle, dispute = spent.get(Kind.SETTLE), spent.get(Kind.DISPUTE)
    return replace(
        attempt,
        state=AttemptState.CLOSED,
        closed_ms=world.now_ms,
        cost_micros=settle.amount_micros if settle is not None else 0,
        presumed=settle is not None and settle.presumed,
        spared=settle.spared if settle is not None else 0,
        disputed_micros=dispute.amount_micros if dispute is not None else 0,
        # A clip that came inside its link is in our storage by now, or of no use.
        assets=tuple(one for one in attempt.assets if not (one.link or "").startswith("data:")),
        why=why or attempt.why,
        message=message or attempt.message,
        retry_at_ms=retry_at_ms,
    )


def voided(video: Video, attempt: Attempt, reason: str) -> tuple[Posting, ...]:
    """The hold given back, on proof."""
    return (ledger.void(video, attempt, reason),)


def delivered(video: Video, attempt: Attempt, world: World) -> tuple[Posting, ...]:
    """The hold turned into spend for the clip that the client gets."""
    money = _settled(video, attempt, attempt.charged, world, reason="completed", on_house=False)
    return tuple(ledger.for_clip(video, one) for one in money)


def settled(
    video: Video, attempt: Attempt, charged: Charge | None, world: World, reason: str, *, why: Why | None = None
) -> tuple[Posting, ...]:
    """The hold turned into spend without a clip: what the vendor says it took, else the price that was held."""
    on_house = _house_bears(video, attempt, world, why)
    return _settled(video, attempt, charged, world, reason=reason, on_house=on_house)


def presumed(video: Video, attempt: Attempt, world: World, reason: str) -> tuple[Posting, ...]:
    """The whole hold turned into spend because nobody can prove that it is free."""
    on_house = _house_bears(video, attempt, world, None)
    settle = ledger.settle(video, attempt, attempt.price_micros, presumed=True, reason=reason, on_house=on_house)
    return (settle,)


def broken(
    video: Video,
    attempt: Attempt,
    world: World,
    why: Why,
    *,
    charged: Charge | None,
    free: bool | None,
) -> tuple[Posting, ...]:
    """A job that ended without a clip: the vendor's word first, then its reported charge, then the declared data."""
    reason = f"broken: {why}"
    if free is None and charged is None:
        route = world.route_of(attempt)
        free = route is not None and route.abilities.failed_jobs_free
    if free or charged_micros(attempt, charged) == 0:
        return voided(video, attempt, reason)
    return settled(video, attempt, charged, world, reason, why=why)


def lost(video: Video, attempt: Attempt, world: World, reason: str) -> tuple[Posting, ...]:
    """A job that the vendor forgot: free only where that is declared."""
    if loses_for_free(attempt, world):
        return voided(video, attempt, reason)
    return presumed(video, attempt, world, reason)


def loses_for_free(attempt: Attempt, world: World) -> bool:
    route = world.route_of(attempt)
    return route is not None and route.abilities.lost_jobs_free


def charged_micros(attempt: Attempt, charged: Charge | None) -> int | None:
    """A reported charge in micro-dollars, credits at the rate that the attempt was quoted with; None: not known."""
    return charges.micros_of(charged, attempt.credit_usd_billionths)


def _settled(
    video: Video, attempt: Attempt, charged: Charge | None, world: World, *, reason: str, on_house: bool
) -> tuple[Posting, ...]:
    amount, price = charged_micros(attempt, charged), attempt.price_micros
    if amount is None:
        amount = price
    if not _beyond_belief(amount, attempt, world):
        return (ledger.settle(video, attempt, amount, presumed=False, reason=reason, on_house=on_house),)
    excess = f"{reason}; charged {amount} micro-dollars for a price of {price}"
    return (
        ledger.settle(video, attempt, price, presumed=False, reason=reason, on_house=on_house),
        ledger.dispute(video, attempt, amount - price, reason=excess, on_house=on_house),
    )


def _beyond_belief(amount_micros: int, attempt: Attempt, world: World) -> bool:
    route = world.route_of(attempt)
    factor = CHARGE_FACTOR_BILLIONTHS if route is None else route.charge_factor_billionths
    return amount_micros * BILLION > attempt.price_micros * factor


def _house_bears(video: Video, attempt: Attempt, world: World, why: Why | None) -> bool:
    route = world.route_of(attempt)
    if route is None or route.losses is not Bearer.HOUSE:
        return False
    # A job that the vendor would not stop, and then spoilt, was not spoilt by the wish to stop it.
    asked = video.cancel_asked and attempt.cancel_said in (None, CancelSaid.CONFIRMED)
    cancelled = asked or video.state in (State.CANCELLED, State.CANCELLING)
    return not cancelled and (why is None or TAXONOMY[why].fault is not Fault.CLIENT)
