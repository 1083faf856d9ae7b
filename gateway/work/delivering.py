"""Delivering webhooks: one loop in every worker claims what is due, lane by lane, and sends it.

A lane is one receiver. Each gets a bounded number of sends at once, and one that keeps us waiting a single one, so a
slow receiver holds up nobody else. A worker that dies leaves leases that run out: what it was sending is sent again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from gateway import metrics
from gateway.domain import deliveries
from gateway.domain.audit import SERVE
from gateway.domain.deliveries import Answer, Delivery, Heard
from gateway.domain.events import Event
from gateway.domain.targets import Target, signing
from gateway.log import log, where
from gateway.store.errors import StoreAway
from gateway.work.announce import announce
from gateway.work.hand import Hand
from gateway.work.relaying import relay
from gateway.work.targeting import disable
from gateway.work.tools import Tools

AT_ONCE: Final = 128
LEASE_MARGIN_S: Final = 15.0
LOOK_EVERY_S: Final = 1.0
GATHER_S: Final = 0.02
"""After a wake: what is due by then is claimed together."""
FIGURES_EVERY_S: Final = 10.0
STOP_S_MAX: Final = 5.0
SLOW_MAX: Final = 10_000


class Deliverer:
    """`run` it as a task; `stop` it before that task is cancelled."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._sends: dict[asyncio.Task[None], str] = {}
        self._in_flight: Counter[str] = Counter()
        self._slow: set[str] = set()
        self._stopping = False
        self._look_s = 0.0
        self._figures_s = 0.0

    async def run(self) -> None:
        while not self._stopping:
            try:
                await self._look()
                await self._turn()
            except StoreAway as error:
                log("store_away", level="error", operation=error.operation, reason=str(error))
            except Exception as error:
                log("delivering_failed", level="error", **where(error))
            await self._idle()

    async def stop(self, grace_s: float) -> None:
        """Nothing new is begun; what is on its way may end within a moment. The rest is sent again by another."""
        self._stopping = True
        self._tools.told.set()
        pending = set(self._sends)
        if pending:
            _, pending = await asyncio.wait(pending, timeout=min(grace_s, STOP_S_MAX))
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _idle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._tools.told.wait()
        if self._tools.told.is_set():
            await asyncio.sleep(GATHER_S)
        self._tools.told.clear()

    async def _turn(self) -> None:
        if self._stopping or len(self._sends) >= AT_ONCE:
            return
        for lane in await self._tools.store.lanes_due(self._tools.clock.now_ms()):
            free = AT_ONCE - len(self._sends)
            room = deliveries.room(self._in_flight[lane], free, slow=lane in self._slow)
            if room and not self._stopping:
                await self._claim(lane, room)

    async def _claim(self, lane: str, room: int) -> None:
        timeout_s = self._tools.snapshot().settings.webhooks.timeout_s
        lease_ms = round((timeout_s + LEASE_MARGIN_S) * 1_000)
        for one in await self._tools.store.claim_deliveries(lane, room, lease_ms=lease_ms):
            task = asyncio.create_task(self._send(one), name=f"deliver {one.id}")
            self._sends[task] = lane
            self._in_flight[lane] += 1
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        lane = self._sends.pop(task)
        self._in_flight[lane] -= 1
        if not self._in_flight[lane]:
            del self._in_flight[lane]
        self._tools.told.set()

    async def _send(self, one: Delivery) -> None:
        try:
            answer = await deliver(self._tools, one)
        except StoreAway as error:
            log("store_away", level="error", operation=error.operation, reason=str(error))
        except Exception as error:
            log("delivering_failed", level="error", delivery=one.id, **where(error))
        else:
            self._learn(one.lane, answer)

    def _learn(self, lane: str, answer: Answer) -> None:
        if not deliveries.is_slow(answer):
            self._slow.discard(lane)
        elif len(self._slow) < SLOW_MAX:
            self._slow.add(lane)

    async def _look(self) -> None:
        """Now and then, however often deliveries come: who listens, what else there is to tell, how it stands."""
        now_s = self._tools.clock.boot_s()
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_EVERY_S / 2
            await self._tools.hearers.refresh(self._tools.store)
            if await relay(self._tools):
                self._look_s = now_s
        if now_s >= self._figures_s:
            self._figures_s = now_s + FIGURES_EVERY_S
            found = await self._tools.store.webhook_standings(self._tools.clock.now_ms())
            metrics.webhooks(found.on_their_way, found.dead, found.oldest_due_ms / 1_000)


async def deliver(tools: Tools, one: Delivery) -> Answer:
    """One try, and what becomes of the delivery. StoreAway: nobody knows; its lease runs out."""
    began_s = tools.clock.boot_s()
    target = tools.hearers.target(one.target)
    if target is None or target.disabled:
        # It may have been made or enabled since this process looked; what ends a delivery has to be true.
        target = await tools.store.target(one.target)
    try:
        answer = await _try(tools, one, target)
    except Exception as error:
        # Counted as any other try: what fails each time must come to an end, too.
        log("delivering_failed", level="error", delivery=one.id, **where(error))
        answer = Answer(Heard.UNREACHABLE)
    if answer.heard is Heard.GONE and target is not None and not target.of_requests:
        await _disable(tools, target)
    then = deliveries.after(one, answer, tools.clock.now_ms(), jitter=tools.chance())
    placed, dropped = await tools.store.place_delivery(one, then)
    if placed:
        dead = then.record is not None and then.due_ms is None
        metrics.webhook_tried(answer.heard.value, tools.clock.boot_s() - began_s, dead=dead, dropped=dropped)
        _tell(then.record or replace(one, tries=one.tries + 1), answer, dead=dead)
    return answer


async def _try(tools: Tools, one: Delivery, target: Target | None) -> Answer:
    if target is None:
        return Answer(Heard.REMOVED)
    if target.disabled:
        return Answer(Heard.DISABLED)
    settings, now_ms = tools.snapshot().settings.webhooks, tools.clock.now_ms()
    return await tools.poster.post(
        one.url or target.url,
        deliveries.headers(one, signing(target, now_ms), now_ms),
        one.body.encode(),
        timeout_s=settings.timeout_s,
        allow_private=settings.allow_private,
    )


def _tell(one: Delivery, answer: Answer, *, dead: bool) -> None:
    """Addresses are not logged: they may hold a secret of the receiver's."""
    outcome = "dead" if dead else "delivered" if answer.heard is Heard.DELIVERED else "again"
    log(
        "webhook_sent",
        "warning" if dead else "info",
        event_type=one.type.value,
        about=one.about,
        target=one.target,
        outcome=outcome,
        heard=answer.heard.value,
        status=answer.status,
        tries=one.tries,
    )


async def _disable(tools: Tools, target: Target) -> None:
    """The receiver said that nobody is there any more: nothing is sent until somebody enables it."""
    hand = Hand(SERVE, tools.random, tools.clock.now_ms())
    gone = await disable(tools.store, target, hand)
    if gone is not None:
        log("webhook_disabled", "warning", target=target.id, reason=gone.disabled)
        facts = {"reason": gone.disabled, "scope": target.scope}
        await announce(tools.store, Event.WEBHOOK_DISABLED, target.id, facts, once=f"{target.id} {gone.disabled_ms}")
        await tools.hearers.refresh(tools.store)
