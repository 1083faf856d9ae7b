"""Our transport tells failures apart as httpx would, and says truly whether a byte left."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from gateway.upstream.addresses import Resolver
from gateway.upstream.wire import SendByPassed, Wire
from tests.support.fault_proxy import At, Do, Fault, FaultProxy, silent_port
from tests.support.http_desk import Desk, Say, say
from tests.support.loopback import loopback
from tests.support.own_tls import server_context, trusting_context
from tests.upstream.pool import OK, Endless, asked_for, failure, post, sent, transport

# --- what a failure is called (ECOSYSTEM §2) ----------------------------------------------------------------------


async def test_a_refused_connection_was_never_sent() -> None:
    """Nobody listens: ConnectError, not sent."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with transport() as pool:
            error = await failure(pool, post(f"http://127.0.0.1:{closed.getsockname()[1]}/"))
    assert (type(error), sent(error)) == (httpx.ConnectError, False)


async def test_a_name_without_address_was_never_sent() -> None:
    """DNS fails: ConnectError, not sent."""

    def lookup(name: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    resolver = Resolver(lookup)
    async with transport(resolver=resolver) as pool:
        error = await failure(pool, post("http://nowhere.example/"))
    await resolver.close()
    assert (type(error), sent(error)) == (httpx.ConnectError, False)


async def test_a_handshake_that_never_ends_was_never_sent() -> None:
    """The server's queue is full: ConnectTimeout, not sent."""
    async with silent_port() as port, transport() as pool:
        error = await failure(pool, post(f"http://127.0.0.1:{port}/"))
    assert (type(error), sent(error)) == (httpx.ConnectTimeout, False)


async def test_a_tls_handshake_that_never_ends_was_never_sent() -> None:
    """A server that takes the connection and says nothing: ConnectTimeout, not sent."""
    async with FaultProxy("127.0.0.1", 1) as proxy, transport() as pool:
        error = await failure(pool, post(f"https://127.0.0.1:{proxy.port}/"))
    assert (type(error), sent(error)) == (httpx.ConnectTimeout, False)


async def test_a_certificate_nobody_vouches_for_was_never_sent(tmp_path: Path) -> None:
    """An unknown certificate: ConnectError, not sent, and the server saw no request."""
    async with Desk(lambda _: OK, tls=server_context(tmp_path)) as desk, transport() as pool:
        error = await failure(pool, post(desk.url))
        assert (type(error), sent(error), desk.asked) == (httpx.ConnectError, False, [])


async def test_a_certificate_for_another_name_was_never_sent(tmp_path: Path) -> None:
    """A trusted certificate that names somebody else is refused too."""
    resolver = Resolver(lambda name: ["127.0.0.1"])
    async with (
        Desk(lambda _: OK, tls=server_context(tmp_path)) as desk,
        transport(resolver=resolver, tls=trusting_context()) as pool,
    ):
        error = await failure(pool, post(f"https://another.test:{desk.port}/"))
        assert await asked_for(pool, post(f"https://images.example:{desk.port}/")) == b'{"ok":true}'
    await resolver.close()
    assert (type(error), sent(error), len(desk.asked)) == (httpx.ConnectError, False, 1)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(Do.RESET, At.HEAD), httpx.ReadError),
        (Fault(Do.RESET, At.HALF), httpx.ReadError),
        (Fault(Do.RESET, At.BODY), httpx.ReadError),
        (Fault(Do.CLOSE, At.BODY), httpx.RemoteProtocolError),
        (Fault(Do.HANG, At.BODY), httpx.ReadTimeout),
        (Fault(Do.CLOSE, At.REPLY_HEAD), httpx.RemoteProtocolError),
        (Fault(Do.RESET, At.REPLY_HEAD), httpx.ReadError),
        (Fault(Do.CLOSE, At.REPLY_BODY), httpx.RemoteProtocolError),
        (Fault(Do.HANG, At.REPLY_BODY), httpx.ReadTimeout),
    ],
    ids=lambda value: f"{value.do.value}-{value.at.value}" if isinstance(value, Fault) else "",
)
async def test_what_breaks_after_the_first_byte_was_sent(fault: Fault, kind: type[httpx.TransportError]) -> None:
    """Reset, closed, hung or cut short: httpx's own name for it, and sent."""
    async with Desk(lambda _: OK) as desk, FaultProxy("127.0.0.1", desk.port) as proxy, transport() as pool:
        proxy.next(fault)
        error = await failure(pool, post(proxy.url, read_s=0.2))
        assert (type(error), sent(error)) == (kind, True)
        assert proxy.heads["POST"] == 1


@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"]
)
async def test_garbage_is_a_protocol_error(garbage: bytes) -> None:
    """A server that speaks something else: RemoteProtocolError, sent."""
    async with Desk(lambda _: Say(garbage, "close")) as desk, transport() as pool:
        error = await failure(pool, post(desk.url))
    assert (type(error), sent(error)) == (httpx.RemoteProtocolError, True)


async def test_a_header_without_end_is_a_protocol_error() -> None:
    """A reply's header is bounded."""
    huge = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000
    async with Desk(lambda _: Say(huge, "hang")) as desk, transport() as pool:
        error = await failure(pool, post(desk.url))
    assert (type(error), sent(error)) == (httpx.RemoteProtocolError, True)


async def test_a_full_pool_was_never_sent() -> None:
    """No connection is free: PoolTimeout, not sent."""
    async with Desk(lambda _: Say(b"", "hang")) as desk, transport(connections_per_host=1) as pool:
        first = asyncio.create_task(failure(pool, post(desk.url, read_s=1.5)))
        await asyncio.sleep(0.1)
        error = await failure(pool, post(desk.url))
        assert (type(error), sent(error)) == (httpx.PoolTimeout, False)
        await first


async def test_a_redirect_is_returned() -> None:
    """Never followed by itself: it may lead inside."""
    async with Desk(lambda _: say(302, location="/elsewhere")) as desk, transport() as pool:
        response = await pool.handle_async_request(post(desk.url))
        await response.aclose()
        assert (response.status_code, len(desk.asked)) == (302, 1)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("end", ["reset", "close"])
async def test_nothing_is_repeated_by_itself(method: str, end: str) -> None:
    """aiohttp repeats what it calls idempotent once, by a private switch that we turn off: pinned here."""
    async with Desk(lambda _: Say(b"", end)) as desk, transport() as pool:
        assert pool._ready()._retry_connection is False
        await failure(pool, httpx.Request(method, desk.url))
        assert len(desk.asked) == 1


# --- the fact --------------------------------------------------------------------------------------------------------


async def test_a_connection_closed_while_it_slept_is_noticed_before_anything_leaves() -> None:
    """A pooled connection that the server has closed is not used: the next request takes a new one."""
    ends = iter([say(200, b"1", then="close"), OK])
    async with Desk(lambda _: next(ends)) as desk, transport() as pool:
        assert await asked_for(pool, post(desk.url)) == b"1"
        await asyncio.sleep(0.05)
        assert await asked_for(pool, post(desk.url)) == b'{"ok":true}'
        assert desk.connections == 2


async def test_the_time_to_send_is_asked_on_a_connection_that_stands() -> None:
    """The check comes after connecting, right before the first byte; refused there, the server sees no request."""
    async with Desk(lambda _: OK) as desk, transport() as pool:
        seen: list[int] = []

        def too_late() -> bool:
            seen.append(desk.connections)
            return False

        wire = Wire(too_late)
        await asyncio.sleep(0)
        error = await failure(pool, post(desk.url, wire=wire))
        await asyncio.sleep(0.05)
        assert (type(error), wire.sent, desk.asked) == (SendByPassed, False, [])
        assert len(seen) == 1
        assert desk.connections == 1


async def test_the_time_to_send_holds_for_requests_without_body() -> None:
    """A call that starts work need not have a body."""
    async with Desk(lambda _: OK) as desk, transport() as pool:
        wire = Wire(lambda: False)
        request = httpx.Request("POST", desk.url, extensions={"wire": wire})
        with pytest.raises(SendByPassed):
            await pool.handle_async_request(request)
        assert (wire.sent, desk.asked) == (False, [])
        await asked_for(pool, httpx.Request("POST", desk.url))
        assert [asked.body for asked in desk.asked] == [b""]


@pytest.mark.parametrize(("first", "left"), [(b"", False), (b"x" * 10, True)])
async def test_giving_up_seals_the_request(first: bytes, left: bool) -> None:
    """A deadline while the body is read: what has not left cannot leave any more, what has is known."""
    async with Desk(lambda _: OK) as desk, transport() as pool:
        wire = Wire()
        request = httpx.Request(
            "POST", desk.url, headers={"content-length": "100"}, stream=Endless(first), extensions={"wire": wire}
        )
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await pool.handle_async_request(request)
        assert wire.sent is left
        if not left:
            with pytest.raises(SendByPassed):
                wire.leave()
        assert desk.asked == []


async def test_what_is_buffered_does_not_arrive_after_giving_up() -> None:
    """A server that stops reading and goes on later must not find the rest of a request that was given up: the
    connection is reset, buffers and all."""
    arrived = 0
    go_on = asyncio.Event()
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def lazy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await go_on.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        try:
            while piece := await reader.read(65536):
                arrived += len(piece)
            ended.set_result("farewell")
        except ConnectionResetError:
            ended.set_result("reset")

    size = 32 * 1024 * 1024
    async with loopback(lazy) as port, transport() as pool:
        wire = Wire()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await pool.handle_async_request(post(f"http://127.0.0.1:{port}/", b"x" * size, wire=wire))
        assert wire.sent
        go_on.set()
        assert await ended == "reset"
        assert arrived < size
