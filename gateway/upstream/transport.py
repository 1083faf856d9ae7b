"""The one way out: httpx's transport interface over aiohttp.

Belongs here: connections, their limits, bytes out and in.
Does not: what a reply means, redirects, cookies, decoding, sending anything again.
"""

from __future__ import annotations

import socket
import ssl
from asyncio import WriteTransport
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from yarl import URL

from gateway.upstream.wire import OwnFileBroken, Wire, translated

PIECE_BYTES = 256 * 1024
HEADER_BYTES_MAX = 32 * 1024
_BODY_HEADERS = ("content-length", "transfer-encoding")

Address = tuple[Any, ...]
"""What `getaddrinfo` calls one: family, type, protocol, name, (host, port, …)."""


class _Body(aiohttp.payload.Payload):
    """A request's body as aiohttp writes it, in pieces that let others breathe."""

    def __init__(self, stream: httpx.AsyncByteStream, wire: Wire) -> None:
        super().__init__(None)
        self._stream = stream
        self._wire = wire

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a body on its way cannot be read")

    async def write(self, writer: AbstractStreamWriter) -> None:
        try:
            await self._write(writer)
        except OwnFileBroken:
            self._wire.own_file_broken = True  # of an error here aiohttp tells on only that there was one
            raise

    async def _write(self, writer: AbstractStreamWriter) -> None:
        transport = cast(WriteTransport | None, getattr(writer, "transport", None))
        async for chunk in self._stream:
            for start in range(0, len(chunk), PIECE_BYTES):
                # A pooled connection that the other side closed while it slept: known before anything is written.
                if transport is None or transport.is_closing():
                    raise aiohttp.ClientConnectionResetError("the connection is closed")
                self._wire.leave(transport)
                await writer.write(chunk[start : start + PIECE_BYTES] if len(chunk) > PIECE_BYTES else chunk)
        self._wire.leave(transport)  # a body without a byte: the headers leave when this returns


class _ReplyStream(httpx.AsyncByteStream):
    """A reply's body as it comes, undecoded."""

    def __init__(self, reply: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await self._reply.content.readany():
                yield chunk
        except Exception as error:
            raise translated(error, self._request) from error

    async def aclose(self) -> None:
        wire: Wire = self._request.extensions["wire"]
        if self._reply.content.is_eof():
            wire.done()
        else:
            wire.cut()
        self._reply.close()


class Transport(httpx.AsyncBaseTransport):
    """A pool of connections: to one Unix socket, or to any host, with a limit for each.

    `allows` is asked with the very address a connection goes to, whatever name or spelling led there. `watched`: it is
    known to the byte when a request without a body leaves; else such a request counts as sent from the beginning, and
    each costs a seventh less.
    """

    def __init__(
        self,
        *,
        unix_socket: str | None = None,
        connections_per_host: int = 256,
        keepalive_s: float = 4.0,
        socket_timeout_s: float = 10.0,
        resolver: AbstractResolver | None = None,
        allows: Callable[[str], bool] | None = None,
        tls: ssl.SSLContext | None = None,
        watched: bool = True,
    ) -> None:
        self._watched = watched
        self._unix_socket = unix_socket
        self._connections_per_host = connections_per_host
        self._keepalive_s = keepalive_s
        self._socket_timeout_ms = int(socket_timeout_s * 1000)
        self._resolver = resolver
        self._allows = allows
        self._tls: ssl.SSLContext | bool = tls or True
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wire = request.extensions.setdefault("wire", Wire())
        # Not `items()`: for each header it would guess how all of them are encoded.
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        wire.has_body = any(name.lower() in _BODY_HEADERS and value != "0" for name, value in headers)
        if not self._watched and not wire.has_body:
            wire.leave()
        try:
            reply = await self._ready().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=headers,
                data=_Body(cast(httpx.AsyncByteStream, request.stream), wire) if wire.has_body else None,
                allow_redirects=False,
                timeout=_timeout(*map(request.extensions.get("timeout", {}).get, ("pool", "connect", "read"))),
                trace_request_ctx=wire,
            )
        except Exception as error:
            wire.cut()
            raise translated(error, request) from error
        except BaseException:
            wire.cut()
            raise
        return httpx.Response(
            reply.status,
            headers=list(reply.raw_headers),
            stream=_ReplyStream(reply, request),
            extensions={"wire": wire},
            request=request,
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _ready(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[_watch()] if self._watched else [],
                max_line_size=HEADER_BYTES_MAX,
                max_field_size=HEADER_BYTES_MAX,
            )
            # aiohttp repeats GET, PUT and DELETE once by itself after a reset. There is no public switch in 3.14.
            self._session._retry_connection = False
        return self._session

    def _connector(self) -> aiohttp.BaseConnector:
        if self._unix_socket is not None:
            return aiohttp.UnixConnector(
                self._unix_socket, limit=self._connections_per_host, keepalive_timeout=self._keepalive_s
            )
        return aiohttp.TCPConnector(
            limit=0,
            limit_per_host=self._connections_per_host,
            keepalive_timeout=self._keepalive_s,
            resolver=self._resolver,
            socket_factory=self._socket,
            ssl=self._tls,
        )

    def _socket(self, address: Address) -> socket.socket:
        family, kind, protocol, _, place = address
        if self._allows is not None and not self._allows(str(place[0])):
            raise PermissionError("this address is out of bounds")
        sock = socket.socket(family, kind, protocol)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # What is not acknowledged by then is never delivered; without it a kernel tries for many minutes.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._socket_timeout_ms)
        return sock


@lru_cache(256)
def _timeout(pool_s: float | None, connect_s: float | None, read_s: float | None) -> aiohttp.ClientTimeout:
    """httpx's limits in aiohttp's words. Its `connect` is waiting for a connection and making one, together."""
    both_s = None if pool_s is None or connect_s is None else pool_s + connect_s
    return aiohttp.ClientTimeout(connect=both_s, sock_connect=connect_s, sock_read=read_s)


def _watch() -> aiohttp.TraceConfig:
    async def headers_leave(
        _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        wire: Wire = context.trace_request_ctx
        # With a body they wait for its first piece, and `_Body` says when; an `Expect` would send them ahead.
        if not wire.has_body or "Expect" in params.headers:
            wire.leave()

    async def queue_start(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.queued = True

    async def queue_end(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.queued = False

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(headers_leave)
    trace.on_connection_queued_start.append(queue_start)
    trace.on_connection_queued_end.append(queue_end)
    return trace
