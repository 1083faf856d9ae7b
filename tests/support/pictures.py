"""Real pictures for tests, as small as they can be."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache


@lru_cache(maxsize=16)
def png(width: int, height: int) -> bytes:
    """A black PNG of one bit per pixel."""
    rows = (b"\0" + b"\0" * ((width + 7) // 8)) * height
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
