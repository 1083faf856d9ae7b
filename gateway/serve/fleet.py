"""The workers: granian's processes, with a supervision of our own around them.

Granian gives up when a worker dies twice within seconds, and tells a worker to stop by the very signal that makes it
wait for its connections. Here a worker that dies is started again for as long as the gateway runs, with growing pauses,
and one that has to stop hears of it (SIGUSR1) before it is told to, so that work without a connection ends as well.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.server import MPServer

from gateway.log import log

TICK_S: Final = 0.2
PAUSE_S: Final = 0.2
PAUSE_S_MAX: Final = 10.0
STEADY_S: Final = 30.0  # a worker that lived so long is no part of a series of deaths
KILL_AFTER_S: Final = 5.0  # beyond the grace, in which a worker cuts what is left by itself
LEAVE: Final = signal.SIGUSR1
QUIET: Final = {
    "loggers": {"_granian": {"level": "WARNING", "propagate": True}, "granian.access": {"propagate": False}},
    "handlers": {},
    "formatters": {},
}


class Fleet(MPServer):
    """`run` in the main thread, until `stop` or a signal. `tick` is called a few times a second from there, and
    `buried` with the process id of each worker that has died."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        workers: int,
        grace_s: float,
        header_timeout_s: float,
        connections_max: int,
        tick: Callable[[], None],
        buried: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__(
            "telecine",
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            workers=workers,
            runtime_mode=RuntimeModes.st,  # docs/decisions/0001
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            websockets=False,
            backpressure=connections_max,
            http1_settings=HTTP1Settings(header_read_timeout=round(header_timeout_s * 1_000)),
            log_dictconfig=QUIET,
            workers_kill_timeout=math.ceil(grace_s + KILL_AFTER_S),
        )
        logging.getLogger("_granian").addFilter(_news)
        self.ready = False  # once a worker has answered: a death before that means that they cannot start
        self.failed = False
        self._tick = tick
        self._buried = buried
        self._pauses_s = [PAUSE_S] * workers
        self._again_at: dict[int, float] = {}

    def run(self, load: Callable[[], Any]) -> None:
        """`load` makes the application in a new worker."""
        self.serve(target_loader=load, wrap_loader=False)

    def stop(self) -> None:
        """From any thread."""
        self.signal_handler_interrupt()

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        while not self.interrupt_signal:
            self.main_loop_interrupt.wait(TICK_S)
            self.main_loop_interrupt.clear()
            self._tick()
            now = time.monotonic()
            while self.interrupt_children:
                self._bury(self.interrupt_children.pop(), now)
            for index in [index for index, at in self._again_at.items() if now >= at]:
                del self._again_at[index]
                self._start_again(index, spawn_target, target_loader, now)

    def _start_again(self, index: int, spawn_target: Any, target_loader: Any, now: float) -> None:
        workers = list(self.wrks)
        try:
            self._respawn_workers([index], spawn_target, target_loader)
        except OSError as error:  # the machine lends no more processes or files: it may in a moment
            self.wrks[:] = workers  # granian has taken the dead one out
            log("worker_not_restarted", level="error", worker=index + 1, reason=str(error))
            self._pause(index, now, self._pauses_s[index])
            return
        log("worker_restarted", level="warning", worker=index + 1, pid=self.wrks[index].inner.pid)

    def _bury(self, index: int, now: float) -> None:
        worker = self.wrks[index]
        if not self.ready:  # it has said why
            self.failed = self.interrupt_signal = True
            return
        log("worker_died", level="error", worker=index + 1, status=worker.inner.exitcode)
        self._buried(worker.inner.pid)
        steady = now - worker.birth > STEADY_S
        self._pause(index, now, PAUSE_S if steady else self._pauses_s[index])

    def _pause(self, index: int, now: float, pause_s: float) -> None:
        self._again_at[index] = now + pause_s
        self._pauses_s[index] = min(2 * pause_s, PAUSE_S_MAX)

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            with suppress(ProcessLookupError):
                if worker.is_alive():
                    os.kill(worker.inner.pid, LEAVE)
        super()._stop_workers()

    def shutdown(self, exit_code: int = 0) -> None:
        self.interrupt_children.clear()  # a death while stopping is no failure
        super().shutdown(exit_code)


def _news(record: logging.LogRecord) -> bool:
    """Granian says that a worker has ended; so do we, with its reason, or the worker itself has."""
    return not str(record.msg).startswith("Unexpected exit from")
