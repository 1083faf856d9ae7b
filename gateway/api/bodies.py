"""Request bodies: read within bounds of bytes, memory and time while they arrive, then parsed into fields and files.

A parsed JSON document takes up to thirty times its text. So only a small one is parsed as it is; a large one, which an
image in a data URL makes, is first cut along its known fields, and everything but the images must be small.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from gateway.api.exchange import Exchange
from gateway.api.forms import Form, boundary_of
from gateway.api.malformed import malformed
from gateway.domain.errors import BadInput, ClientError, TooLarge
from gateway.domain.fields import unknown
from gateway.domain.references import IMAGE_URL_CHARS_MAX, IMAGES, Upload
from gateway.work.memory import Hold
from providers.contract import Json

SMALL_BYTES_MAX: Final = 1024 * 1024
IDLE_S_MAX: Final = 15.0
# Slower than this after a first grace, and somebody is holding a place, not sending a body.
SLOW_GRACE_S: Final = 10.0
SLOW_BYTES_PER_S: Final = 1_024
IMAGE_KEYS: Final = ("file_id", "image_url")
UNKNOWN_FIELD: Final = "Object contains unknown field `"  # as msgspec says it


class Body(Struct, frozen=True):
    """`large`: what it takes to look at it is better done beside the event loop."""

    fields: dict[str, Json]
    files: dict[str, Upload]
    large: bool = False


class Bounds(Struct, frozen=True):
    """From the configuration's `server`."""

    body_bytes: int
    json_bytes: int
    seconds: float


class Expected(Struct, frozen=True):
    """What a call's body may hold."""

    fields: Collection[str]
    files: Collection[str]


class UnfitBody(ClientError):
    """A kind of body that is not read at all."""

    status = 415
    code = "unsupported_media_type"


async def small_json(exchange: Exchange, bounds: Bounds) -> bytes:
    """The bytes of a body that is a JSON object and nothing large. BadInput, TooLarge or UnfitBody."""
    if _content_type(exchange)[0] != "application/json":
        raise UnfitBody("The body must be `application/json`.")
    data = b"".join([chunk async for chunk in arriving(exchange, SMALL_BYTES_MAX, bounds.seconds)])
    parse_json(data)
    return data


@asynccontextmanager
async def body_of(exchange: Exchange, owner: str, expected: Expected, bounds: Bounds) -> AsyncIterator[Body]:
    """The parsed body, held for a project; its files live as long as the context. BadInput, TooLarge, UnfitBody or
    Unavailable."""
    kind, options = _content_type(exchange)
    with exchange.tools.incoming.share(owner) as hold:
        if kind == "multipart/form-data":
            boundary = boundary_of(options)
            async with Form(boundary, expected.fields, expected.files, exchange.tools.assets, exchange.id) as form:
                async for chunk in arriving(exchange, bounds.body_bytes, bounds.seconds):
                    before = form.in_memory
                    await form.feed(chunk)
                    hold(form.in_memory - before)
                yield Body(*await form.finish(), form.in_memory > SMALL_BYTES_MAX)
        else:
            bytes_max = bounds.json_bytes if set(IMAGES) & set(expected.fields) else SMALL_BYTES_MAX
            data = await _whole(exchange, bytes_max, bounds.seconds, hold)
            if len(data) <= SMALL_BYTES_MAX:
                yield Body(parse_json(data), {})
            else:
                yield Body(await asyncio.to_thread(parse_large_json, data, expected.fields), {}, True)


@asynccontextmanager
async def raw_body(exchange: Exchange, owner: str, bytes_max: int, seconds_max: float) -> AsyncIterator[bytes]:
    """A body as it came, whatever it is; held as long as the context. BadInput, TooLarge or Unavailable."""
    with exchange.tools.incoming.share(owner) as hold:
        yield await _whole(exchange, bytes_max, seconds_max, hold)


async def _whole(exchange: Exchange, bytes_max: int, seconds_max: float, hold: Hold) -> bytes:
    chunks = []
    async for chunk in arriving(exchange, bytes_max, seconds_max):
        hold(len(chunk))
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _content_type(exchange: Exchange) -> tuple[str, str]:
    encoding = exchange.header(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise UnfitBody("The body must not be compressed.", code="unsupported_content_encoding")
    kind, _, options = (exchange.header(b"content-type") or "application/json").partition(";")
    kind = kind.strip().lower()
    if kind not in ("application/json", "multipart/form-data"):
        raise UnfitBody("The body must be `application/json` or `multipart/form-data`.")
    return kind, options


async def arriving(exchange: Exchange, bytes_max: int, seconds_max: float) -> AsyncIterator[bytes]:
    """The body's pieces. TooLarge as soon as it is known: from the head, else while counting."""
    declared = exchange.header(b"content-length") or ""
    if declared.isascii() and declared.isdigit() and (len(declared) > 15 or int(declared) > bytes_max):
        raise _too_large(bytes_max)
    clock = asyncio.get_running_loop().time
    began_s = clock()
    total, more = 0, True
    while more:
        left_s = began_s + seconds_max - clock()
        try:
            async with asyncio.timeout(min(left_s, IDLE_S_MAX)):
                message = await exchange.receive()
        except TimeoutError:
            raise _too_slow() from None
        if message["type"] == "http.disconnect":
            raise BadInput("The request ended before its body did.", code="body_incomplete")
        more = message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        total += len(chunk)
        if total > bytes_max:
            raise _too_large(bytes_max)
        spent_s = clock() - began_s
        if more and spent_s > SLOW_GRACE_S and total < spent_s * SLOW_BYTES_PER_S:
            raise _too_slow()
        if chunk:
            yield chunk


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"The body is too large: at most {bytes_max} bytes.")


def _too_slow() -> BadInput:
    return BadInput("The body did not arrive in time.", code="body_timeout")


# --- JSON --------------------------------------------------------------------------------------------------------


def parse_json(data: bytes) -> dict[str, Json]:
    """A JSON object. BadInput for anything else, however malformed or deep. Of equal keys the last one counts."""
    value = _decoded(data, data)
    if not isinstance(value, dict):
        raise _no_object()
    return value


def parse_large_json(data: bytes, known: Collection[str]) -> dict[str, Json]:
    """The same for a body that an image has made large."""
    pieces = _cut(data, known)
    images = {name: pieces.pop(name) for name in IMAGES if name in pieces}
    if sum(map(len, pieces.values())) > SMALL_BYTES_MAX:
        raise _too_large(SMALL_BYTES_MAX)
    fields = {name: _decoded(piece, field=name) for name, piece in pieces.items()}
    for name, image in images.items():
        large = len(image) > SMALL_BYTES_MAX
        fields[name] = _large_image(image, name) if large else _decoded(image, field=name)
    return fields


def _large_image(data: memoryview, field: str) -> Json:
    """An object whose values are texts, for only a text may be this long."""
    if data[0] != ord("{"):
        return _husk(data, field)
    values: dict[str, Json] = {}
    for name, piece in _cut(data, IMAGE_KEYS, field).items():
        place = f"{field}.{name}"
        if len(piece) <= SMALL_BYTES_MAX:
            values[name] = _decoded(piece, field=place)
        elif piece[0] != ord('"'):
            values[name] = _husk(piece, place)
        elif len(piece) > 6 * IMAGE_URL_CHARS_MAX:  # a character may be written with six
            raise _too_large(SMALL_BYTES_MAX)
        else:
            values[name] = _decoded(piece, field=place)
    return values


def _husk(data: memoryview, field: str) -> Json:
    """What stands for a large value of a wrong type: it is refused for its type, so nothing inside needs building."""
    match data[:1]:
        case b'"':
            return ""
        case b"[":
            return []
        case b"{":
            return {}
        case _:  # a number of a million digits
            return _decoded(data, field=field)


def _cut(data: bytes | memoryview, known: Collection[str], field: str = "") -> dict[str, memoryview]:
    """The known members of an object as they are written; nothing is built for what is inside them."""
    try:
        cut = msgspec.json.decode(data, type=_shape(tuple(sorted(known))))
    except msgspec.ValidationError as error:
        _, quoted, name = str(error).partition(UNKNOWN_FIELD)
        if quoted:
            raise unknown((f"{field}." if field else "") + name.removesuffix("`")) from None
        raise _no_object() from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise malformed(error, data if isinstance(data, bytes) else None, field) from None
    pieces = {name: memoryview(getattr(cut, name)) for name in known}
    return {name: piece for name, piece in pieces.items() if len(piece)}


@lru_cache(maxsize=16)
def _shape(names: tuple[str, ...]) -> type[msgspec.Struct]:
    members = [(name, msgspec.Raw, msgspec.Raw(b"")) for name in names]
    return msgspec.defstruct("Large", members, forbid_unknown_fields=True)


def _decoded(data: bytes | memoryview, body: bytes | None = None, *, field: str = "") -> Json:
    """`body`: the same data, if it is the whole; `field`: what it is a piece of, if not."""
    try:
        value: Json = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise malformed(error, body, field) from None
    return value


def _no_object() -> BadInput:
    return BadInput("The body must be a JSON object.", code="invalid_json")
