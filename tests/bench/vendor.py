"""A vendor so fast that it is never what is measured: it accepts every job at once and never finishes one.

`python -m tests.bench.vendor PORT`. OpenAI's contract as far as a create and a poll go; what tests need of a vendor is
in `tests.support.vendor`, which checks and remembers, and costs a core for every few thousand calls.
"""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import sys
import time
from typing import cast

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
FACE = (
    '{"id":"%s","object":"video","created_at":%d,"status":"in_progress","completed_at":null,"error":null,'
    '"expires_at":null,"model":"sora-2","progress":1,"prompt":null,"remixed_from_video_id":null,"seconds":"4",'
    '"size":"720x1280"}'
)


class Conversation(asyncio.Protocol):
    made = 0

    def __init__(self) -> None:
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.buffer = self.buffer + data if self.buffer else data
        while (whole := request_bytes(self.buffer)) is not None:
            self.transport.write(self.answer(self.buffer[: self.buffer.find(b"\r\n")].split(b" ")))
            self.buffer = self.buffer[whole:]

    def answer(self, first: list[bytes]) -> bytes:
        method, path = first[0], first[1].decode("latin-1")
        if method == b"POST":
            Conversation.made += 1
            ident = f"video_{Conversation.made:048x}"
        else:
            ident = path.rpartition("/")[2]
        body = FACE % (ident, int(time.time()))
        return (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def request_bytes(buffer: bytes) -> int | None:
    """How long the first request in the buffer is; None while it is not whole."""
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return None
    if CHUNKED.search(buffer, 0, head):
        end = buffer.find(b"\r\n0\r\n\r\n", head)
        return end + 7 if end >= 0 else None
    length = LENGTH.search(buffer, 0, head + 2)
    whole = head + 4 + (int(length[1]) if length else 0)
    return whole if len(buffer) >= whole else None


async def serve(port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(Conversation, "127.0.0.1", port, backlog=1024)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
