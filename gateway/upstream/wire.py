"""What is known of one request on its way, and aiohttp's errors in httpx's words.

httpx cannot tell "connected, nothing written" from "the whole body was delivered", and both lie in one exception. What
may be paid twice hangs on exactly that, so it is a fact of its own here: `Wire.sent`.
"""

from __future__ import annotations

import socket
import ssl
import struct
from asyncio import WriteTransport
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import httpx

# Most specific first. ConnectError, ConnectTimeout and PoolTimeout mean that nothing left; the others prove nothing by
# themselves, `Wire.sent` does.
_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
    (aiohttp.ClientConnectionResetError, httpx.WriteError),
    (aiohttp.ClientOSError, httpx.ReadError),
    (aiohttp.ClientConnectionError, httpx.WriteError),
    (ssl.SSLError, httpx.ConnectError),
    (TimeoutError, httpx.ReadTimeout),
    (OSError, httpx.ReadError),
    (aiohttp.ClientError, httpx.ProtocolError),
    (Exception, httpx.LocalProtocolError),
)


class SendByPassed(httpx.TransportError):
    """The request was ready to leave and its time had passed: nothing left."""


class OwnFileBroken(httpx.TransportError):
    """A file of ours could not be read while it was sent: the request broke off, and the vendor is not to blame."""


class Wire:
    """What is known of one request on its way; the transport keeps it in `request.extensions["wire"]`.

    `sent` turns true in the same breath as the first byte is written, and once the request has failed or was given up
    no byte can leave any more. So a `sent` that is false after the call is a proof.
    """

    __slots__ = ("_closed", "_may_leave", "_transport", "has_body", "late", "own_file_broken", "queued", "sent")

    def __init__(self, may_leave: Callable[[], bool] | None = None) -> None:
        self._may_leave = may_leave
        self._transport: WriteTransport | None = None
        self._closed = False
        self.has_body = False
        self.queued = False
        self.late = False
        self.own_file_broken = False
        self.sent = False

    def leave(self, transport: WriteTransport | None = None) -> None:
        """Called right before the first byte is written, on a connection that stands. Raises where none may."""
        if self.sent:
            return
        if self._closed or (self._may_leave is not None and not self._may_leave()):
            self.late = True
            raise SendByPassed("the time to send had passed")
        self._transport = transport
        self.sent = True

    def done(self) -> None:
        """The reply was read to its end: the connection serves others now."""
        self._closed = True
        self._transport = None

    def cut(self) -> None:
        """Let nothing leave from now on, what is buffered here or in the kernel included (a reset, not a farewell)."""
        transport = self._transport
        self.done()
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0 and sock.family != getattr(socket, "AF_UNIX", None):
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Also where aiohttp has closed it already: closing goes on delivering what is buffered.
        transport.abort()


def translated(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """aiohttp's error as httpx's. The text names the class only: the original's may hold the URL."""
    wire: Wire = request.extensions["wire"]
    if wire.late:
        return SendByPassed("the time to send had passed", request=request)
    if wire.own_file_broken:
        return OwnFileBroken("a file of ours could not be read", request=request)
    kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
    if kind is httpx.ConnectTimeout and wire.queued:
        kind = httpx.PoolTimeout
    return kind(type(error).__name__, request=request)
