"""A lane to Redis: one connection that carries many commands at once, answered in the order in which they were sent.

Everything that the tasks of one turn of the event loop ask for leaves in one write. That, and no pool to queue for, is
why it exists: a call costs a tenth of what the client library's does, and reading a video is little else.

What it does not do: repeat anything. A lane that breaks fails whatever was in the air with `LaneLost`, which says
nothing about what the server did.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, cast

import hiredis

from gateway.store.address import Address

Word: TypeAlias = str | bytes | int
Command: TypeAlias = Sequence[Word]

IN_AIR_MAX: Final = 4_000
CLOSE_S_MAX: Final = 1.0


class LaneLost(Exception):
    """No answer will come; the command may have been carried out."""


class LaneFull(Exception):
    """Too much is in the air already; nothing was sent."""


class ErrorReply(Exception):
    """The server's own refusal. `code` is its first word."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


class _Wire(asyncio.Protocol):
    """One connection. Futures wait in the order of their commands."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._leaving: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()

    @property
    def in_air(self) -> int:
        return len(self._waiting)

    @property
    def open(self) -> bool:
        return self._transport is not None

    @property
    def oldest_s(self) -> float:
        """How long the first in the queue has waited."""
        return self._loop.time() - self._waiting[0][1] if self._waiting else 0.0

    def ask(self, command: Command) -> asyncio.Future[Any]:
        if self._transport is None:
            raise LaneLost("the connection to the store broke")
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._leaving:
            self._loop.call_soon(self._flush)
        self._leaving.append(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type] # its stub means any length
        self._waiting.append((future, self._loop.time()))
        return future

    def _flush(self) -> None:
        data = b"".join(self._leaving)
        self._leaving.clear()
        if self._transport is None:
            return
        try:
            self._transport.write(data)
        except (OSError, RuntimeError) as error:  # it is closing, and nobody has told us yet
            self.drop(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                if not self._waiting:
                    raise hiredis.ProtocolError(f"an answer to nothing: {reply!r}")
                future, _ = self._waiting.popleft()
                if future.done():  # its caller was cancelled
                    continue
                if isinstance(reply, hiredis.ReplyError):
                    future.set_exception(ErrorReply(str(reply)))
                else:
                    future.set_result(reply)
        except hiredis.ProtocolError as error:
            self.drop(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(exc)
        self.gone.set()

    def drop(self, cause: BaseException | None = None) -> None:
        """Close, and tell everybody who waits."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        lost = list(self._waiting)
        self._waiting.clear()
        for future, _ in lost:
            if not future.done():
                error = LaneLost("the connection to the store broke")
                error.__cause__ = cause
                future.set_exception(error)


class Lane:
    """Connects when first used, and again after a loss. `timeout_s` bounds connecting and every answer."""

    def __init__(self, address: Address, *, timeout_s: float = 5.0, in_air_max: int = IN_AIR_MAX) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._in_air_max = in_air_max
        self._wire: _Wire | None = None
        self._connecting: asyncio.Task[_Wire] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False

    async def call(self, *command: Word) -> Any:
        """The reply to one command. LaneLost, LaneFull, ErrorReply."""
        wire = self._wire
        if wire is None or not wire.open:
            wire = await self._connected()
        return await self._ask(wire, command)

    async def many(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to some commands that leave together, nobody else's between them. The first error is raised."""
        wire = await self._connected()
        if wire.in_air + len(commands) > self._in_air_max:
            raise LaneFull(f"{wire.in_air} commands wait for the store")
        futures = [self._ask(wire, command) for command in commands]
        return await asyncio.gather(*futures)

    def drop(self) -> None:
        """Break the connection; the next call makes a new one."""
        if self._wire is not None:
            self._wire.drop()

    async def close(self) -> None:
        """For good. Whoever waits for an answer is told that none will come."""
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        self.drop()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S_MAX):
                if self._connecting is not None:
                    await asyncio.wait([self._connecting])
                if self._wire is not None:
                    await self._wire.gone.wait()

    def _ask(self, wire: _Wire, command: Command) -> asyncio.Future[Any]:
        if wire.in_air >= self._in_air_max:
            raise LaneFull(f"{wire.in_air} commands wait for the store")
        future = wire.ask(command)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._timeout_s, self._look)
        return future

    def _look(self) -> None:
        """One timer for all that waits: the oldest decides."""
        self._watch = None
        wire = self._wire
        if wire is None or not wire.in_air:
            return
        if wire.oldest_s >= self._timeout_s:
            wire.drop(TimeoutError(f"no answer within {self._timeout_s:g} s"))
            return
        self._watch = asyncio.get_running_loop().call_later(self._timeout_s - wire.oldest_s, self._look)

    async def _connected(self) -> _Wire:
        """The open connection, made once for however many wait for it."""
        if self._closed:
            raise LaneLost("the store was closed")
        if self._wire is not None and self._wire.open:
            return self._wire
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._arrived)
        try:
            return await asyncio.shield(self._connecting)
        except (OSError, TimeoutError, LaneLost) as error:
            raise LaneLost(f"the store at {self._address} cannot be reached") from error

    def _arrived(self, task: asyncio.Task[_Wire]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._wire = task.result()
            if self._closed:
                self._wire.drop()

    async def _connect(self) -> _Wire:
        address = self._address
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout_s):
            wire: _Wire
            if address.path:
                _, wire = await loop.create_unix_connection(_Wire, address.path)
            else:
                _, wire = await loop.create_connection(_Wire, address.host, address.port, ssl=address.context())
            try:
                await self._greet(wire)
            except BaseException:
                wire.drop()
                raise
        return wire

    async def _greet(self, wire: _Wire) -> None:
        address = self._address
        replies = []
        if address.password:
            names = (address.username, address.password) if address.username else (address.password,)
            replies.append(wire.ask(("AUTH", *names)))
        if address.database:
            replies.append(wire.ask(("SELECT", address.database)))
        for reply in replies:
            await reply
