"""A file on its way to a client: piece by piece, never faster than it is taken, and cut when nobody takes it.

The HTTP server queues some ten pieces for each connection whatever their length, so the length is what keeps memory
flat: pieces are short until a client was seen to take more than such a queue quickly, and all streams together share a
fixed number of bytes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from gateway import metrics
from gateway.api.exchange import Cut, Exchange, Header
from gateway.assets.store import Reader
from gateway.log import log

PIECE_BYTES_MAX: Final = 256 * 1024
PIECE_BYTES_MIN: Final = 4 * 1024
START_BYTES: Final = 8 * 1024
LOOK_EVERY: Final = 12  # pieces: more than are queued
FAST_BYTES_PER_S: Final = 8 * 1024 * 1024
SHARED_BYTES: Final = 512 * 1024
STALL_S_MAX: Final = 60.0


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
    file: Reader,
    size: int,
    *,
    status: int,
    headers: tuple[Header, ...],
    stall_s: float = STALL_S_MAX,
) -> None:
    """Answer with all of a file, which are `size` bytes. StorageAway, before the answer has begun if the first piece
    shows it."""
    gone = asyncio.create_task(_gone(exchange))
    streams.open += 1
    sent = 0
    clock = asyncio.get_running_loop().time
    length = Length(clock())
    try:
        piece = await file.next(length.next(size))
        await exchange.begin(status, headers)
        while True:
            sent += len(piece)
            await _write(exchange, piece, stall_s, more=sent < size)
            if sent >= size:
                return
            if gone.done():
                raise Cut
            length.took(len(piece), clock())
            piece = await file.next(length.next(size - sent))
    finally:
        streams.open -= 1
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        metrics.content_sent(sent)


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
