"""Sending a webhook: one POST to an address that a client or an operator gave.

https and public addresses only, unless the configuration allows its own networks: checked by the spelling, and again
for the very address, when a connection is made. A redirect is followed where it keeps the POST (307, 308), each hop
checked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import httpx

from gateway.domain.deliveries import Answer, Heard
from gateway.killpoints import reach
from gateway.upstream.addresses import Lookup, look_up
from gateway.upstream.bodies import FILE_HEADERS
from gateway.upstream.clients import Clients, origin_of
from gateway.upstream.hops import BadAddress, web_address
from gateway.upstream.images import is_outer

HOPS_MAX: Final = 3
CONNECTIONS_PER_HOST: Final = 32
SOCKET_TIMEOUT_S: Final = 10.0
LEFTOVER_BYTES_MAX: Final = 16 * 1024
LEFTOVER_S_MAX: Final = 1.0
_KEEP_THE_POST: Final = frozenset({307, 308})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Poster:
    """For one process, with connections of its own: a receiver never stands in a vendor's way. `close` it in the loop
    that used it. `lookup`, `as_public` and `tls` are a test's, that plays the internet."""

    def __init__(
        self,
        *,
        lookup: Lookup = look_up,
        as_public: frozenset[str] = frozenset(),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clients = Clients(
            socket_timeout_s=SOCKET_TIMEOUT_S,
            connections_per_host=CONNECTIONS_PER_HOST,
            lookup=lookup,
            as_public=as_public,
            tls=tls,
        )

    def may_go(self, url: str, *, allow_private: bool) -> bool:
        """Whether an address, as it is spelled, may receive webhooks."""
        try:
            self._checked(web_address(url), allow_private)
        except BadAddress:
            return False
        return True

    async def post(
        self, url: str, headers: Sequence[tuple[str, str]], body: bytes, *, timeout_s: float, allow_private: bool
    ) -> Answer:
        """What came of it. Never raises for what a receiver did."""
        reach("before.send.deliver")
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._post(web_address(url), headers, body, timeout_s, allow_private)
        except BadAddress:
            answer = Answer(Heard.FORBIDDEN)
        except (TimeoutError, httpx.TimeoutException):
            answer = Answer(Heard.TIMEOUT)
        except httpx.TransportError as error:
            answer = Answer(Heard.FORBIDDEN if _out_of_bounds(error) else Heard.UNREACHABLE)
        reach("after.send.deliver")
        return answer

    async def close(self) -> None:
        await self._clients.close()

    async def _post(
        self, url: httpx.URL, headers: Sequence[tuple[str, str]], body: bytes, timeout_s: float, allow_private: bool
    ) -> Answer:
        pool = self._clients.anywhere() if allow_private else self._clients.public()
        for _ in range(HOPS_MAX + 1):
            self._checked(url, allow_private)
            every = [*FILE_HEADERS.items(), ("content-type", "application/json"), ("content-length", str(len(body)))]
            # As a stream: httpx reads the host of a request with `content`, and raises for some names of real sites.
            request = httpx.Request("POST", url, headers=[*every, *headers], stream=httpx.ByteStream(body))
            request.extensions["timeout"] = {"connect": timeout_s, "pool": timeout_s}
            response = await pool.handle_async_request(request)
            try:
                answer, location = _read(response)
                await _drain(response)
            finally:
                await response.aclose()
            if location is None:
                return answer
            url = web_address(location, url)
        return Answer(Heard.REDIRECTED, answer.status)

    def _checked(self, url: httpx.URL, allow_private: bool) -> None:
        """BadAddress where nothing may be sent."""
        scheme, host, _ = origin_of(url)
        if not allow_private and (scheme != "https" or not is_outer(host, self._clients)):
            raise BadAddress("out of bounds")


def _read(response: httpx.Response) -> tuple[Answer, str | None]:
    """What an answer means, and where it leads on to, if it does."""
    status = response.status_code
    location = response.headers.get("location")
    if status in _KEEP_THE_POST and location is not None:
        return Answer(Heard.REDIRECTED, status), location
    if status in _REDIRECTS:
        return Answer(Heard.REDIRECTED, status), None
    if 200 <= status < 300:
        return Answer(Heard.DELIVERED, status), None
    if status == 410:
        return Answer(Heard.GONE, status), None
    return Answer(Heard.REFUSED, status, _retry_after_s(response.headers.get("retry-after", ""))), None


def _retry_after_s(text: str) -> int:
    """Whole seconds; a date, as any other text, counts as none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


async def _drain(response: httpx.Response) -> None:
    """Read what little follows, so that the connection can serve again. Neither it nor its troubles mean anything."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    came = 0
    with suppress(httpx.TransportError, TimeoutError):
        async with asyncio.timeout(LEFTOVER_S_MAX):
            async for chunk in response.stream:
                came += len(chunk)
                if came > LEFTOVER_BYTES_MAX:
                    return


def _out_of_bounds(error: BaseException) -> bool:
    """Whether the transport refused the address that a name led to."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None or isinstance(seen, PermissionError):
            break
        seen = seen.__cause__ or seen.__context__
    return isinstance(seen, PermissionError)
