"""A server for tests of HTTP clients: it writes down what it was asked and answers whatever bytes a function says.

async with Desk(lambda asked: say(200, b"{}")) as desk: ... desk.url ... desk.asked[0].headers
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from tests.support.fault_proxy import body_of, read_head, reset
from tests.support.loopback import Loopback


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
        self._scheme = "https" if tls else "http"
        self._door = Loopback(self._talk, tls=tls, unix_socket=unix_socket)

    @property
    def port(self) -> int:
        return self._door.port

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return self._door.connections

    async def __aenter__(self) -> Desk:
        await self._door.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._door.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        while await self._one(reader, writer, number):
            pass

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
            reset(writer)
        return said.then == "keep"
