"""Setting targets of webhooks, and sending dead letters once more: what operators do by command and over HTTP alike.

Every change stands in the audit log, without secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import deliveries, targets
from gateway.domain.audit import Deed
from gateway.domain.deliveries import Delivery, Next
from gateway.domain.errors import Absent, BadInput, Unavailable
from gateway.domain.events import Event
from gateway.domain.targets import SECRET_BYTES, Target
from gateway.store.edits import Edit
from gateway.store.store import Store
from gateway.work.hand import Hand
from providers.contract import Json

TRIES_MAX: Final = 8
PER_SCOPE_MAX: Final = 10
REPLAYED_MAX: Final = 10_000
PAGE: Final = 200

Changed = Callable[[Target], Target]


class Wish(Struct, frozen=True, kw_only=True):
    """A target as an operator wants it; checked."""

    scope: str
    url: str
    name: str = ""
    events: tuple[Event, ...]


async def create(store: Store, wish: Wish, hand: Hand) -> tuple[Target, str]:
    """The new target and its secret. BadInput where its scope has as many as it may."""
    mine = [one for one in await store.targets() if one.scope == wish.scope and not one.of_requests]
    if len(mine) >= PER_SCOPE_MAX:
        raise BadInput(f"There are {len(mine)} targets for {wish.scope} already; remove one first.", param="scope")
    secret = targets.new_secret(hand.random(SECRET_BYTES))
    target = Target(
        id=targets.target_id(hand.random(12)),
        scope=wish.scope,
        name=wish.name,
        url=wish.url,
        events=wish.events,
        secrets=(secret,),
        created_ms=hand.now_ms,
    )
    await store.set_target(None, target, _deed(hand, "create", target, before=None, after=target))
    return target, secret.text


async def request_target(store: Store, project: str, hand: Hand) -> Target:
    """What signs for the addresses in a project's requests, made where there is none."""
    for _ in range(TRIES_MAX):
        found = await store.target(targets.of_requests(project))
        if found is not None:
            return found
        made = targets.for_requests(project, hand.random(SECRET_BYTES), hand.now_ms)
        await store.set_target(None, made, _deed(hand, "create", made, before=None, after=made))
    raise Unavailable("The secret for webhooks changes too fast. Try again.", retry_after_s=1)


async def change(store: Store, target_id: str, hand: Hand, verb: str, changed: Changed) -> Target:
    """The target as it is afterwards. Absent if there is none."""
    for _ in range(TRIES_MAX):
        found = await existing(store, target_id)
        after = changed(found)
        if after == found or await store.set_target(found, after, _deed(hand, verb, found, before=found, after=after)):
            return after
    raise Unavailable("The target changes too fast. Try again.", retry_after_s=1)


async def rotate(store: Store, target_id: str, hand: Hand, overlap_s: int) -> tuple[Target, str]:
    """The target and its new secret; the one before signs beside it for so long."""
    random = hand.random(SECRET_BYTES)
    after = await change(
        store, target_id, hand, "rotate", lambda one: targets.rotated(one, random, hand.now_ms, overlap_s)
    )
    return after, after.secrets[0].text


async def enable(store: Store, target_id: str, hand: Hand) -> Target:
    return await change(store, target_id, hand, "enable", lambda one: replace(one, disabled="", disabled_ms=0))


async def stop(store: Store, target_id: str, hand: Hand) -> Target:
    """Nothing is sent there until somebody enables it."""
    word = "disabled by an operator"
    return await change(
        store, target_id, hand, "disable", lambda one: replace(one, disabled=word, disabled_ms=hand.now_ms)
    )


async def disable(store: Store, target: Target, hand: Hand) -> Target | None:
    """After a 410. None if somebody changed its address meanwhile, or disabled it."""
    for _ in range(TRIES_MAX):
        found = await store.target(target.id)
        if found is None or found.disabled or found.url != target.url:
            return None
        gone = deliveries.disabled(found, hand.now_ms)
        if await store.set_target(found, gone, _deed(hand, "disable", found, before=found, after=gone)):
            return gone
    return None


async def remove(store: Store, target_id: str, hand: Hand) -> None:
    """What is on its way there becomes dead letters. Absent if there is none."""
    for _ in range(TRIES_MAX):
        found = await existing(store, target_id)
        if await store.set_target(found, None, _deed(hand, "remove", found, before=found, after=None)):
            return
    raise Unavailable("The target changes too fast. Try again.", retry_after_s=1)


async def existing(store: Store, target_id: str) -> Target:
    found = await store.target(target_id) if targets.TARGET_ID.fullmatch(target_id) else None
    if found is None:
        raise Absent("There is no such target of webhooks.", code="webhook_not_found")
    return found


# --- dead letters -------------------------------------------------------------------------------------------------


class Which(Struct, frozen=True, kw_only=True):
    """Which dead letters: of those that there are, all that fit what is said."""

    id: str | None = None
    target: str | None = None
    event: Event | None = None
    about: str | None = None
    until_ms: int | None = None

    def fits(self, one: Delivery) -> bool:
        return (
            self.id in (None, one.id)
            and self.target in (None, one.target)
            and self.event in (None, one.type)
            and self.about in (None, one.about)
            and (self.until_ms is None or one.dead_ms < self.until_ms)
        )


async def replay(store: Store, which: Which, hand: Hand) -> int:
    """Have dead letters sent once more, with the whole schedule before them. How many."""
    found = await _found(store, which)
    if found:
        await store.edit(Edit(deed=_replaying(hand, which, len(found))))
    done = 0
    for one in found:
        placed, _ = await store.place_delivery(one, Next(deliveries.replayed(one, hand.now_ms), hand.now_ms))
        done += placed
    return done


async def _found(store: Store, which: Which) -> list[Delivery]:
    """Looked for before the first is replayed: a page begins behind its last one's place."""
    if which.id is not None:
        one = await store.delivery(which.id)
        return [one] if one is not None and one.dead_ms and which.fits(one) else []
    found: dict[str, Delivery] = {}
    after: str | None = None
    for _ in range(REPLAYED_MAX // PAGE):
        page = await store.dead_letters(after=after, limit=PAGE)
        if page.lost:  # somebody else has replayed that one: its place is not known any more
            after = None
            continue
        found |= {one.id: one for one in page.letters if which.fits(one)}
        if not page.more or not page.letters:
            break
        after = page.letters[-1].id
    return list(found.values())


def _deed(hand: Hand, verb: str, target: Target, *, before: Target | None, after: Target | None) -> Deed:
    sides: list[Json] = [None if side is None else targets.shown(side) for side in (before, after)]
    return hand.deed(f"webhook.{verb}", f"webhook/{target.id}", *sides)


def _replaying(hand: Hand, which: Which, letters: int) -> Deed:
    """Written before anything is sent: what was found may be sent."""
    said: dict[str, Json] = {
        "delivery": which.id,
        "target": which.target,
        "event": which.event.value if which.event else None,
        "about": which.about,
    }
    told: Json = {"found": letters, **{name: value for name, value in said.items() if value is not None}}
    return hand.deed("webhook.replay", f"webhook/{which.target or 'any'}", after=told)
