"""Bodies whose end a proxy and the server may see in different places: nothing behind one is a request of anybody's."""

from __future__ import annotations

import pytest

from tests.support.gateway import Gateway
from tests.support.wire import Wire


@pytest.mark.parametrize(
    "coding",
    [
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, chunked",
    ],
)
@pytest.mark.parametrize("line", ["POST /v1/videos", "GET /healthz", "GET /admin/projects"])
def test_a_body_that_a_proxy_may_end_elsewhere_is_refused(gateway: Gateway, line: str, coding: str) -> None:
    """And nothing behind it is read as a request."""
    with Wire(gateway.port, "") as wire:
        wire.send(f"{line} HTTP/1.1\r\nhost: a\r\n{coding}\r\n\r\n".encode())
        wire.chunk(b"{}")
        wire.send(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        reply = wire.reply()
    assert reply.status == 400 and reply.body.count(b"HTTP/1.1") == 0
    assert b"invalid_framing" in reply.body


@pytest.mark.parametrize("length", ["content-length: 4\r\n{0}", "{0}\r\ncontent-length: 4"])
def test_a_length_beside_chunks_ends_the_connection(gateway: Gateway, length: str) -> None:
    """The server goes by the chunks, and hides the length from us; so nothing behind them may be read as a request."""
    fields = length.format("transfer-encoding: chunked")
    with Wire(gateway.port, "") as wire:
        wire.send(f"POST /v1/videos HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n".encode())
        wire.chunk(b"{}")
        wire.send(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert wire.reply().body.count(b"HTTP/1.1") == 0
