"""What our transport adds to a request and keeps of a reply: nothing."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import httpx
import pytest

from tests.support.http_desk import Asked, Desk, say
from tests.support.loopback import loopback
from tests.upstream.pool import OK, Endless, asked_for, failure, get, post, sent, transport


async def test_only_our_headers_travel() -> None:
    """No header of aiohttp's own, no cookie kept."""
    answer = say(200, b"{}", set_cookie="a=b")
    async with Desk(lambda _: answer) as desk, transport() as pool:
        for _ in range(2):
            await asked_for(pool, httpx.Request("POST", desk.url + "/x", headers={"X-One": "1"}, content=b"{}"))
        for asked in desk.asked:
            names = sorted(name for name, _ in asked.headers)
            assert names == ["content-length", "host", "x-one"]


async def test_a_reply_comes_as_it_was_sent() -> None:
    """Nothing is unpacked on the way; repeated headers stay apart."""
    raw = b"\x1f\x8b not gzip"
    async with Desk(lambda _: say(200, raw, content_encoding="gzip")) as desk, transport() as pool:
        assert await asked_for(pool, get(desk.url)) == raw


@pytest.mark.parametrize(
    "tail",
    [
        "/a%2Fb/c%20d?sig=a%2Bb%3D&x=%7E",
        "/a+b?q=1+2&empty=&flag",
        "/bucket/clip.mp4?X-Amz-Credential=AKIA%2F20261120%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0a1b",
        "/~user/(x)!*'$,;:@&=",
        "/%E4%BD%A0?redirect=https%3A%2F%2Fa.example%2Fb%3Fc%3Dd",
    ],
)
async def test_an_address_arrives_as_it_was_given(tail: str) -> None:
    """A signed link must not be spelled anew."""
    async with Desk(lambda _: OK) as desk, transport() as pool:
        await asked_for(pool, get(desk.url + tail))
        assert desk.asked[0].target == tail


async def test_a_unix_socket_carries_the_same_requests(tmp_path: Path) -> None:
    """The sandbox's vendor lives behind one; the host in the address is only a name."""
    path = str(tmp_path / "s")
    async with Desk(lambda _: OK, unix_socket=path) as desk, transport(unix_socket=path) as pool:
        assert await asked_for(pool, post("http://sandbox/v1/videos")) == b'{"ok":true}'
        assert desk.asked[0].header("host") == "sandbox"


async def test_a_unix_socket_without_server_was_never_sent(tmp_path: Path) -> None:
    """As a refused connection is."""
    async with transport(unix_socket=str(tmp_path / "s")) as pool:
        error = await failure(pool, post("http://sandbox/"))
    assert (type(error), sent(error)) == (httpx.ConnectError, False)


async def test_connections_are_used_again() -> None:
    """Ten calls one after the other take one connection."""
    async with Desk(lambda _: OK) as desk, transport() as pool:
        for _ in range(10):
            await asked_for(pool, post(desk.url))
        assert desk.connections == 1


async def test_a_connection_that_slept_too_long_is_not_used() -> None:
    """Idle longer than `keepalive_s`: a new one, because the server may be closing it in this very moment."""
    async with Desk(lambda _: OK) as desk, transport(keepalive_s=0.05) as pool:
        for _ in range(2):
            await asked_for(pool, post(desk.url))
            await asyncio.sleep(0.1)
        assert desk.connections == 2


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the option is Linux's")
async def test_the_kernel_gives_up_with_us() -> None:
    """Every socket carries the user timeout, so that nothing arrives later than that."""
    async with transport(socket_timeout_s=7.5) as pool:
        sock = pool._socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
        with sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500


async def test_a_big_body_streams_in_pieces() -> None:
    """Larger than any buffer, and whole at the other end."""
    body = bytes(range(256)) * 20_000
    async with Desk(lambda asked: say(200, str(len(asked.body)).encode())) as desk, transport() as pool:
        assert await asked_for(pool, post(desk.url, body)) == str(len(body)).encode()
        assert desk.asked[0].body == body


async def test_an_early_answer_is_read() -> None:
    """A refusal that comes before the whole body was taken is an answer, if the server lets us read it."""

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(say(413, b'{"error":"too large"}').raw)
        await writer.drain()
        await reader.read(-1)

    async with loopback(early) as port, transport() as pool:
        request = httpx.Request(
            "POST", f"http://127.0.0.1:{port}/", headers={"content-length": "100"}, stream=Endless(b"x" * 10)
        )
        response = await pool.handle_async_request(request)
        assert response.status_code == 413
        await response.aclose()


async def test_our_private_grip_on_aiohttp_fits_its_version() -> None:
    """The switch that ends automatic repeats is private: this pins the version that was read."""
    assert aiohttp.__version__.startswith("3.14.")


def test_the_desk_writes_down_what_it_was_asked() -> None:
    """The helper's record is plain data."""
    asked = Asked("GET", "/", [("a", "1")], b"", 1)
    assert asked.header("a") == "1"
