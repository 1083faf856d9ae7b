"""A lane to Redis: one connection of the client library that carries what many tasks ask for at the same time.

What is asked for while a batch is on its way leaves together as the next one. A call then costs a fraction of what
taking a connection from a pool for each would, and there is no pool to queue for (`docs/decisions/0006`).

What it does not do: repeat anything. A lane that breaks fails whoever waits with `LaneLost`, which says nothing about
what the server did.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from hiredis import pack_command
from redis.exceptions import RedisError, ResponseError

from gateway.store.address import Address

Word: TypeAlias = str | bytes | int
Command: TypeAlias = Sequence[Word]

IN_AIR_MAX: Final = 4_000
CLOSE_S_MAX: Final = 1.0

# uvloop says RuntimeError when a connection has closed and nobody was told yet.
_TROUBLE: Final = (RedisError, OSError, RuntimeError)


class LaneLost(Exception):
    """No answer will come; the command may have been carried out."""


class LaneFull(Exception):
    """Too much is in the air already; nothing was sent."""


class ErrorReply(Exception):
    """The server's own refusal. `code` is its first word."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


class Lane:
    """Connects when first used, and again after a loss. `timeout_s` bounds connecting, and every batch once it left."""

    def __init__(self, address: Address, *, timeout_s: float = 5.0, in_air_max: int = IN_AIR_MAX) -> None:
        self._place = str(address)
        self._connection = address.connection(timeout_s)
        self._leave = False
        self._timeout_s = timeout_s
        self._in_air_max = in_air_max
        self._waiting: deque[tuple[bytes, asyncio.Future[Any]]] = deque()
        self.waiting_bytes = 0  # of the next batch
        self.busy_since_s = math.inf  # by the loop's clock: when the batch before it began, connecting included
        self._in_air: deque[asyncio.Future[Any]] = deque()
        self._carrier: asyncio.Task[None] | None = None
        self._closed = False

    async def call(self, *command: Word) -> Any:
        """The reply to one command. LaneLost, LaneFull, ErrorReply."""
        self._make_room(1)
        return await self._ask(command)

    async def many(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to some commands that leave together, nobody else's between them. The first error is raised."""
        self._make_room(len(commands))
        return await asyncio.gather(*[self._ask(command) for command in commands])

    def drop(self) -> None:
        """Whatever is asked from now on goes over a new connection."""
        self._leave = True

    async def close(self) -> None:
        """For good. Whoever waits for an answer is told that none will come."""
        self._closed = True
        if self._carrier is not None:
            self._carrier.cancel()
            await asyncio.wait([self._carrier])
        self._tell(LaneLost("the store was closed"), None)  # a carrier that had not begun told nobody
        with suppress(TimeoutError, RedisError):
            async with asyncio.timeout(CLOSE_S_MAX):
                await self._connection.disconnect()

    def _make_room(self, count: int) -> None:
        if self._closed:
            raise LaneLost("the store was closed")
        asked = len(self._waiting) + len(self._in_air)
        if asked + count > self._in_air_max:
            raise LaneFull(f"{asked} commands wait for the store")

    def _ask(self, command: Command) -> asyncio.Future[Any]:
        packed = pack_command(tuple(command))  # type: ignore[arg-type] # its stub means a tuple of one
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((packed, future))
        self.waiting_bytes += len(packed)
        if self._carrier is None:
            self._carrier = asyncio.create_task(self._carry())
        return future

    async def _carry(self) -> None:
        """Batch after batch, until nobody waits. Its own task: a caller who is cancelled takes nobody along."""
        try:
            while self._waiting:
                self.busy_since_s = asyncio.get_running_loop().time()
                try:
                    await self._connect()
                    async with asyncio.timeout(self._timeout_s):
                        await self._exchange()
                except (LaneLost, ErrorReply) as error:
                    await self._break(error, error.__cause__)
                except TimeoutError as error:
                    await self._break(LaneLost(f"the store did not answer within {self._timeout_s:g} s"), error)
                except _TROUBLE as error:
                    await self._break(LaneLost("the connection to the store broke"), error)
        finally:
            self.busy_since_s = math.inf
            self._carrier = None
            self._tell(LaneLost("no answer of the store was waited for"), None)

    async def _connect(self) -> None:
        connection = self._connection
        if self._leave or (connection.is_connected and await connection.can_read()):
            # The other end left, or said something that nobody asked for.
            await connection.disconnect(nowait=True)
            self._leave = False
        if connection.is_connected:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await connection.connect()  # type: ignore[no-untyped-call] # it is not annotated
        except _TROUBLE as error:
            raise _refusal(error) or LaneLost(f"the store at {self._place} cannot be reached") from error

    async def _exchange(self) -> None:
        """Everything that waits leaves in one write, and is answered in that order."""
        pieces: list[bytes] = []
        self.waiting_bytes = 0
        while self._waiting:
            packed, future = self._waiting.popleft()
            if not future.done():  # else its caller was cancelled
                pieces.append(packed)
                self._in_air.append(future)
        await self._connection.send_packed_command(pieces, check_health=False)
        while self._in_air:
            reply = await self._reply()
            future = self._in_air.popleft()
            if future.done():
                continue
            if isinstance(reply, ErrorReply):
                future.set_exception(reply)
            else:
                future.set_result(reply)

    async def _reply(self) -> Any:
        try:
            return await self._connection.read_response(disconnect_on_error=False)
        except RedisError as error:
            if refusal := _refusal(error):
                return refusal
            raise

    async def _break(self, trouble: LaneLost | ErrorReply, cause: BaseException | None) -> None:
        self._tell(trouble, cause)
        await self._connection.disconnect(nowait=True)

    def _tell(self, trouble: LaneLost | ErrorReply, cause: BaseException | None) -> None:
        """Everybody who waits, an exception each."""
        for future in (*self._in_air, *(future for _, future in self._waiting)):
            if not future.done():
                error = type(trouble)(*trouble.args)
                error.__cause__ = cause
                future.set_exception(error)
        self._in_air.clear()
        self._waiting.clear()
        self.waiting_bytes = 0


def _refusal(error: BaseException) -> ErrorReply | None:
    """What the server said, if it did, with the first word, which the library cuts off where it knows it. Its classes
    do not tell: some words (LOADING, NOAUTH) are broken connections to it, and over a Unix socket it wraps them."""
    for said in (error, error.__cause__):
        if isinstance(said, RedisError) and said.status_code:
            return ErrorReply(f"{said.status_code} {said}")
        if isinstance(said, ResponseError):
            return ErrorReply(str(said))
    return None
