"""The load: a process of its own that sends requests over raw sockets and times the answers.

`python -m tests.bench.load PLAN` prints one JSON object. A plan is a file with one of the shapes below. Nothing here
parses more of HTTP than an answer's status and Content-Length, so that one core can ask for more than a server gives.
"""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop
from msgspec import Struct

HOST: Final = "127.0.0.1"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_BYTES_MAX: Final = 64 * 1024
SLOW_PIECE_BYTES: Final = 16 * 1024


class Requests(Struct, tag="requests", kw_only=True):
    """Connections that each send one request after the other, the given ones in turn."""

    port: int
    connections: int
    seconds: float
    warm_s: float
    requests: list[str]
    count: int = 0  # stop after so many answers, before the seconds are over


class Fetch(Struct, tag="fetch", kw_only=True):
    """One connection that fetches something large several times."""

    port: int
    request: str
    times: int


class Slow(Struct, tag="slow", kw_only=True):
    """Connections that each read one large answer slowly."""

    port: int
    request: str
    connections: int
    seconds: float
    bytes_per_s: int


class Answered(Struct, kw_only=True):
    answers: int = 0
    wrong: int = 0  # another status than 200, or a broken connection
    first_wrong: str = ""
    per_s: float = 0
    p50_ms: float = 0
    p99_ms: float = 0


class Fetched(Struct, kw_only=True):
    size_bytes: int
    mb_per_s: float
    first_byte_p50_ms: float
    first_byte_p99_ms: float


class Read(Struct, kw_only=True):
    connections: int
    total_bytes: int
    first_byte_p99_ms: float


class Caller(asyncio.Protocol):
    """One connection. The next request leaves when the answer before it is whole."""

    def __init__(self, run: Run, turn: int) -> None:
        self.run = run
        self.turn = turn
        self.buffer = b""
        self.sent = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        assert self.transport is not None
        requests = self.run.requests
        self.turn = (self.turn + 1) % len(requests)
        self.sent = time.perf_counter()
        self.transport.write(requests[self.turn])

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self.buffer, 0, head)
        if length is None:
            self.run.note_wrong("no Content-Length")
            self.close()
            return
        if len(self.buffer) < head + 4 + int(length[1]):
            return
        now = time.perf_counter()
        if self.buffer[9:12] == b"200":
            self.run.note(now - self.sent)
        else:
            self.run.note_wrong(self.buffer[: head + 200].decode("latin-1"))
        self.buffer = b""
        if self.run.over:
            self.close()
        else:
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.run.over:
            self.run.note_wrong(f"connection lost: {exc!r}")

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class Run:
    """What all connections of a measurement share."""

    def __init__(self, plan: Requests) -> None:
        self.plan = plan
        self.requests = [text.encode("latin-1") for text in plan.requests]
        self.over = False
        self.enough = asyncio.Event()
        self.times: list[float] = []
        self.answered = Answered()

    def note(self, seconds: float) -> None:
        self.times.append(seconds)
        if len(self.times) == self.plan.count:
            self.over = True
            self.enough.set()

    def note_wrong(self, what: str) -> None:
        self.answered.wrong += 1
        self.answered.first_wrong = self.answered.first_wrong or what[:500]

    async def go(self) -> Answered:
        loop = asyncio.get_running_loop()
        turns = len(self.requests)
        for number in range(self.plan.connections):
            start = number * turns // self.plan.connections
            await loop.create_connection(lambda start=start: Caller(self, start), HOST, self.plan.port)  # type: ignore[misc]
        await asyncio.sleep(self.plan.warm_s)
        self.times, self.answered = [], Answered()
        began = time.perf_counter()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.enough.wait(), self.plan.seconds)
        seconds = time.perf_counter() - began
        times, answered = sorted(self.times), self.answered
        self.over = True
        await asyncio.sleep(0.2)
        answered.answers = len(times)
        answered.per_s = round(len(times) / seconds, 1)
        answered.p50_ms, answered.p99_ms = quantile_ms(times, 0.5), quantile_ms(times, 0.99)
        return answered


def quantile_ms(ordered: list[float], share: float) -> float:
    """Of sorted seconds, in milliseconds; 0 of nothing."""
    if not ordered:
        return 0.0
    return round(1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def fetch(plan: Fetch) -> Fetched:
    """Whole answers one after the other, read as fast as they come."""
    request, buffer = plan.request.encode("latin-1"), bytearray(1024 * 1024)
    firsts, sizes, seconds = [], [], 0.0
    with socket.create_connection((HOST, plan.port)) as sock:
        for _ in range(plan.times):
            began = time.perf_counter()
            sock.sendall(request)
            size, already = _read_head(sock)
            firsts.append(time.perf_counter() - began)
            left = size - already
            while left > 0:
                got = sock.recv_into(buffer, min(left, len(buffer)))
                assert got, "the answer ended early"
                left -= got
            seconds += time.perf_counter() - began
            sizes.append(size)
    firsts.sort()
    return Fetched(
        size_bytes=sizes[-1],
        mb_per_s=round(sum(sizes) / seconds / 1_000_000, 1),
        first_byte_p50_ms=quantile_ms(firsts, 0.5),
        first_byte_p99_ms=quantile_ms(firsts, 0.99),
    )


def _read_head(sock: socket.socket) -> tuple[int, int]:
    """(body's length, how much of it was read already). Returns with the body's first byte, not before."""
    data = b""
    while True:
        data += sock.recv(HEAD_BYTES_MAX)
        end = data.find(b"\r\n\r\n")
        if end >= 0 and len(data) > end + 4:
            break
    assert data[9:12] == b"200", data[:300]
    length = LENGTH.search(data, 0, end)
    assert length is not None, data[:300]
    return int(length[1]), len(data) - end - 4


async def slow(plan: Slow) -> Read:
    totals: list[int] = []
    firsts: list[float] = []

    async def one() -> None:
        # A small window: what is not read waits in the server, which is what shall be seen.
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_PIECE_BYTES)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (HOST, plan.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=SLOW_PIECE_BYTES)
        began = time.perf_counter()
        writer.write(plan.request.encode("latin-1"))
        await reader.readuntil(b"\r\n\r\n")
        total, piece = 0, await reader.read(SLOW_PIECE_BYTES)
        firsts.append(time.perf_counter() - began)
        while piece and time.perf_counter() - began < plan.seconds:
            total += len(piece)
            behind_s = total / plan.bytes_per_s - (time.perf_counter() - began)
            await asyncio.sleep(max(0.0, behind_s))
            piece = await reader.read(SLOW_PIECE_BYTES)
        totals.append(total)
        writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(plan.connections)))
    firsts.sort()
    return Read(connections=len(totals), total_bytes=sum(totals), first_byte_p99_ms=quantile_ms(firsts, 0.99))


def main() -> None:
    plan: Requests | Fetch | Slow = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Requests | Fetch | Slow)
    gc.disable()  # its pauses would be told as the server's
    print("ready", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        match plan:
            case Requests():
                said: Struct = runner.run(Run(plan).go())
            case Fetch():
                said = fetch(plan)
            case Slow():
                said = runner.run(slow(plan))
    print(msgspec.json.encode(said).decode(), flush=True)


if __name__ == "__main__":
    main()
