"""NotSent: not a byte of the call that starts work left, so it is free and free to repeat."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.domain.verdicts import InDoubt, NotSent
from providers.contract import (
    Accepted,
    AdapterSettings,
    Blob,
    Call,
    Flow,
    Form,
    Part,
    Refused,
    Spec,
    SubmitVerdict,
    Why,
)
from tests.support.fault_proxy import At, Do, Fault, FaultProxy, silent_port
from tests.support.http_desk import Desk, Say, say
from tests.upstream.house import (
    ACCEPTED,
    KEY,
    SPEC,
    HandClock,
    Plain,
    endpoint,
    open_driver,
    read_submission,
    soon,
    steps,
    submitted,
)


async def test_a_refused_connection_is_not_sent() -> None:
    """Nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with open_driver() as driver:
            outcome = await submitted(driver, f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert outcome == NotSent("POST brought no answer (ConnectError)")


async def test_a_name_that_leads_nowhere_is_not_sent() -> None:
    """The name server knows no such host."""

    def lookup(name: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async with open_driver(lookup=lookup) as driver:
        assert isinstance(await submitted(driver, "http://vendor.example"), NotSent)


async def test_a_name_server_that_hangs_is_not_sent() -> None:
    """The limit for connecting covers the name too."""
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(name: str) -> list[str]:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return ["127.0.0.1"]

    async with open_driver(lookup=lookup) as driver:
        assert isinstance(await submitted(driver, "http://vendor.example"), NotSent)
        gate.set()
        await asyncio.sleep(0.05)


async def test_a_handshake_that_never_ends_is_not_sent() -> None:
    """TCP's as well as TLS's."""
    async with silent_port() as port, FaultProxy("127.0.0.1", 1) as mute, open_driver() as driver:
        nobody = await submitted(driver, f"http://127.0.0.1:{port}")
        assert isinstance(nobody, NotSent) and not nobody.ours
        assert isinstance(await submitted(driver, f"https://127.0.0.1:{mute.port}"), NotSent)


async def test_a_tls_failure_is_not_sent() -> None:
    """A server that does not speak TLS gets no request."""
    async with Desk(lambda _: Say(b"not TLS at all\r\n", "close")) as desk, open_driver() as driver:
        assert isinstance(await submitted(driver, f"https://127.0.0.1:{desk.port}"), NotSent)
        assert desk.asked == []


async def test_a_full_pool_is_not_sent() -> None:
    """All connections to the vendor are busy."""
    async with Desk(lambda _: Say(b"", "hang")) as desk, open_driver(connections_per_host=1) as driver:
        first = asyncio.create_task(submitted(driver, desk.url, timeout_s=1.5))
        await asyncio.sleep(0.1)
        assert await submitted(driver, desk.url) == NotSent("POST brought no answer (PoolTimeout)", ours=True)
        assert isinstance(await first, InDoubt)
        assert len(desk.asked) == 1


async def test_after_send_by_nothing_leaves() -> None:
    """The clock is asked last of all, on the connection that stands; a suspend during connecting is noticed."""
    clock = HandClock()
    clock.stopped_at = 100.0
    async with Desk(lambda _: say(200, ACCEPTED)) as desk, open_driver(clock=clock) as driver:
        place = endpoint(desk.url)
        for send_by, sent in ((100.0, False), (99.0, False), (100.1, True)):
            outcome = await driver.submit(place, place.adapter.submit(SPEC, "k"), send_by_boot_s=send_by, timeout_s=5)
            assert isinstance(outcome, Accepted) if sent else isinstance(outcome, NotSent) and outcome.ours
        assert len(desk.asked) == 1


@pytest.mark.parametrize("fault", [Fault(Do.RESET), Fault(Do.CLOSE), Fault(Do.HANG), Fault(Do.RESET, At.REPLY_BODY)])
async def test_a_failure_before_the_call_that_starts_work_is_not_sent(fault: Fault) -> None:
    """The upload may have arrived; it costs nothing."""
    async with (
        Desk(lambda _: say(200, b"{}")) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(fault)
        assert isinstance(await submitted(driver, proxy.url, steps(), timeout_s=0.5), NotSent)
        assert proxy.heads["POST"] == 1


async def test_a_file_of_ours_that_is_missing_is_not_sent() -> None:
    """The files of a form are open before its first byte leaves; one that ends early breaks the request off. Neither is
    the vendor's fault."""

    class Remixes(Plain):
        def submit(self, spec: Spec, key: str) -> Flow[SubmitVerdict]:
            form = Form((("prompt", "x"),), (Part("video", "v", "video/mp4", Blob(key, "video/mp4", 4)),))
            return read_submission((yield Call(method="POST", path="/jobs", body=form, starts_work=True)))

    async def blobs(name: str) -> AsyncIterator[bytes]:
        if name == "missing":
            raise FileNotFoundError(name)
        yield b"da"
        if name == "whole":
            yield b"ta"

    async with Desk(lambda _: say(200, ACCEPTED)) as desk, open_driver(blobs) as driver:
        place = endpoint(desk.url, Remixes(AdapterSettings(), KEY))
        for name, kind in (("missing", NotSent), ("short", InDoubt), ("whole", Accepted)):
            flow = place.adapter.submit(SPEC, name)
            outcome = await driver.submit(place, flow, send_by_boot_s=soon(), timeout_s=2)
            assert isinstance(outcome, kind)
            assert getattr(outcome, "ours", True)
        assert len(desk.asked) == 1
        assert b"\r\n\r\ndata\r\n--" in desk.asked[0].body


@pytest.mark.parametrize("body", [b'{"error":"nudity"}', b"<html>no</html>", b""])
async def test_a_refusal_before_the_call_that_starts_work_is_believed(body: bytes) -> None:
    """Whatever it looks like: nothing was asked for yet."""
    async with Desk(lambda _: say(400, body)) as desk, open_driver() as driver:
        outcome = await submitted(driver, desk.url, steps())
    assert outcome == Refused(why=Why.INVALID, message="the picture was refused")
