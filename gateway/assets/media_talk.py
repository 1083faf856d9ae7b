"""What the server and its media children say to each other: one JSON line each way. Imports nothing heavy.

The child reports what it saw; whether that is what was asked for is judged by the server.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

LINE_BYTES_MAX: Final = 16 * 1024


class Job(Struct, frozen=True, kw_only=True):
    """Decode a clip once, from the first picture to the last; on the way make what has a path."""

    path: str
    seconds: float  # how long it should be: the middle picture and the tiles are chosen by it
    pixels_max: int  # of one picture; a larger one is not decoded
    pictures_max: int
    cpu_s_max: int
    thumbnail: str | None = None
    spritesheet: str | None = None


class Seen(Struct, frozen=True, kw_only=True, tag="seen"):
    width: int
    height: int
    steady: bool  # every picture had the same sides
    seconds: float  # from the beginning of the first picture to the end of the last
    pictures: int
    packets: int  # as many pictures should have come out
    sound: bool


class Unfit(Struct, frozen=True, tag="unfit"):
    """The file cannot be looked at. `reason` goes on after "the clip …"."""

    reason: str


class Hindered(Struct, frozen=True, tag="hindered"):
    """The disk stood in the way, which says nothing about the file."""

    errno: int


Reply: TypeAlias = Seen | Unfit | Hindered

encode = msgspec.json.Encoder().encode
decode_job = msgspec.json.Decoder(Job).decode
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
decode_reply = _replies.decode
