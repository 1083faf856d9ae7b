"""Files made by hand, and files looked at: what a picture of a size is, what an MP4 begins with."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int, shade: int = 90) -> bytes:
    """A grey picture of exactly this size."""
    row = b"\0" + bytes([shade]) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(row * height)), (b"IEND", b""))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def is_mp4(data: bytes) -> bool:
    """It begins with a file type and is whole by its own account: its boxes end where it ends."""
    if data[4:8] != b"ftyp":
        return False
    at, kinds = 0, set()
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if size == 1:
            (size,) = struct.unpack(">Q", data[at + 8 : at + 16])
        if size < 8:
            return False
        kinds.add(kind)
        at += size
    return at == len(data) and {b"moov", b"mdat"} <= kinds


def is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_jpeg(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9"
