"""The proxy breaks what it is told to break, passes on the rest unchanged, and counts truly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.fault_proxy import PAGE, At, Do, Fault, FaultProxy
from tests.support.http_desk import Asked, Desk, Say, say

CHUNKED = b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"


def echo(asked: Asked) -> Say:
    return say(200, asked.body or b"-", x_method=asked.method)


def talk(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=2)


async def chunks() -> AsyncIterator[bytes]:
    for piece in (b"one ", b"two ", b"three"):
        yield piece


async def test_requests_pass_unchanged_over_one_connection() -> None:
    """Keep-alive, Content-Length and chunked bodies, HEAD."""
    async with Desk(echo) as desk, FaultProxy("127.0.0.1", desk.port) as proxy, talk(proxy.url) as client:
        assert (await client.post("/a", content=b"x" * 100_000)).content == b"x" * 100_000
        assert (await client.post("/a", content=chunks())).content == CHUNKED
        assert (await client.head("/a")).headers["x-method"] == "HEAD"
        assert (await client.get("/a")).content == b"-"
        assert proxy.connections == 1
        assert proxy.received == {"POST": 2, "HEAD": 1, "GET": 1}


async def test_a_fault_meets_the_request_it_was_meant_for() -> None:
    """By method and path, once each, in order."""
    async with Desk(echo) as desk, FaultProxy("127.0.0.1", desk.port) as proxy, talk(proxy.url) as client:
        proxy.next(Fault(Do.RESET), Fault(Do.PAGE), method="POST", path="/v1")
        assert (await client.get("/v1")).status_code == 200
        assert (await client.post("/other")).status_code == 200
        with pytest.raises(httpx.ReadError):
            await client.post("/v1")
        page = await client.post("/v1")
        assert (page.status_code, page.content) == (502, PAGE)
        assert (await client.post("/v1")).status_code == 200
        assert proxy.received["POST"] == 4
        assert len(desk.asked) == 3


@pytest.mark.parametrize(
    ("at", "received", "passed"),
    [
        (At.HEAD, 0, 0),
        (At.HALF, 0, 0),
        (At.BODY, 1, 0),
        (At.ANSWERED, 1, 1),
        (At.REPLY_HEAD, 1, 1),
        (At.REPLY_BODY, 1, 1),
    ],
)
async def test_a_break_stands_where_it_says(at: At, received: int, passed: int) -> None:
    """What counts as received whole, and what reached the server behind."""
    async with Desk(echo) as desk, FaultProxy("127.0.0.1", desk.port) as proxy, talk(proxy.url) as client:
        proxy.next(Fault(Do.CLOSE, at))
        with pytest.raises(httpx.TransportError):
            await client.post("/", content=b"x" * 50_000)
        assert (proxy.heads["POST"], proxy.received["POST"], len(desk.asked)) == (1, received, passed)


async def test_the_door_closes_and_opens_on_the_same_port() -> None:
    """Refused in between."""
    async with Desk(echo) as desk, FaultProxy("127.0.0.1", desk.port) as proxy:
        port = proxy.port
        proxy.refuse()
        await asyncio.sleep(0.01)
        async with talk(f"http://127.0.0.1:{port}") as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("/")
            await proxy.listen()
            assert (proxy.port, (await client.get("/")).status_code) == (port, 200)
