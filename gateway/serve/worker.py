"""One worker: the HTTP application and the runner in one event loop, and how they end together.

Told to leave (SIGUSR1), it fails its readiness and hands its leases back while requests go on; granian takes no new
connection and ends once the last request has. What is left after the grace is cut and counted.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final, NoReturn, TypeAlias

from gateway import metrics
from gateway.admin import document, router
from gateway.api.app import create_app
from gateway.config.problems import ConfigError
from gateway.lifetime import leave_if_orphaned
from gateway.log import journal, log
from gateway.runner import Runner
from gateway.sandbox.check import check_fates
from gateway.serve.entry import Task
from gateway.serve.fleet import LEAVE
from gateway.store.errors import StoreAway, StoreRefused
from gateway.wiring import Site, opened
from gateway.work.watches import Watches

GARBAGE: Final = (10_000, 20, 20)  # requests and steps leave no cycles; libraries' few can wait
CUT_AFTER_S: Final = 1.0  # beyond the grace: cut steps hand back their leases first

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class Worker:
    """An ASGI application around the real one, which exists between startup and shutdown."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stack = AsyncExitStack()
        self._requests = 0  # on their way
        self._arrived = 0
        self._app: Application | None = None
        self._runner: Runner | None = None
        self._watches: Watches | None = None
        self._leaving: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert self._app is not None
        self._requests += 1
        self._arrived += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1

    def ready(self) -> bool:
        return self._leaving is None

    async def _live(self, receive: Any, send: Any) -> None:
        """From before the first to after the last request."""
        await receive()
        try:
            await self._open()
        except (ConfigError, StoreRefused, StoreAway) as error:
            await self._stack.aclose()
            _give_up(f"telecine: {error}")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._leave()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self) -> None:
        parts = await self._stack.enter_async_context(opened(Site(**self._task.site), check_fates))
        self._app = create_app(parts.tools, ready=self.ready, admin=(router(),), document=document())
        self._watches = parts.tools.watches
        self._runner = Runner(parts.tools, name=secrets.token_hex(6), arrived=lambda: self._arrived)
        self._runner.start()
        metrics.worker_began(parts.tools.clock.now_ms() / 1_000)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(LEAVE, self._leave)
        loop.add_signal_handler(signal.SIGINT, _ignore)  # Ctrl-C reaches every process; the master decides
        leave_if_orphaned(self._task.master)
        _settle_garbage()

    def _leave(self) -> asyncio.Task[None]:
        """Begin to end; once, whoever asks first."""
        if self._leaving is None:
            loop, grace_s = asyncio.get_running_loop(), self._task.grace_s
            loop.call_later(grace_s + CUT_AFTER_S, self._cut)
            self._leaving = loop.create_task(self._stop_runner(grace_s), name="leave")
        return self._leaving

    async def _stop_runner(self, grace_s: float) -> None:
        if self._watches is not None:
            self._watches.close()  # who follows would stay for minutes, and comes back elsewhere
        if self._runner is not None:
            await self._runner.stop(grace_s)

    def _cut(self) -> NoReturn:
        log("requests_cut", level="warning", requests=self._requests)
        metrics.requests_cut(self._requests)
        journal.flush()
        os._exit(0)


def _settle_garbage() -> None:
    """What exists now stays: the collector need not walk it again and again while requests wait."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    gc.enable()


def _give_up(sentence: str) -> NoReturn:
    journal.flush()
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
    os._exit(1)


def _ignore() -> None:
    """Nothing to do."""
