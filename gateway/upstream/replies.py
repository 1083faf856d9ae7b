"""Reading what a vendor answers, never more than was allowed: neither on the wire nor after unpacking."""

from __future__ import annotations

import zlib

import httpx
import msgspec

from providers.contract import Reply, Unreadable

MEMBERS_MAX = 64
_PLAIN = ("", "identity")
_PACKED = ("gzip", "x-gzip", "deflate")


class TooLarge(Unreadable):
    """More than was allowed, on the wire or after unpacking."""


class Unpacker:
    """Decodes a body chunk by chunk; `bytes_max` bounds what comes out, so no small reply grows beyond it."""

    def __init__(self, encoding: str, bytes_max: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in _PLAIN + _PACKED:
            raise Unreadable("a reply in an encoding nobody asked for")
        self._left = bytes_max
        self._packed = encoding in _PACKED
        self._deflate = encoding == "deflate"
        self._stream: zlib._Decompress | None = None
        self._members = 0

    def feed(self, chunk: bytes) -> bytes:
        decoded = self._unpacked(chunk) if self._packed else chunk
        self._left -= len(decoded)
        if self._left < 0:
            raise TooLarge("a reply larger than allowed")
        return decoded

    def end(self) -> None:
        if self._stream is not None and not self._stream.eof:
            raise Unreadable("a packed reply that breaks off")

    def _unpacked(self, chunk: bytes) -> bytes:
        decoded = b""
        while chunk and len(decoded) <= self._left:
            if self._stream is None or self._stream.eof:  # the first member, or the next of the same gzip file
                self._members += 1
                if self._members > MEMBERS_MAX:
                    raise Unreadable("a reply packed in too many pieces")
                self._stream = zlib.decompressobj(self._window(chunk[0]))
            try:
                decoded += self._stream.decompress(chunk, self._left + 1 - len(decoded))
            except zlib.error as error:
                raise Unreadable("a reply that does not unpack") from error
            chunk = self._stream.unused_data
        return decoded

    def _window(self, first: int) -> int:
        """Half the world's servers send `deflate` bare, without the zlib header that the standard wants."""
        bare = self._deflate and first & 0x0F != 8
        return -zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32


async def read(response: httpx.Response, bytes_max: int, received_ms: int) -> Reply:
    """The whole reply. Unreadable when it is larger than allowed or cannot be unpacked."""
    headers = lower(response.headers)
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > bytes_max):
        raise TooLarge("a reply larger than allowed")
    unpacker = Unpacker(headers.get("content-encoding", ""), bytes_max)
    pieces = []
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:
        pieces.append(unpacker.feed(chunk))
    if pieces:
        unpacker.end()
    return Reply(response.status_code, headers, b"".join(pieces), received_ms)


def lower(headers: httpx.Headers) -> dict[str, str]:
    """Names in lower case, repeated ones joined."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers.raw:  # httpx's own items() guesses an encoding for each: half a poll's time
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def readable(reply: Reply | None) -> bool:
    """Whether the body is a JSON object or array, so a program's answer and no proxy's page."""
    if reply is None:
        return False
    try:
        return isinstance(msgspec.json.decode(reply.body), dict | list)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
