"""Request bodies: read within bounds of bytes and time while they arrive, then parsed into plain fields and files.

Nothing here knows a field of the contract, but for one thing: which file is a clip and goes to disk as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from gateway.api.exchange import Exchange
from gateway.api.forms import read_form
from gateway.domain.errors import BadInput, TooLarge
from gateway.domain.references import Upload
from providers.contract import Json

T = TypeVar("T")

DEPTH_MAX: Final = 32


class Body(Struct, frozen=True):
    fields: dict[str, Json]
    files: dict[str, Upload]


class Bounds(Struct, frozen=True):
    """From the configuration's `server`."""

    body_bytes: int
    json_bytes: int
    seconds: float


@asynccontextmanager
async def body_of(exchange: Exchange, bounds: Bounds) -> AsyncIterator[Body]:
    """The parsed body; its files live as long as the context. BadInput or TooLarge."""
    kind, _, options = (exchange.header(b"content-type") or "application/json").partition(";")
    if (exchange.header(b"content-encoding") or "identity").strip().lower() != "identity":
        raise BadInput("The body must not be compressed.", code="unsupported_content_encoding")
    async with AsyncExitStack() as stack:
        match kind.strip().lower():
            case "multipart/form-data":
                chunks = arriving(exchange, bounds.body_bytes)
                yield Body(*await _in_time(bounds, read_form(chunks, options, stack)))
            case "application/json":
                chunks = arriving(exchange, bounds.json_bytes)
                yield Body(parse_json(await _in_time(bounds, _whole(chunks))), {})
            case _:
                raise BadInput(
                    "The body must be `application/json` or `multipart/form-data`.", code="unsupported_content_type"
                )


async def arriving(exchange: Exchange, bytes_max: int) -> AsyncIterator[bytes]:
    """The body's pieces. TooLarge as soon as it is known: from the head, else while counting."""
    declared = exchange.header(b"content-length")
    if declared is not None and declared.isascii() and declared.isdigit() and int(declared[:20]) > bytes_max:
        raise _too_large(bytes_max)
    total, more = 0, True
    while more:
        message = await exchange.receive()
        if message["type"] == "http.disconnect":
            raise BadInput("The request ended before its body did.", code="body_incomplete")
        more = message.get("more_body", False)
        chunk = message.get("body", b"")
        total += len(chunk)
        if total > bytes_max:
            raise _too_large(bytes_max)
        if chunk:
            yield chunk


def parse_json(data: bytes) -> dict[str, Json]:
    """A JSON object. BadInput for anything else, however malformed or deep."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise BadInput("The body is not valid JSON.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise BadInput("The body must be a JSON object.", code="invalid_json")
    if _deeper_than(value, DEPTH_MAX):
        raise BadInput(f"The body is nested more than {DEPTH_MAX} levels deep.", code="invalid_json")
    return value


def _deeper_than(value: Json, depth: int) -> bool:
    if depth == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_deeper_than(one, depth - 1) for one in inner if isinstance(one, dict | list))


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def _in_time(bounds: Bounds, read: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(bounds.seconds):
            return await read
    except TimeoutError:
        raise BadInput(f"The body did not arrive within {bounds.seconds:g} seconds.", code="body_timeout") from None


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"The body is too large: at most {bytes_max} bytes.")
