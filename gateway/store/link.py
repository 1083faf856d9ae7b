"""The way to Redis: scripts and commands over a few lanes, trouble turned into one exception, repeats in bounds.

Repeating is safe for everything that goes this way: scripts answer *already applied*, are fenced by a token, or read;
plain commands read, or leave the same however often they are done.
So when a lane breaks and nobody knows what the server did, the same call is made again until the answer is known, in
bounds: long ones for a write, since an outcome is at stake; short ones for a read, whose caller can ask again.
After that it is `StoreAway`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from gateway.store.address import parse
from gateway.store.errors import BrokenRule, StoreAway
from gateway.store.lane import Command, ErrorReply, Lane, LaneFull, LaneLost, Word
from gateway.store.loader import MARK, Script

LANES: Final = 4
LANE_BYTES: Final = 16_384  # a server reads no more of a connection per turn, and makes durable per turn
SLOW_S: Final = 0.1  # an answer that takes longer may never come
CONFIRM_MS: Final = 1_000
CONFIRMS_AT_ONCE: Final = 4  # each may take that long on their one lane, and together less than its timeout
PAUSE_S: Final = 0.02
PAUSE_S_MAX: Final = 0.5

# The server cannot answer yet, and did nothing.
_LATER = frozenset({"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN"})
# This connection leads to a server that must not be written to any more: a demoted primary.
_ELSEWHERE = frozenset({"READONLY"})

Observe = Callable[[str, float], None]


def unobserved(operation: str, seconds: float) -> None:
    """Nobody measures."""


class Link:
    """`observe` hears the name and the duration of every call, failed ones too."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 5.0,
        patience_s: float = 5.0,
        reads_patience_s: float = 1.0,
        observe: Observe = unobserved,
    ) -> None:
        address = parse(url)
        self.address: Final = str(address)
        self._lanes = [Lane(address, timeout_s=timeout_s) for _ in range(LANES)]
        # A connection that waits for replicas answers nobody meanwhile, so these have one of their own.
        self._careful = Lane(address, timeout_s=timeout_s)
        self._careful_turns = asyncio.Semaphore(CONFIRMS_AT_ONCE)
        self._patience_s = patience_s
        self._reads_patience_s = reads_patience_s
        self._observe = observe

    async def run(self, script: Script, keys: Sequence[str], words: Sequence[Word]) -> Any:
        """The reply of a script."""
        rest = (len(keys), *keys, *words)

        async def once(lane: Lane) -> Any:
            try:
                return await lane.call("EVALSHA", script.sha, *rest)
            except ErrorReply as error:
                if error.code != "NOSCRIPT":
                    raise
            return await lane.call("EVAL", script.text, *rest)

        return await self._patiently(script.name, once, self._patience_s if script.writes else self._reads_patience_s)

    async def run_confirmed(
        self, script: Script, keys: Sequence[str], words: Sequence[Word], *, mark: str, replicas: int
    ) -> tuple[Any, bool]:
        """The reply of a script that writes, and whether so many replicas had that within CONFIRM_MS."""
        rest = (len(keys), *keys, *words)
        behind = _waiting(mark, replicas)

        async def once(lane: Lane) -> tuple[Any, bool]:
            try:
                reply, _, count = await lane.many([("EVALSHA", script.sha, *rest), *behind])
            except ErrorReply as error:
                if error.code != "NOSCRIPT":
                    raise
                reply, _, count = await lane.many([("EVAL", script.text, *rest), *behind])
            return reply, count >= replicas

        reply, enough = await self._carefully(script.name, once)
        return reply, enough

    async def confirmed(self, mark: str, replicas: int) -> bool:
        """Whether so many replicas have all that the server had written before, within CONFIRM_MS."""

        async def once(lane: Lane) -> bool:
            _, count = await lane.many(_waiting(mark, replicas))
            return bool(count >= replicas)

        return bool(await self._carefully("confirmed", once))

    async def _carefully(self, operation: str, once: Callable[[Lane], Awaitable[Any]]) -> Any:
        async with self._careful_turns:
            return await self._patiently(operation, once, self._patience_s, (self._careful,))

    async def command(self, *command: Word) -> Any:
        """The reply to one command that reads, or that writes the same when it is done twice: what adds something, or
        answers whether it was the first, is a script."""
        name = str(command[0]).lower()
        return await self._patiently(name, lambda lane: lane.call(*command), self._reads_patience_s)

    async def many(self, operation: str, commands: Sequence[Command]) -> list[Any]:
        """The replies to some such commands. They leave together."""
        replies: list[Any] = await self._patiently(operation, lambda lane: lane.many(commands), self._reads_patience_s)
        return replies

    async def close(self) -> None:
        await asyncio.gather(*(lane.close() for lane in (*self._lanes, self._careful)))

    async def _patiently(
        self,
        operation: str,
        once: Callable[[Lane], Awaitable[Any]],
        patience_s: float,
        lanes: Sequence[Lane] | None = None,
    ) -> Any:
        lanes = lanes or self._lanes
        began = time.perf_counter()
        pause_s, tries = PAUSE_S, 0
        try:
            while True:
                lane = _with_room(lanes, tries)
                try:
                    return await once(lane)
                except LaneFull as error:
                    raise StoreAway(operation, str(error)) from error
                except LaneLost as error:
                    trouble: Exception = error
                except ErrorReply as error:
                    trouble = _judge(operation, error)
                    if error.code in _ELSEWHERE:
                        lane.drop()
                if time.perf_counter() - began + pause_s > patience_s:
                    raise StoreAway(operation, str(trouble)) from trouble
                await asyncio.sleep(pause_s)
                pause_s, tries = min(2 * pause_s, PAUSE_S_MAX), tries + 1
        finally:
            self._observe(operation, time.perf_counter() - began)


def _with_room(lanes: Sequence[Lane], tries: int) -> Lane:
    """The first lane whose next batch has room: few large batches cost the least, and what one turn of the server would
    not read goes beside it, or what would wait behind a slow answer. Who tries again begins with another."""
    slow_before_s = asyncio.get_running_loop().time() - SLOW_S
    for lane in (*lanes[tries % len(lanes) :], *lanes[: tries % len(lanes)]):
        if lane.waiting_bytes < LANE_BYTES and lane.busy_since_s > slow_before_s:
            return lane
    return min(lanes, key=lambda lane: lane.waiting_bytes)


def _waiting(mark: str, replicas: int) -> list[Command]:
    """A write of this connection's own, and the wait for it and all before it."""
    return [("EVAL", MARK.text, 1, mark), ("WAIT", replicas, CONFIRM_MS)]


def _judge(operation: str, error: ErrorReply) -> ErrorReply:
    """The error if waiting may help; raised as ours if not."""
    if error.code == "BROKEN":
        raise BrokenRule(f"{operation}: {str(error).removeprefix('BROKEN ')}") from error
    if error.code in _LATER or error.code in _ELSEWHERE:
        return error
    raise StoreAway(operation, f"the store refused: {error}") from error
