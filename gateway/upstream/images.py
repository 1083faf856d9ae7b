"""Fetching a picture from an address that a client gave.

Nothing about the networks behind us may be learned or reached through it: https only, public addresses only, checked
once by their spelling and again, for the very address, when a connection is made.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from enum import StrEnum

import httpx
from msgspec import Struct

from gateway.upstream import bodies
from gateway.upstream.clients import Clients, origin_of
from gateway.upstream.hops import BadAddress, Body, opened, web_address
from gateway.upstream.replies import TooLarge
from gateway.upstream.transport import Transport
from providers.contract import Unreadable

URL_CHARS_MAX = 8192
_HEADERS = {**bodies.FILE_HEADERS, "accept": "image/*"}
# `127.1`, `2130706433`, `0x7f.1`: the system's resolver takes them for addresses.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_INNER_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "onion", "arpa")


class Reason(StrEnum):
    """Why a picture was not fetched, fit to end a sentence to the client.

    One reason for all that lies behind a name, so that nobody can map our networks.
    """

    ADDRESS = "its address is not a public one that begins with https://"
    UNREACHABLE = "no public server answers there in time"
    STATUS = "its server does not answer with a file"
    TOO_LARGE = "it is too large"


class ImageRefused(Struct, frozen=True):
    reason: Reason


async def fetch_image(
    clients: Clients, url: str, *, hold: Callable[[int], None], bytes_max: int, timeout_s: float, ports: frozenset[int]
) -> bytes | ImageRefused:
    """`hold` hears of each piece before it is kept; what it raises ends the fetch and passes through."""

    def prepare(url: httpx.URL) -> tuple[httpx.Request, Transport]:
        scheme, host, port = origin_of(url)
        if scheme != "https" or port not in ports or not is_outer(host, clients):
            raise BadAddress("out of bounds")
        request = httpx.Request("GET", url, headers=_HEADERS, stream=httpx.ByteStream(b""))
        request.extensions["timeout"] = {"connect": timeout_s, "pool": timeout_s}
        return request, clients.public()

    if len(url) > URL_CHARS_MAX:
        return ImageRefused(Reason.ADDRESS)
    try:
        async with asyncio.timeout(timeout_s), opened(web_address(url), prepare) as response:
            if response.status_code != 200:
                return ImageRefused(Reason.STATUS)
            chunks = []
            async for chunk in Body(response, bytes_max):
                hold(len(chunk))
                chunks.append(chunk)
            return b"".join(chunks)
    except BadAddress:
        return ImageRefused(Reason.ADDRESS)
    except TooLarge:
        return ImageRefused(Reason.TOO_LARGE)
    except Unreadable:
        return ImageRefused(Reason.STATUS)
    except (httpx.TransportError, TimeoutError):
        return ImageRefused(Reason.UNREACHABLE)


def is_outer(host: str, clients: Clients) -> bool:
    """Whether a host, as spelled, may be on the internet. Where its name leads is checked when connecting."""
    if ":" in host:
        return clients.allows(host)
    labels = host.lower().rstrip(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return clients.allows(host)
    return len(labels) > 1 and labels[-1] not in _INNER_NAMES
