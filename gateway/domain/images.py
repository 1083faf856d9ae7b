"""What an image is and how large, read from its own bytes: JPEG, PNG and WebP. Pure; no pixel is ever decoded.

The file's own words count, never the name or the type that came with it: SDKs send raw bytes as
`application/octet-stream`. A picture's orientation tag is left aside, as the vendors do.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from msgspec import Struct

# A camera's JPEG has dozens of segments before its frame; colour profiles may be split into 255.
SEGMENTS_MAX: Final = 2_000
# A PNG's encoder usually writes 8 KiB at a time.
CHUNKS_MAX: Final = 10_000
ALLOWED: Final = "JPEG, PNG or WebP"


class Measured(Struct, frozen=True):
    media_type: str
    width: int
    height: int


def measure(data: bytes) -> Measured:
    """ValueError, with a message for the sender, if this is no image that we take."""
    for magic, read in _KNOWN:
        if data.startswith(magic):
            measured = read(data)
            if not (measured.width and measured.height):
                raise ValueError("the image has no width or no height")
            return measured
    raise ValueError(f"the image is {_other(data)}; send {ALLOWED}")


def _png(data: bytes) -> Measured:
    """Walk the chunks to the last one: all of them whole, and picture data among them.

    What follows the last one is no part of the picture; decoders pass over it, and some programs leave something there.
    """
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise ValueError("the PNG has no header: the file is cut short or damaged")
    view, at, pictures = memoryview(data), 8, 0
    for _ in range(CHUNKS_MAX):
        end = at + 12 + _big(data, at, 4)
        if end > len(data):
            raise ValueError("the PNG is cut short or damaged")
        if zlib.crc32(view[at + 4 : end - 4]) != _big(data, end - 4, 4):
            raise ValueError("the PNG is damaged: a checksum in it is wrong")
        kind = data[at + 4 : at + 8]
        pictures += kind == b"IDAT"
        if kind == b"IEND":
            if not pictures:
                raise ValueError("the PNG has no picture data: the file is damaged")
            return Measured("image/png", _big(data, 16, 4), _big(data, 20, 4))
        at = end
    raise ValueError(f"the PNG is made of more than {CHUNKS_MAX} chunks")


# Start-of-frame markers; between them lie DHT (C4), JPG (C8) and DAC (CC), which are none.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_SCAN, _END = 0xDA, 0xD9


def _jpeg(data: bytes) -> Measured:
    """Walk the segments to the start of the frame, and on to the first scan."""
    at, measured = 2, None
    for _ in range(SEGMENTS_MAX):
        at = _skip_fill(data, at)
        marker = data[at]
        if marker in _FRAMES and measured is None:
            if at + 8 > len(data):
                break
            measured = Measured("image/jpeg", _big(data, at + 6, 2), _big(data, at + 4, 2))
        following = at + (1 if marker in _BARE else 1 + max(2, _big(data, at + 1, 2)))
        if marker in (_SCAN, _END):
            if measured is None:
                raise ValueError("the JPEG has no frame before its picture data")
            if marker == _END or following >= len(data):
                raise ValueError("the JPEG has no picture data: the file is cut short or damaged")
            return measured
        at = following
    raise ValueError("the JPEG's frame is not found: the file is cut short or damaged")


def _skip_fill(data: bytes, at: int) -> int:
    """Where the marker's second byte stands; any number of 0xFF may come before it."""
    if data[at : at + 1] != b"\xff":
        raise ValueError("the JPEG's frame is not found: the file is cut short or damaged")
    rest = data[at : at + 64].lstrip(b"\xff")
    if not rest:
        raise ValueError("the JPEG's frame is not found: the file is cut short or damaged")
    return min(at + 64, len(data)) - len(rest)


def _webp(data: bytes) -> Measured:
    if data[8:12] != b"WEBP":
        raise ValueError(f"the image is a RIFF file but no WebP; send {ALLOWED}")
    if len(data) < 30 or len(data) < 8 + _little(data, 4, 4):
        raise ValueError("the WebP is cut short")
    read = _WEBP.get(data[12:16])
    if read is None:
        raise ValueError("the WebP begins with an unknown chunk")
    width, height = read(data)
    return Measured("image/webp", width, height)


def _lossy(data: bytes) -> tuple[int, int]:
    if data[23:26] != b"\x9d\x01\x2a":
        raise ValueError("the WebP's picture data is damaged")
    # The upper two bits of each are a hint for scaling.
    return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF


def _lossless(data: bytes) -> tuple[int, int]:
    if data[20] != 0x2F:
        raise ValueError("the WebP's picture data is damaged")
    bits = _little(data, 21, 4)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _extended(data: bytes) -> tuple[int, int]:
    return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1


def _big(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


def _little(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


_WEBP: Final[dict[bytes, Callable[[bytes], tuple[int, int]]]] = {
    b"VP8 ": _lossy,
    b"VP8L": _lossless,
    b"VP8X": _extended,
}
_KNOWN: Final[tuple[tuple[bytes, Callable[[bytes], Measured]], ...]] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"RIFF", _webp),
)

# What people send by mistake: (offset, bytes, its name).
_OTHERS: Final = (
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a BMP"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (4, b"ftypheic", "an HEIC picture"),
    (4, b"ftypheix", "an HEIC picture"),
    (4, b"ftypmif1", "an HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyp", "a video"),
    (0, b"%PDF", "a PDF"),
    (0, b"<svg", "an SVG"),
    (0, b"<", "a text in HTML or XML"),
    (0, b"{", "a JSON text"),
    (0, b"data:", "a data URL, still encoded"),
)


def _other(data: bytes) -> str:
    if not data:
        return "empty"
    for offset, magic, name in _OTHERS:
        if data.startswith(magic, offset):
            return name
    return "of an unknown format"
