"""Fetching a vendor's finished files.

The credential never travels to a host that is not the vendor's own, and a link that the vendor hands out leads to a
private address only where the provider's configuration allows that.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

import httpx
from msgspec import Struct

from gateway.domain.verdicts import NoAnswer
from gateway.upstream import bodies
from gateway.upstream.bodies import Blobs
from gateway.upstream.clients import Clients, origin_of, own_origins
from gateway.upstream.endpoints import Endpoint
from gateway.upstream.hops import BadAddress, Body, opened
from gateway.upstream.judge import NoVerdict
from gateway.upstream.transport import Transport
from providers.contract import Call, Unreadable, Why, replace

# 400: object stores say so to a link whose own token ran out, relays to a file that is not ready yet.
_STALE = frozenset({400, 401, 403, 404, 410})

Sink: TypeAlias = Callable[[bytes], Awaitable[None]]


class Pace(Struct, frozen=True):
    """The slowest that a download may be: so many bytes in every window of waiting for the vendor."""

    window_s: float = 30.0
    bytes_min: int = 64 * 1024


class Downloaded(Struct, frozen=True):
    """The vendor's file went into the sink. `truncated`: it broke off; what came proves nothing about the clip."""

    size_bytes: int
    media_type: str
    truncated: bool = False


class LinkStale(Struct, frozen=True):
    """The link does not lead to the file, or not any more: poll again for a new one."""

    status: int


class _Slow(Exception):
    pass


async def fetch(
    clients: Clients,
    blobs: Blobs,
    endpoint: Endpoint,
    call: Call,
    sink: Sink,
    *,
    bytes_max: int,
    timeout_s: float,
    pace: Pace,
    now_ms: int,
) -> Downloaded | LinkStale | NoAnswer:
    """Stream one file into the sink. What the sink raises passes through. NoVerdict for an adapter's slip."""
    if call.path[:5].lower() == "data:":
        return await _inline(call.path, sink, bytes_max)

    def prepare(url: httpx.URL) -> tuple[httpx.Request, Transport]:
        return _prepared(clients, blobs, endpoint, call, url, now_ms=now_ms)

    try:
        async with asyncio.timeout(timeout_s) as limit, opened(_address(call, endpoint), prepare) as response:
            return await _taken(response, sink, bytes_max, pace)
    except TimeoutError:
        if not limit.expired():
            raise
        return NoAnswer("the file did not come in time")
    except httpx.TransportError as error:
        return NoAnswer(f"the file's server did not answer ({type(error).__name__})")
    except _Slow:
        return NoAnswer("the file comes too slowly")
    except Unreadable as error:
        return NoAnswer(str(error), Why.UNREADABLE)
    except BadAddress:
        return NoAnswer("the file's link leads nowhere", Why.UNREADABLE)


def _prepared(
    clients: Clients, blobs: Blobs, endpoint: Endpoint, call: Call, url: httpx.URL, *, now_ms: int
) -> tuple[httpx.Request, Transport]:
    """The request for one stop on the way: signed where the vendor is at home, bare elsewhere."""
    try:
        here = call if url == _address(call, endpoint) else replace(call, path=str(url), query=())
        here = bodies.frozen(here)
        if call.signed and origin_of(url) in own_origins(endpoint):
            here = endpoint.adapter.sign_at(here, now_ms)
            assert origin_of(_address(here, endpoint)) in own_origins(endpoint), "signing changed the host"
        target = _address(here, endpoint)
        request = bodies.request(here, target, blobs, bodies.FILE_HEADERS)
    except BadAddress:
        raise
    except Exception as error:
        raise NoVerdict(f"the adapter failed ({type(error).__name__})", Why.INTERNAL, bug=True) from error
    limit_s = endpoint.connect_timeout_s
    request.extensions["timeout"] = {"connect": limit_s, "pool": limit_s}
    return request, clients.of(endpoint, target)


def _address(call: Call, endpoint: Endpoint) -> httpx.URL:
    try:
        return bodies.address(call, endpoint.base_url)
    except ValueError as error:
        raise BadAddress("no address of the web") from error


async def _taken(response: httpx.Response, sink: Sink, bytes_max: int, pace: Pace) -> Downloaded | LinkStale | NoAnswer:
    """The reply at the end of the redirects, its body in the sink if it is the file."""
    if response.status_code in _STALE:
        return LinkStale(response.status_code)
    if not 200 <= response.status_code < 300:
        return NoAnswer(f"the file's server answered {response.status_code}")
    body = Body(response, bytes_max)
    size, broke = 0, False
    chunks = _paced(body, pace)
    while True:
        # Only what the vendor does is caught here; what the sink raises is ours.
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            break
        except httpx.TransportError:
            broke = True
            break
        size += len(chunk)
        await sink(chunk)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Downloaded(size, media_type, truncated=broke or not body.whole)


async def _paced(body: Body, pace: Pace) -> AsyncIterator[bytes]:
    """The body's chunks. `_Slow` when waiting for them brings too little; the sink's own time does not count."""
    waited_s, before = 0.0, 0
    chunks = aiter(body)
    while True:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(pace.window_s):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise _Slow from None
        waited_s += time.monotonic() - began_s
        if waited_s >= pace.window_s:
            if body.came - before < pace.bytes_min:
                raise _Slow
            waited_s, before = 0.0, body.came
        if chunk:
            yield chunk


async def _inline(link: str, sink: Sink, bytes_max: int) -> Downloaded | NoAnswer:
    """A `data:` link: the file itself, inside the poll's reply."""
    head, comma, text = link[len("data:") :].partition(",")
    if not comma:
        return NoAnswer("a file in the reply that cannot be read", Why.UNREADABLE)
    if len(text) > 3 * bytes_max + 3:
        return NoAnswer("a file larger than allowed", Why.UNREADABLE)
    data = unquote_to_bytes(text)
    if head.lower().endswith(";base64"):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error:
            return NoAnswer("a file in the reply that cannot be read", Why.UNREADABLE)
    if len(data) > bytes_max:
        return NoAnswer("a file larger than allowed", Why.UNREADABLE)
    if data:
        await sink(data)
    return Downloaded(len(data), head.partition(";")[0].strip().lower())
