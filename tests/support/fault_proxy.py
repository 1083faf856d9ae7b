"""A proxy that breaks connections at a chosen byte, and counts what it received whole.

    async with FaultProxy("127.0.0.1", port) as proxy:
        proxy.next(Fault(Do.RESET, At.BODY), method="POST")     # the next POST; all others pass
        ...
        assert proxy.received["POST"] == 3

It speaks HTTP/1.1 with keep-alive, Content-Length and chunked bodies, and passes bytes on unchanged. `target` is
(host, port), or the path of a Unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from types import TracebackType

from tests.support.loopback import READ_BYTES_MAX, Loopback

PIECE_BYTES = 16 * 1024
DRIP_S = 0.05
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Do(Enum):
    RESET = "reset"  # RST
    CLOSE = "close"  # FIN
    HANG = "hang"
    PAGE = "page"  # a proxy's HTML page; the request is not passed on
    DRIP = "drip"  # the reply from there on at one byte each DRIP_S


class At(Enum):
    HEAD = "head"  # the request's head has come, nothing of its body was read
    HALF = "half"  # half of its body
    BODY = "body"  # all of it; nothing is passed on
    ANSWERED = "answered"  # the reply was made, nothing of it is passed on
    REPLY_HEAD = "reply_head"  # half of the reply's head is passed on
    REPLY_BODY = "reply_body"  # half of its body


@dataclass(frozen=True)
class Fault:
    do: Do
    at: At = At.BODY
    page_status: int = 502


@dataclass(frozen=True)
class Head:
    raw: bytes
    first: list[str]
    length: int
    chunked: bool

    @property
    def bodiless(self) -> bool:
        """For replies: no body whatever the headers say."""
        return self.first[1][:1] == "1" or self.first[1] in ("204", "304")


class FaultProxy:
    def __init__(self, *target: str | int) -> None:
        self.heads: Counter[str] = Counter()  # requests begun, by method
        self.received: Counter[str] = Counter()  # and received whole
        self._target = target
        self._faults: list[tuple[str | None, str, Fault]] = []
        self._door = Loopback(self._talk)

    def next(self, *faults: Fault, method: str | None = None, path: str = "") -> None:
        """Queue faults: each is used up by the next request of this method whose path begins so."""
        self._faults += [(method, path, fault) for fault in faults]

    @property
    def port(self) -> int:
        return self._door.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return self._door.connections

    async def listen(self) -> None:
        """Take connections (again, on the same port)."""
        await self._door.listen()

    def refuse(self) -> None:
        """Refuse new connections until `listen`."""
        self._door.refuse()

    async def __aenter__(self) -> FaultProxy:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._door.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._one(reader, writer):
            pass

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply. False when the connection is over."""
        head = await read_head(reader)
        method, path = head.first[0], head.first[1]
        self.heads[method] += 1
        fault = self._fault(method, path)
        if fault is not None and fault.at is At.HEAD:
            return await self._break(fault, writer)
        body = b""
        at_once = max(1, head.length // 2) if fault is not None and fault.at is At.HALF else PIECE_BYTES
        async for piece in body_of(reader, head, at_once=at_once):
            body += piece
            if fault is not None and fault.at is At.HALF:
                return await self._break(fault, writer)
        self.received[method] += 1
        if fault is not None and fault.at in (At.BODY, At.HALF):
            return await self._break(fault, writer)
        return await self._forward(head.raw + body, method, fault, writer)

    def _fault(self, method: str, path: str) -> Fault | None:
        for index, (wanted, begin, fault) in enumerate(self._faults):
            if wanted in (None, method) and path.startswith(begin):
                del self._faults[index]
                return fault
        return None

    async def _break(self, fault: Fault, writer: asyncio.StreamWriter) -> bool:
        match fault.do:
            case Do.RESET:
                reset(writer)
                return False
            case Do.PAGE:
                lines = (
                    f"HTTP/1.1 {fault.page_status} Oh\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\n\r\n"
                )
                writer.write(lines.encode() + PAGE)
                await writer.drain()
                return fault.at is At.BODY
            case Do.HANG:
                await asyncio.sleep(3600)
        return False

    async def _forward(self, request: bytes, method: str, fault: Fault | None, writer: asyncio.StreamWriter) -> bool:
        up_reader, up_writer = await self._reach()
        try:
            up_writer.write(request)
            await up_writer.drain()
            head = await read_head(up_reader)
            pieces = body_of(up_reader, head, of_reply=True, bodiless=method == "HEAD" or head.bodiless)
            return await self._reply(head, pieces, fault, writer)
        finally:
            up_writer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if len(self._target) == 1:
            return await asyncio.open_unix_connection(str(self._target[0]), limit=READ_BYTES_MAX)
        host, port = self._target
        return await asyncio.open_connection(str(host), int(port), limit=READ_BYTES_MAX)

    async def _reply(
        self, head: Head, pieces: AsyncIterator[bytes], fault: Fault | None, writer: asyncio.StreamWriter
    ) -> bool:
        if fault is None:
            writer.write(head.raw)
            async for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return head.chunked or head.length >= 0 or head.bodiless
        body = b"".join([piece async for piece in pieces])
        kept = {At.REPLY_HEAD: head.raw[: len(head.raw) // 2], At.REPLY_BODY: head.raw + body[: len(body) // 2]}
        sent = kept.get(fault.at, b"")
        writer.write(sent)
        await writer.drain()
        if fault.do is Do.DRIP:
            for byte in (head.raw + body)[len(sent) :]:
                writer.write(bytes([byte]))
                await asyncio.sleep(DRIP_S)
            return True
        return await self._break(fault, writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST, whatever is still on its way."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def read_head(reader: asyncio.StreamReader) -> Head:
    """A request's or a reply's head. IncompleteReadError at the end of the connection."""
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers["content-length"]) if "content-length" in headers else -1
    return Head(raw, first.split(" ", 2), length, "chunked" in headers.get("transfer-encoding", "").lower())


async def body_of(
    reader: asyncio.StreamReader,
    head: Head,
    *,
    of_reply: bool = False,
    bodiless: bool = False,
    at_once: int = PIECE_BYTES,
) -> AsyncIterator[bytes]:
    """The body's bytes as they are on the wire, chunk marks included."""
    if bodiless:
        return
    if head.chunked:
        size = -1
        while size != 0:
            mark = await reader.readuntil(b"\r\n")
            size = int(mark.partition(b";")[0], 16)
            yield mark + await reader.readexactly(size + 2)
        return
    left = head.length
    while left > 0 or (left < 0 and of_reply):
        piece = await reader.read(at_once if left < 0 else min(left, at_once))
        if not piece:
            if left > 0:
                raise asyncio.IncompleteReadError(b"", left)
            return
        left -= len(piece) if left > 0 else 0
        yield piece


@contextlib.asynccontextmanager
async def silent_port() -> AsyncIterator[int]:
    """A port whose handshakes never complete: its queue is full and nobody takes from it."""
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        await asyncio.sleep(0.05)
        yield port
