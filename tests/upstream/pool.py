"""What the tests of the transport share: a pool that is closed, requests, and a body without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.upstream.transport import Transport
from gateway.upstream.wire import Wire
from tests.support.http_desk import say

OK = say(200, b'{"ok":true}')


@asynccontextmanager
async def transport(**options: object) -> AsyncIterator[Transport]:
    pool = Transport(**options)  # type: ignore[arg-type]
    try:
        yield pool
    finally:
        await pool.aclose()


def post(url: str, body: bytes = b'{"prompt":"x"}', read_s: float = 5.0, wire: Wire | None = None) -> httpx.Request:
    limits = {"connect": 0.5, "pool": 0.2, "read": read_s}
    return httpx.Request("POST", url, content=body, extensions={"timeout": limits, "wire": wire or Wire()})


def get(url: str) -> httpx.Request:
    return httpx.Request("GET", url, extensions={"timeout": {"connect": 0.5, "pool": 0.2, "read": 5.0}})


async def asked_for(pool: Transport, request: httpx.Request) -> bytes:
    response = await pool.handle_async_request(request)
    try:
        return b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
    finally:
        await response.aclose()


def sent(error: httpx.TransportError) -> bool:
    wire: Wire = error.request.extensions["wire"]
    return wire.sent


async def failure(pool: Transport, request: httpx.Request) -> httpx.TransportError:
    with pytest.raises(httpx.TransportError) as caught:
        await asked_for(pool, request)
    return caught.value


class Endless(httpx.AsyncByteStream):
    """A body that waits before its first byte, or after it."""

    def __init__(self, first: bytes = b"") -> None:
        self.first = first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.first:
            yield self.first
        await asyncio.sleep(3600)
        yield b"never"
