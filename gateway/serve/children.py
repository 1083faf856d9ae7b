"""A helper process of the gateway: started by the master, started again when it dies, ended with it."""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Sequence
from typing import Final

from gateway.log import log

READY_S_MAX: Final = 20.0
STOP_S_MAX: Final = 5.0
PAUSE_S: Final = 0.5
PAUSE_S_MAX: Final = 10.0


class NotStarted(Exception):
    """The message says which helper, and what it said."""


class Helper:
    """Call everything from the thread that lives as long as the process: the kernel ties a child to its thread.

    The program is trusted to end with its parent, and says `ready …` on its first line once it can be used.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self._name = name
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._again_at = 0.0  # 0: nobody waits to start it
        self._pause_s = PAUSE_S

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin; `await_ready` is the other half, so that other things can be started meanwhile. A machine that cannot
        fork now may be able to later: `look` tries again."""
        self._wanted = True
        self._spawn(time.monotonic())

    def await_ready(self) -> None:
        """NotStarted if it is not in time."""
        line = b""
        if self._process is not None and self._process.stdout is not None:
            heard, _, _ = select.select([self._process.stdout], [], [], READY_S_MAX)
            line = self._process.stdout.readline() if heard else b""
        if not line.startswith(b"ready"):
            self.stop()
            raise NotStarted(f"the {self._name} did not start")

    def look(self, now_s: float) -> None:
        """Start it again if it died, with growing pauses."""
        process = self._process
        if not self._wanted or (process is not None and process.poll() is None):
            return
        if not self._again_at:
            assert process is not None
            log("helper_died", level="error", helper=self._name, status=process.returncode)
            self._pause(now_s)
        elif now_s >= self._again_at and self._spawn(now_s):
            log("helper_restarted", level="warning", helper=self._name, pid=self.pid)

    def stop(self) -> None:
        self._wanted = False
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            log("helper_killed", level="warning", helper=self._name)
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def _pause(self, now_s: float) -> None:
        self._again_at = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, PAUSE_S_MAX)

    def _spawn(self, now_s: float) -> bool:
        """Whether the machine let it begin; else it is to be tried again after a pause."""
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0
            )
        except OSError as error:
            log("helper_not_started", level="error", helper=self._name, reason=str(error), again_in_s=self._pause_s)
            self._pause(now_s)
            return False
        self._again_at = 0.0
        return True
