"""Calling back: the client's address is told a job's id when the job is made, and once more when it has ended.

Each call is made once, in this process's lifetime, and nobody waits for it: what is lost is lost, as with real vendors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import aiohttp

TASKS_MAX: Final = 1_000
CALL_S_MAX: Final = 5.0
URL_CHARS_MAX: Final = 2_000
LOOK_EVERY_S: Final = 0.2
LATE_S_MAX: Final = 300.0  # a clip that is not there by then is told of no more


class Callbacks:
    """`close` when the server ends."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, url: str, identity: str, ends_in_s: float, ended: Callable[[], bool]) -> None:
        """Over the bound nobody is called. `ended`: a clip may take longer than the job was to."""
        if not url.startswith(("http://", "https://")) or len(url) > URL_CHARS_MAX or len(self._tasks) >= TASKS_MAX:
            return
        task = asyncio.create_task(_call_twice(url, identity, ends_in_s, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _call_twice(url: str, identity: str, ends_in_s: float, ended: Callable[[], bool]) -> None:
    await _call(url, identity)
    await asyncio.sleep(ends_in_s)
    for _ in range(round(LATE_S_MAX / LOOK_EVERY_S)):
        if ended():
            break
        await asyncio.sleep(LOOK_EVERY_S)
    await _call(url, identity)


async def _call(url: str, identity: str) -> None:
    timeout = aiohttp.ClientTimeout(total=CALL_S_MAX)
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json={"id": identity}, allow_redirects=False) as reply,
        ):
            await reply.content.read(1_024)
