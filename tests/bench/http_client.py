"""How many vendors' calls one core makes: the driver beside its transport, bare aiohttp and stock httpx.

    python -m tests.bench.http_client [calls per round]

Each reads a small JSON over TCP from a server in another process, 50 in flight, in interleaved rounds; figures are the
medians of the rounds. Behind docs/decisions/0002.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import aiohttp
import httpx
import msgspec
import uvloop

from gateway.upstream.transport import Transport
from providers.contract import Running
from tests.upstream.house import endpoint, open_driver

IN_FLIGHT = 50
ROUNDS = 5
BODY = b'{"id":"job_1","status":"in_progress","progress":42,"model":"plain-1"}'
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)

One = Callable[[], Awaitable[None]]


class Vendor(asyncio.Protocol):
    """Answers every head that ends; requests here have no body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.tail = b""

    def data_received(self, data: bytes) -> None:
        *heads, self.tail = (self.tail + data).split(b"\r\n\r\n")
        self.transport.write(REPLY * len(heads))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.asynccontextmanager
async def bare_aiohttp(url: str) -> AsyncIterator[One]:
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            async with session.get(f"{url}/jobs/job_1", headers={"authorization": "Bearer x"}) as reply:
                assert msgspec.json.decode(await reply.read())["progress"] == 42

        yield one


@contextlib.asynccontextmanager
async def stock_httpx(url: str) -> AsyncIterator[One]:
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as client:

        async def one() -> None:
            reply = await client.get(f"{url}/jobs/job_1", headers={"authorization": "Bearer x"})
            assert msgspec.json.decode(reply.content)["progress"] == 42

        yield one


@contextlib.asynccontextmanager
async def through_client(url: str) -> AsyncIterator[One]:
    async with httpx.AsyncClient(trust_env=False, transport=Transport()) as client:

        async def one() -> None:
            reply = await client.get(f"{url}/jobs/job_1", headers={"authorization": "Bearer x"})
            assert msgspec.json.decode(reply.content)["progress"] == 42

        yield one


@contextlib.asynccontextmanager
async def transport_alone(url: str) -> AsyncIterator[One]:
    async with Transport() as pool:

        async def one() -> None:
            request = httpx.Request("GET", f"{url}/jobs/job_1", headers={"authorization": "Bearer x"})
            reply = await pool.handle_async_request(request)
            assert msgspec.json.decode(await reply.aread())["progress"] == 42

        yield one


@contextlib.asynccontextmanager
async def driver_poll(url: str) -> AsyncIterator[One]:
    place = endpoint(url)
    async with open_driver() as driver:

        async def one() -> None:
            outcome = await driver.poll(place, place.adapter.poll({"id": "job_1"}), timeout_s=15)
            assert outcome == Running(42)

        yield one


CLIENTS = (bare_aiohttp, driver_poll, transport_alone, through_client, stock_httpx)


async def measured(one: One, calls: int) -> tuple[float, float]:
    """Calls per second, and the p99 in milliseconds."""
    took_s: list[float] = []

    async def worker() -> None:
        for _ in range(calls // IN_FLIGHT):
            began_s = time.perf_counter()
            await one()
            took_s.append(time.perf_counter() - began_s)

    for _ in range(20):
        await one()
    began_s = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return len(took_s) / (time.perf_counter() - began_s), statistics.quantiles(took_s, n=100)[98] * 1000


async def compare(url: str, calls: int) -> None:
    rounds: dict[str, list[tuple[float, float]]] = {client.__name__: [] for client in CLIENTS}
    for _ in range(ROUNDS):
        for client in CLIENTS:
            async with client(url) as one:
                rounds[client.__name__].append(await measured(one, calls))
    floor = statistics.median(rate for rate, _ in rounds[CLIENTS[0].__name__])
    print(f"{'client':<16} {'calls/s':>8} {'of bare':>8} {'p99 ms':>7}")
    for name, seen in rounds.items():
        rate, p99 = (statistics.median(column) for column in zip(*seen, strict=True))
        print(f"{name:<16} {rate:>8.0f} {rate / floor:>8.2f} {p99:>7.1f}")


def main() -> None:
    if "--serve" in sys.argv:
        uvloop.run(serve())
        return
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    command = [sys.executable, "-m", "tests.bench.http_client", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            uvloop.run(compare(f"http://127.0.0.1:{int(server.stdout.readline())}", calls))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
