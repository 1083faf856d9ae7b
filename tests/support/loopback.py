"""A listener on loopback whose connections all end with it: what the tests' own servers stand on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

READ_BYTES_MAX = 64 * 1024

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Loopback:
    """`talk` serves one connection; the connection is closed when it returns. Broken connections are no error."""

    def __init__(self, talk: Talk, *, tls: ssl.SSLContext | None = None, unix_socket: str | None = None) -> None:
        self.port = 0
        self.connections = 0
        self._talk = talk
        self._tls = tls
        self._unix_socket = unix_socket
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Take connections (again, on the same port)."""
        if self._unix_socket is not None:
            self._server = await asyncio.start_unix_server(self._met, self._unix_socket, limit=READ_BYTES_MAX)
            return
        self._server = await asyncio.start_server(
            self._met, "127.0.0.1", self.port, ssl=self._tls, limit=READ_BYTES_MAX
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Take no new connections until `listen`."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def close(self) -> None:
        self.refuse()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.sleep(0.01)  # the loop closes the sockets

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
                await self._talk(reader, writer)
        finally:
            del self._open[task]
            if task.cancelling():
                writer.transport.abort()
            writer.close()


@asynccontextmanager
async def loopback(talk: Talk) -> AsyncIterator[int]:
    """The port of a server that talks so."""
    server = Loopback(talk)
    await server.listen()
    try:
        yield server.port
    finally:
        await server.close()
