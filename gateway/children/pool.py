"""A few child processes at most, kept between jobs: one costs 130 ms to start, more than many a job in it.

A job is a line, and so is its answer. A child is replaced after some jobs (C libraries leak), ended when idle (it holds
60 MB), and killed whenever a job did not end as it should, be it by a crash, by the clock or because nobody waits any
more. It dies with this process: it asked the kernel for that, and its input ends. `child` is the other side.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from gateway.children.child import READY

Answer = TypeVar("Answer")

ANSWER_BYTES_MAX: Final = 16 * 1024
# What a Python needs to start and nothing else: the vendors' keys stand in our environment, and the child parses
# strangers' files.
PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL", "TMPDIR")
CLOSE_S_MAX: Final = 5


class PoolLimits(Struct, frozen=True, kw_only=True):
    children: int = 2
    jobs_a_child: int = 200
    ready_s: float = 20  # a cold disk and a busy machine; usually 0.13
    job_s: float = 60  # 20 s of 4K in half the speed of a slow core
    wait_s: float = 120  # for a free child
    idle_s: float = 30


class ChildLost(Exception):
    """The child crashed, ran out of time, or talked nonsense; it is gone."""


class ChildrenAway(Exception):
    """No child could be had; the job was not begun. The message says why."""


def program(module: str) -> tuple[str, ...]:
    """The command of a module of ours that is a child."""
    return (sys.executable, "-P", "-m", module)  # -P: never from the directory that it happens to stand in


class Children:
    """`command` is what a child is started by; it is told this process's id as its last argument."""

    def __init__(self, command: Sequence[str], limits: PoolLimits) -> None:
        self._limits = limits
        self._command = tuple(command)
        self._free = asyncio.Semaphore(limits.children)
        self._alive: set[_Child] = set()
        self._idle: list[_Child] = []
        self._ending: set[asyncio.Task[int]] = set()
        self._closed = False

    async def ask(self, job: bytes, decode: Callable[[bytes], Answer]) -> Answer:
        """The answer to one line. ChildLost if the child did not survive the job or said what cannot be decoded,
        ChildrenAway if none could be had."""
        async with self._slot():
            child = self._warm() or await self._start()
            try:
                answer = decode(await child.ask(job, self._limits.job_s))
            except msgspec.MsgspecError as error:
                self._end(child)
                raise ChildLost("talked nonsense") from error
            except BaseException:
                self._end(child)
                raise
            if child.jobs < self._limits.jobs_a_child and not self._closed:
                self._rest(child)
            else:
                self._end(child)
            return answer

    async def close(self) -> None:
        """End every child; those at work lose their job."""
        self._closed = True
        for child in tuple(self._alive):
            self._end(child)
        if self._ending:
            await asyncio.wait(self._ending, timeout=CLOSE_S_MAX)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise ChildrenAway("no child became free") from error
        try:
            yield
        finally:
            self._free.release()

    def _warm(self) -> _Child | None:
        """An idle child that is still alive."""
        while self._idle:
            child = self._idle.pop()
            child.stop_alarm()
            if child.process.returncode is None:
                return child
            self._end(child)
        return None

    async def _start(self) -> _Child:
        if self._closed:
            raise ChildrenAway("the pool of children is closed")
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        arguments = (*self._command, str(os.getpid()))
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments, stdin=pipe, stdout=pipe, stderr=null, env=_environment(), limit=ANSWER_BYTES_MAX
            )
        except OSError as error:
            raise ChildrenAway("cannot start a child") from error
        child = _Child(process)
        self._alive.add(child)
        try:
            if await child.hear(self._limits.ready_s) != READY:
                raise ChildrenAway("the child does not start")
        except ChildLost as error:
            self._end(child)
            raise ChildrenAway("the child does not start") from error
        except BaseException:
            self._end(child)
            raise
        return child

    def _rest(self, child: _Child) -> None:
        self._idle.append(child)
        child.set_alarm(asyncio.get_running_loop().call_later(self._limits.idle_s, self._end, child))

    def _end(self, child: _Child) -> None:
        """Kill it, it owns nothing; somebody must still wait for it, or it stays a zombie."""
        child.stop_alarm()
        if child not in self._alive:
            return
        self._alive.remove(child)
        if child in self._idle:
            self._idle.remove(child)
        task = asyncio.get_running_loop().create_task(child.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Child:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.jobs = 0
        self._ear = asyncio.Lock()  # a pipe has one reader at a time
        self._alarm: asyncio.TimerHandle | None = None

    async def ask(self, job: bytes, within_s: float) -> bytes:
        assert self.process.stdin is not None
        self.jobs += 1
        try:
            self.process.stdin.write(job + b"\n")
            return (await self.hear(within_s))[:-1]
        except OSError as error:
            raise ChildLost("talked nonsense") from error

    async def hear(self, within_s: float) -> bytes:
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(within_s), self._ear:
                line = await self.process.stdout.readline()
        except TimeoutError as error:
            raise ChildLost("took too long") from error
        except (ValueError, OSError) as error:  # a line without an end, a broken pipe
            raise ChildLost("talked nonsense") from error
        if not line.endswith(b"\n"):
            raise ChildLost("crashed")
        return line

    def set_alarm(self, alarm: asyncio.TimerHandle) -> None:
        self._alarm = alarm

    def stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    async def end(self) -> int:
        assert self.process.stdout is not None
        if self.process.returncode is None:
            # `process.kill` looks first, and would take the status of one that just died from who waits for it.
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
        # A pipe with unread bytes stays open; what a dead child left in it is less than the pipe and our buffer hold.
        async with self._ear:
            while await self.process.stdout.read(ANSWER_BYTES_MAX):
                pass
        return await self.process.wait()


def _environment() -> dict[str, str]:
    """Just enough, and the very same import path as this process has."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**passed, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
