"""A server for tests of HTTP clients: it writes down what it was asked and answers whatever bytes a function says.

async with Desk(lambda asked: say(200, b"{}")) as desk: ... desk.url ... desk.asked[0].headers
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from tests.support.fault_proxy import HEAD_BYTES_MAX, body_of, read_head


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: list[tuple[str, str]]  # in order, names in lower case
    body: bytes
    connection: int  # the how manieth connection brought it

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


@dataclass(frozen=True)
class Say:
    """Raw bytes, and what happens after them: "keep", "close", "reset" or "hang"."""

    raw: bytes
    then: str = "keep"


Answer = Callable[[Asked], Say]


def say(status: int, body: bytes = b"", *, then: str = "keep", **headers: str) -> Say:
    lines = [f"HTTP/1.1 {status} Word", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if not {"content_length", "transfer_encoding"} & headers.keys():
        lines.append(f"content-length: {len(body)}")
    return Say("\r\n".join([*lines, "", ""]).encode("latin-1") + body, then)


class Desk:
    def __init__(self, answer: Answer, *, tls: ssl.SSLContext | None = None, unix_socket: str | None = None) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._unix_socket = unix_socket
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Desk:
        if self._unix_socket is not None:
            self._server = await asyncio.start_unix_server(self._met, self._unix_socket, limit=HEAD_BYTES_MAX)
        else:
            self._server = await asyncio.start_server(self._met, "127.0.0.1", 0, ssl=self._tls, limit=HEAD_BYTES_MAX)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            while await self._one(reader, writer, number):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = await read_head(reader)
        body = b"".join([piece async for piece in body_of(reader, head)])
        lines = head.raw.decode("latin-1").split("\r\n")[1:-2]
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        asked = Asked(head.first[0], head.first[1], headers, body, number)
        self.asked.append(asked)
        said = self.answer(asked)
        writer.write(said.raw)
        await writer.drain()
        if said.then == "hang":
            await asyncio.sleep(3600)
        if said.then == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return said.then == "keep"
