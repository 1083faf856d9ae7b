"""Bad wires to Redis: a proxy that loses answers or hangs, and a server that says what it is told to say."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PIECE_BYTES = 65_536


class Proxy:
    """Between a store and the real server. `lose` answers are swallowed, each with its connection, once `pass_on` more
    have gone by; while it hangs, all are. It hangs from the moment on when something with `hang_at` in it is asked."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.lose = 0
        self.pass_on = 0
        self.hang = False
        self.hang_at = ""
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_unix_connection(str(self._target))
        self._writers += (writer, far_writer)
        back = asyncio.create_task(self._answers(far_reader, writer))
        self._tasks.add(back)
        try:
            while data := await reader.read(PIECE_BYTES):
                self.hang |= bool(self.hang_at) and self.hang_at.encode() in data
                far_writer.write(data)
                await far_writer.drain()
        except OSError:
            pass
        finally:
            far_writer.transport.abort()
            writer.transport.abort()
            await back

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE_BYTES):
                if self.pass_on > 0:
                    self.pass_on -= 1
                elif self.lose > 0:
                    self.lose -= 1
                    writer.transport.abort()
                    return
                if not self.hang:
                    writer.write(data)

    def hang_up(self) -> None:
        """On everybody who is connected."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        self.hang_up()
        await asyncio.gather(*self._tasks)
        await asyncio.sleep(0)


@asynccontextmanager
async def proxied(target: Path, folder: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """The proxy, and the URL that leads through it."""
    proxy, path = Proxy(target), folder / "proxy"
    server = await asyncio.start_unix_server(proxy.serve, str(path))
    yield proxy, f"unix://{path}"
    server.close()
    await proxy.close()
    await server.wait_closed()


@asynccontextmanager
async def over_tls(target: Path, certificate: Path) -> AsyncIterator[int]:
    """The port of a TLS front to the real server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await proxy.close()
    await server.wait_closed()


@asynccontextmanager
async def says(folder: Path, *answers: bytes) -> AsyncIterator[tuple[list[bytes], str]]:
    """A server that gives these answers to whatever comes, the last one for ever. What it heard, and its URL."""
    heard: list[bytes] = []
    left = list(answers)
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(PIECE_BYTES):
                heard.append(data)
                writer.write(left.pop(0) if len(left) > 1 else left[0])
        writer.close()

    path = folder / "fake"
    server = await asyncio.start_unix_server(serve, str(path))
    yield heard, f"unix://{path}"
    server.close()
    for writer in writers:
        writer.transport.abort()
    await server.wait_closed()
    await asyncio.sleep(0)
