"""Following redirects, for files only: every address on the way is prepared, so checked and signed, anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import httpx

from gateway.upstream.bodies import is_of_the_web
from gateway.upstream.replies import TooLarge, Unpacker
from gateway.upstream.transport import Transport
from providers.contract import Unreadable

REDIRECTS_MAX = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Prepare: TypeAlias = Callable[[httpx.URL], "tuple[httpx.Request, Transport]"]
"""The request for an address and the pool it may take. BadAddress where it may not go at all."""


class BadAddress(Exception):
    """No address of the web, or one that is out of bounds."""


@asynccontextmanager
async def opened(first: httpx.URL, prepare: Prepare) -> AsyncIterator[httpx.Response]:
    """The reply at the end of the redirects, its body still to come."""
    url = first
    for _ in range(REDIRECTS_MAX + 1):
        request, pool = prepare(url)
        response = await pool.handle_async_request(request)
        try:
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or location is None or request.method != "GET":
                yield response
                return
            url = web_address(location, url)
        finally:
            await response.aclose()
    raise Unreadable("a file behind too many redirects")


def web_address(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """An address as one may be given from outside. BadAddress unless it is http or https with a plain host."""
    try:
        url = httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise BadAddress("no URL") from error
    if not is_of_the_web(url):
        raise BadAddress("not of the web")
    return url


class Body:
    """A file's bytes as they come: unpacked, counted, never more than allowed."""

    def __init__(self, response: httpx.Response, bytes_max: int) -> None:
        length = response.headers.get("content-length", "")
        self.declared = int(length) if length.isascii() and length.isdigit() and len(length) <= 18 else None
        if self.declared is not None and self.declared > bytes_max:
            raise TooLarge("a file larger than allowed")
        self.came = 0
        self._response = response
        self._unpacker = Unpacker(response.headers.get("content-encoding", ""), bytes_max)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._response.stream, httpx.AsyncByteStream)
        async for chunk in self._response.stream:
            self.came += len(chunk)
            yield self._unpacker.feed(chunk)

    @property
    def whole(self) -> bool:
        return self.declared is None or self.came == self.declared
