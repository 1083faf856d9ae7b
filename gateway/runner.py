"""The runner: one background loop in every worker that claims due videos and steps each of them.

Claims come in batches and push the due time forward by the lease; steps run side by side up to a bound; videos that may
rest are written back in batches. In a crowd of requests claims are few (`courtesy`). If this process dies,
its videos simply become due again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from gateway import metrics
from gateway.domain.suspects import may_step
from gateway.log import log, where
from gateway.store.errors import StoreAway
from gateway.store.outcomes import Claimed, Rest
from gateway.work.chores import RETENTION_EVERY_S, STRAYS_EVERY_S, again_and_again, chores
from gateway.work.courtesy import TICK_S, Courtesy
from gateway.work.delivering import Deliverer
from gateway.work.lines import EVERY_S as CALL_EVERY_S
from gateway.work.lines import call_lines
from gateway.work.observing import observe
from gateway.work.rolling import EVERY_S, Roller
from gateway.work.step import step
from gateway.work.tools import Tools

STEPS_AT_ONCE_MAX = 512
CLAIM_MAX = 128
IDLE_S = 0.1
REST_EVERY_S = 0.02
REST_MAX = 256
STORE_AWAY_S = 0.5
TROUBLE_S = 1.0
SUSPECTS_S = 0.5
LOOP_LAG_EVERY_S = 0.05


@dataclass(slots=True)
class Cut:
    """What a stop interrupted."""

    steps: int = 0


class Runner:
    """`start`, then `stop`. It looks at once when `tools.due` is set. `arrived` counts the requests of this process."""

    def __init__(
        self,
        tools: Tools,
        *,
        name: str,
        arrived: Callable[[], int] = lambda: 0,
        strays_every_s: float = STRAYS_EVERY_S,
        retention_every_s: float = RETENTION_EVERY_S,
    ) -> None:
        self._tools = tools
        self._chores = chores(tools, strays_every_s=strays_every_s, retention_every_s=retention_every_s)
        self._deliverer = Deliverer(tools)
        self._name = name
        self._courtesy = Courtesy(arrived)
        self._steps: dict[asyncio.Task[None], Claimed] = {}
        self._rests: list[Rest] = []
        self._awake = tools.due
        self._lines_pause_s = CALL_EVERY_S
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._loops = [
            asyncio.create_task(again("claim", self._claim_turn, over=lambda: self._stopping), name="claim"),
            asyncio.create_task(again("rest", self._rest_turn), name="rest"),
            asyncio.create_task(again("lag", self._lag_turn), name="lag"),
            asyncio.create_task(self._usage_loop(), name="usage"),
            asyncio.create_task(self._observe_loop(), name="observe"),
            asyncio.create_task(again("lines", self._lines_turn), name="lines"),
            asyncio.create_task(self._deliverer.run(), name="deliver"),
            *(asyncio.create_task(again_and_again(self._tools, one), name=one.name) for one in self._chores),
        ]

    async def stop(self, grace_s: float) -> Cut:
        """No new claims; steps that end within the grace end, the rest is cut; every lease is handed back. The grace is
        one for all: whoever stops the process counts it, too."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + grace_s
        self._stopping = True
        self._awake.set()
        claiming, *others = self._loops
        delivering = loop.create_task(self._deliverer.stop(grace_s))
        await asyncio.wait([claiming], timeout=grace_s)
        pending = set(self._steps)
        if pending:
            _, pending = await asyncio.wait(pending, timeout=max(0.0, ends_s - loop.time()))
        await delivering
        held = [self._steps[task] for task in pending]
        for task in [*pending, claiming, *others]:
            task.cancel()
        await asyncio.gather(*pending, claiming, *others, return_exceptions=True)
        with suppress(StoreAway):
            await self._flush()
            await observe(self._tools)
            await self._tools.store.hand_back([(one.video.id, one.token) for one in held])
        if held:
            log("steps_cut", level="warning", steps=len(held))
            metrics.steps_cut(len(held))
        return Cut(len(held))

    # --- claiming ---------------------------------------------------------------------------------------------

    async def _claim_turn(self) -> None:
        if not self._tools.hearers.known:  # before the first step: what it changes may be somebody's to hear of
            await self._tools.hearers.refresh(self._tools.store)
        free = min(STEPS_AT_ONCE_MAX - len(self._steps), CLAIM_MAX)
        quota = self._courtesy.quota(free, asyncio.get_running_loop().time())
        claimed = await self._claim(quota) if quota > 0 else 0
        if quota < free:
            await asyncio.sleep(TICK_S)
        elif claimed < free or not free:
            await self._idle()

    async def _claim(self, limit: int) -> int:
        snapshot = self._tools.snapshot()
        asked_s = self._tools.clock.boot_s()
        claims = await self._tools.store.claim(limit, lease_ms=snapshot.lease_ms, token_prefix=self._name)
        self._tools.clock.correct(claims.now_ms, asked_s)
        for video_id in claims.unreadable:
            log("record_unreadable", level="error", video=video_id)
        self._courtesy.late(max((claims.now_ms - one.due_ms for one in claims.videos), default=0) / 1_000)
        later = []
        for one in claims.videos:
            metrics.poll_lag(max(0, claims.now_ms - one.due_ms) / 1_000)
            if not may_step(one.claims, (other.claims for other in self._steps.values())):
                later.append((one.video.id, one.token))
                continue
            task = asyncio.create_task(self._step(one), name=f"step {one.video.id}")
            self._steps[task] = one
            task.add_done_callback(self._forget)
        await self._put_off(later, claims.now_ms)
        return len(claims.videos)

    async def _put_off(self, suspects: list[tuple[str, str]], now_ms: int) -> None:
        """They have to be stepped by themselves, and others are at it. If nobody can be told, their leases run out."""
        if suspects:
            with suppress(StoreAway):
                due_ms = now_ms + round(SUSPECTS_S * 1_000 * (0.5 + self._tools.chance()))
                await self._tools.store.hand_back(suspects, due_ms=due_ms)

    async def _idle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await self._awake.wait()
        self._awake.clear()

    # --- stepping ---------------------------------------------------------------------------------------------

    async def _step(self, one: Claimed) -> None:
        """A step that fails leaves its lease to run out: the video becomes due again, and its claims are counted."""
        try:
            due_ms = await step(self._tools, self._tools.snapshot(), one.video, token=one.token, claims=one.claims)
        except StoreAway as error:
            log("store_away", level="error", video=one.video.id, operation=error.operation, reason=str(error))
        except Exception as error:
            log("step_failed", level="error", video=one.video.id, **where(error))
            metrics.step_failed()
        else:
            if due_ms is not None:
                self._rests.append(Rest(one.video.id, one.token, due_ms))

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._steps.pop(task, None)
        if len(self._steps) == STEPS_AT_ONCE_MAX - 1:
            self._awake.set()

    # --- resting ----------------------------------------------------------------------------------------------

    async def _rest_turn(self) -> None:
        await asyncio.sleep(REST_EVERY_S)
        await self._flush()

    async def _flush(self) -> None:
        """What a store that is away does not take stays for the next time; a lease that ran out meanwhile makes it
        harmless. What it refuses is left to run out."""
        while self._rests:
            batch = self._rests[:REST_MAX]
            try:
                await self._tools.store.rest(batch)
            except StoreAway:
                raise
            except Exception:
                del self._rests[: len(batch)]
                raise
            del self._rests[: len(batch)]

    # --- watching itself --------------------------------------------------------------------------------------

    async def _lag_turn(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(LOOP_LAG_EVERY_S)
        lag_s = max(0.0, loop.time() - before - LOOP_LAG_EVERY_S)
        metrics.loop_lag(lag_s)
        self._courtesy.lagged(lag_s)

    # --- waiting lines ----------------------------------------------------------------------------------------

    async def _lines_turn(self) -> None:
        await asyncio.sleep(self._lines_pause_s)
        self._lines_pause_s = CALL_EVERY_S
        self._lines_pause_s = await call_lines(self._tools)

    # --- counting ---------------------------------------------------------------------------------------------

    async def _usage_loop(self) -> None:
        roller, pause_s = Roller(self._tools), EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = await roller.turn()

    # --- learning of routes -----------------------------------------------------------------------------------

    async def _observe_loop(self) -> None:
        """Trouble is told once, not each second: the store's absence has other witnesses."""
        silent = False
        while True:
            try:
                await observe(self._tools)
                silent = False
            except StoreAway as error:
                if not silent:
                    log("store_away", level="error", operation=error.operation, reason=str(error))
                silent = True
            except Exception as error:
                log("observing_failed", level="error", **where(error))
            await self._tools.observer.until_due()


async def again(name: str, turn: Callable[[], Awaitable[None]], *, over: Callable[[], bool] = lambda: False) -> None:
    """Turn after turn. One that fails is told and costs a pause, never the loop: nobody would notice its end."""
    while not over():
        try:
            await turn()
        except StoreAway as error:
            log("store_away", level="error", operation=error.operation, reason=str(error))
            await asyncio.sleep(STORE_AWAY_S)
        except Exception as error:
            log("loop_failed", level="error", loop=name, **where(error))
            await asyncio.sleep(TROUBLE_S)
