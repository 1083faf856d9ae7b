"""A file on its way to a client: piece by piece, never faster than it is taken, and cut when nobody takes it.

The HTTP server queues some ten pieces for each connection whatever their length, so the length is what keeps memory
flat: pieces are short until a client was seen to take more than such a queue quickly, and all streams together share a
fixed number of bytes. What the kernel has in memory is read at once; what it would
have to fetch from the disk is read in a thread, for a disk may take its time and the event loop may not.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway import metrics
from gateway.api.exchange import Cut, Exchange, Header
from gateway.assets.store import AssetMissing, StorageAway
from gateway.log import log

PIECE_BYTES_MAX: Final = 256 * 1024
PIECE_BYTES_MIN: Final = 4 * 1024
START_BYTES: Final = 8 * 1024
LOOK_EVERY: Final = 12  # pieces: more than are queued
FAST_BYTES_PER_S: Final = 8 * 1024 * 1024
SHARED_BYTES: Final = 512 * 1024
STALL_S_MAX: Final = 60.0

_NOWAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)


class Streams:
    """How many files are on their way in this process."""

    def __init__(self) -> None:
        self.open = 0

    def piece_bytes(self) -> int:
        return max(PIECE_BYTES_MIN, min(PIECE_BYTES_MAX, SHARED_BYTES // max(1, self.open)))


streams = Streams()


class Length:
    """How long the next piece of one stream is."""

    def __init__(self, now_s: float) -> None:
        self._bytes = START_BYTES
        self._taken = self._count = 0
        self._since_s = now_s

    def next(self, left: int) -> int:
        return min(self._bytes, streams.piece_bytes(), left)

    def took(self, size: int, now_s: float) -> None:
        """Twice as long after a number of pieces that a client took fast, short again after one that it did not."""
        self._taken += size
        self._count += 1
        if self._count == LOOK_EVERY:
            fast = self._taken >= FAST_BYTES_PER_S * (now_s - self._since_s)
            self._bytes = min(2 * self._bytes, PIECE_BYTES_MAX) if fast else START_BYTES
            self._taken = self._count = 0
            self._since_s = now_s


async def send_file(
    exchange: Exchange,
    path: Path,
    start: int,
    end: int,
    *,
    status: int,
    headers: tuple[Header, ...],
    stall_s: float = STALL_S_MAX,
) -> None:
    """Answer with the bytes from `start` up to, not including, `end`. StorageAway or AssetMissing before the answer
    has begun."""
    descriptor = await asyncio.to_thread(_open, path)
    gone = asyncio.create_task(_gone(exchange))
    streams.open += 1
    at = start
    clock = asyncio.get_running_loop().time
    length = Length(clock())
    try:
        piece = await _read(descriptor, at, length.next(end - at))
        await exchange.begin(status, headers)
        while True:
            at += len(piece)
            await _write(exchange, piece, stall_s, more=at < end)
            if at >= end:
                return
            if gone.done():
                raise Cut
            length.took(len(piece), clock())
            piece = await _read(descriptor, at, length.next(end - at))
    finally:
        streams.open -= 1
        os.close(descriptor)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        metrics.content_sent(at - start)


async def _write(exchange: Exchange, piece: bytes, stall_s: float, *, more: bool) -> None:
    try:
        async with asyncio.timeout(stall_s):
            await exchange.write(piece, more=more)
    except TimeoutError:
        log("content_stalled", level="warning", seconds=stall_s)
        raise Cut from None


async def _gone(exchange: Exchange) -> None:
    """Ends when the client has hung up. Without it the server would take the rest of the file for nobody."""
    while (await exchange.receive())["type"] != "http.disconnect":
        pass


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise AssetMissing("an asset is not here") from error
    except OSError as error:
        raise StorageAway("cannot open an asset") from error


async def _read(descriptor: int, at: int, length: int) -> bytes:
    """StorageAway also where the file is shorter than its record says."""
    try:
        if _at_hand(descriptor, at + length - 1):
            piece = os.pread(descriptor, length, at)
        else:
            piece = await asyncio.to_thread(os.pread, descriptor, length, at)
    except OSError as error:
        raise StorageAway("cannot read an asset") from error
    if not piece:
        raise StorageAway("an asset is shorter than its record says")
    return piece


def _at_hand(descriptor: int, at: int) -> bool:
    """Whether the kernel has this byte in memory; what lies before it is then there as well, for it reads ahead."""
    if _NOWAIT is None:
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], at, _NOWAIT) == 1
    except OSError:
        return False
