"""Is a collected clip what was asked for? And the pictures that stand for it. The decoding happens in child processes.

This module and its pool are all that the server imports; FFmpeg and Pillow live in the children alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.assets.disk import our_errors
from gateway.assets.media_talk import Hindered, Job, Seen, Unfit, decode_reply, encode
from gateway.assets.store import MediaAway
from gateway.children.pool import ChildLost, Children, ChildrenAway, PoolLimits, program
from gateway.domain.mp4 import Facts, WrongFile, check
from providers.contract import Size

CHILD: Final = program("gateway.assets.media_child")
# Lengths are sold in whole seconds, and vendors miss them by a picture or a few: 81 pictures at 16 a second, frame
# grids ("5 s asked is not exactly 5.000 s"). A refusal costs a second render, so a clip passes while the second that
# was asked for is the nearest one.
SECONDS_OFF_MAX: Final = 0.5
# A decoder may drop a picture at an edit without anybody seeing it; more than this is damage.
PICTURES_LOST_MAX: Final = 1
PICTURES_LOST_PART_MAX: Final = 0.02
# A crash may be the machine's (memory, a kill); twice on one file is the file's.
TRIES: Final = 2


class MediaLimits(Struct, frozen=True, kw_only=True):
    pool: PoolLimits = PoolLimits()
    pixels: int = 4096 * 4096  # of one picture; 4K has half of it
    pictures: int = 20_000  # five minutes at 60 a second
    cpu_s: int = 60


class Sound(Struct, frozen=True, kw_only=True):
    """A clip that is whole, opens and is what was asked for; its numbers are of the decoded pictures."""

    seconds: float
    size: Size
    pictures: int
    audio: bool


class Media:
    """`close` after use. Children start when there is work."""

    def __init__(self, limits: MediaLimits | None = None, *, command: Sequence[str] = CHILD) -> None:
        self._limits = limits or MediaLimits()
        self._pool = Children(command, self._limits.pool)

    async def inspect(
        self,
        path: Path,
        *,
        seconds: float | None = None,
        size: Size | None = None,
        thumbnail: Path | None = None,
        spritesheet: Path | None = None,
    ) -> Sound | WrongFile:
        """Look at a clip, all of it, once. None asks for nothing; a path is filled with a WebP, a JPEG.

        MediaAway and StorageAway are ours: nothing was learnt about the file, and another time it may be.
        """
        facts = await asyncio.to_thread(_check_boxes, path)
        if isinstance(facts, WrongFile):
            return facts
        if facts.width * facts.height > self._limits.pixels:
            return WrongFile(f"has pictures of {facts.width}x{facts.height}, which is too large")
        job = self._job(path, facts.seconds or seconds or 0.0, thumbnail, spritesheet)
        seen = await self._seen(job)
        return seen if isinstance(seen, WrongFile) else judge(seen, seconds=seconds, size=size)

    async def close(self) -> None:
        await self._pool.close()

    def _job(self, path: Path, seconds: float, thumbnail: Path | None, spritesheet: Path | None) -> Job:
        return Job(
            path=str(path),
            seconds=seconds,
            pixels_max=self._limits.pixels,
            pictures_max=self._limits.pictures,
            cpu_s_max=self._limits.cpu_s,
            thumbnail=str(thumbnail) if thumbnail else None,
            spritesheet=str(spritesheet) if spritesheet else None,
        )

    async def _seen(self, job: Job) -> Seen | WrongFile:
        for _ in range(TRIES):
            try:
                reply = await self._pool.ask(encode(job), decode_reply)
            except ChildLost:
                continue
            except ChildrenAway as error:
                raise MediaAway(str(error)) from error
            match reply:
                case Hindered(number):
                    raise MediaAway(f"cannot read or write beside a clip: {os.strerror(number)}")
                case Unfit(reason):
                    return WrongFile(reason)
                case seen:
                    return seen
        return WrongFile("cannot be decoded: the decoder did not survive it")


def judge(seen: Seen, *, seconds: float | None, size: Size | None) -> Sound | WrongFile:
    """What was seen against what was asked for. Pure."""
    lost_max = PICTURES_LOST_MAX + PICTURES_LOST_PART_MAX * seen.packets
    if seen.packets - seen.pictures > lost_max:
        return WrongFile(f"is damaged: {seen.packets - seen.pictures} of {seen.packets} pictures cannot be decoded")
    if not seen.steady:
        return WrongFile("changes the size of its picture on the way")
    actual = Size(seen.width, seen.height)
    if size is not None and actual != size:
        return WrongFile(f"is {actual}, asked for was {size}")
    if seconds is not None and abs(seen.seconds - seconds) >= SECONDS_OFF_MAX:
        return WrongFile(f"lasts {seen.seconds:.2f} s, asked for were {seconds:g}")
    return Sound(seconds=seen.seconds, size=actual, pictures=seen.pictures, audio=seen.sound)


def _check_boxes(path: Path) -> Facts | WrongFile:
    with our_errors("open a clip"):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return check(lambda offset, length: os.pread(fd, length, offset), os.fstat(fd).st_size)
        finally:
            os.close(fd)
