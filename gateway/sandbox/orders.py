"""What the counter asks of the darkroom: one clip, or a still of one, described completely.

Lives here: the order and its digest, which names the file. Equal orders are equal files, so a clip is rendered once.
Does not: drawing (`render`), processes (`studio`).
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec
from msgspec import Struct

# Raise it whenever the same order would give another picture: files of older editions are then not found.
EDITION = 1
TASK_BYTES_MAX: Final = 256 * 1024

Kind = Literal["video", "thumbnail", "spritesheet"]
SUFFIX: dict[Kind, str] = {"video": "mp4", "thumbnail": "webp", "spritesheet": "jpg"}
MEDIA_TYPE: dict[Kind, str] = {"video": "video/mp4", "thumbnail": "image/webp", "spritesheet": "image/jpeg"}


class Order(Struct, frozen=True, kw_only=True):
    """A clip: everything that decides its frames and its sound. Files are named by their digests."""

    caption: str
    label: str
    seed: int
    width: int
    height: int
    seconds: int  # of new footage
    image: str | None = None
    source: str | None = None
    source_seconds: int = 0
    stitched: bool = False  # the source first, the new footage after it
    names: tuple[str, ...] = ()
    last_image: str | None = None  # the clip ends with it
    silent: bool = False

    @property
    def total_seconds(self) -> int:
        return self.seconds + (self.source_seconds if self.stitched else 0)


class Task(Struct, frozen=True, kw_only=True):
    """One piece of work for a render process."""

    kind: Kind
    order: Order
    out: str  # path to write, not there yet
    clip: str | None = None  # path of the finished clip that a still is taken from
    uploads: str  # directory of images and sources


class Done(Struct, frozen=True):
    """The render process's answer. `error` is None or a few words: what was wrong with the files it was given."""

    error: str | None = None


encode: Final = msgspec.json.Encoder().encode
decode_task: Final = msgspec.json.Decoder(Task).decode
decode_done: Final = msgspec.json.Decoder(Done).decode


def name(order: Order, kind: Kind) -> str:
    """The file name of an order's result."""
    text = msgspec.json.encode((EDITION, order))
    return f"{hashlib.sha256(text).hexdigest()[:40]}.{SUFFIX[kind]}"
