"""What the store does in a second: admissions, commits, settles and faces beside the same commands through redis-py.

    python -m tests.bench.store [seconds per figure]

One process, uvloop, the private server with its log on `always`, in interleaved rounds; figures are the medians of the
rounds. "processor" is this process's time for one call, the server's not included. Behind docs/decisions/0006.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import redis.asyncio
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Admission, Repeat
from gateway.domain.videos import Video
from gateway.store.embedded import Embedded
from gateway.store.loader import FACE
from gateway.store.outcomes import Admitted, Committed
from gateway.store.store import Store
from tests.store.samples import HASH, PRICE, admission, apply, attempt, closed, following, seed, video

CALLERS = (1, 16, 64)
ROUNDS = 3

One = Callable[[], Awaitable[object]]


class Figure(Struct):
    per_s: float
    p50_ms: float
    p99_ms: float
    processor_us: float


class Work:
    """An endless supply of things to do to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = itertools.count(1)
        self._now_ms = time.time_ns() // 1_000_000
        self._admitted: list[Video] = []
        self._moved: list[Video] = []

    async def admit(self) -> None:
        """Twelve counters, the memory of a resend, a due time that is far away."""
        asked = self._fresh()
        assert isinstance(await self._store.admit(asked), Admitted)
        self._admitted.append(asked.change.video)

    async def commit(self) -> None:
        """No money in it."""
        change = following(await self._take(self._admitted, self.admit), due_ms=self._now_ms + 10**8)
        assert isinstance(await apply(self._store, change), Committed)
        self._moved.append(change.video)

    async def settle(self) -> None:
        made = await self._take(self._moved, self.commit)
        end = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
        assert isinstance(await apply(self._store, following(closed(made), end, due_ms=None)), Committed)

    async def _take(self, supply: list[Video], more: One) -> Video:
        while not supply:
            await more()
        return supply.pop()

    def _fresh(self) -> Admission:
        number = next(self._numbers)
        made = video(number, attempts=(attempt(now_ms=self._now_ms),))
        asked = admission(made, repeat=Repeat(fingerprint=f"{number:064x}"), due_ms=self._now_ms + 10**8)
        return replace(asked, change=replace(asked.change, window_until_ms=ledger.window_until_ms(self._now_ms)))


async def measure(one: One, callers: int, seconds: float) -> Figure:
    waits: list[float] = []
    ends = time.perf_counter() + seconds

    async def call() -> None:
        while time.perf_counter() < ends:
            began = time.perf_counter()
            await one()
            waits.append(time.perf_counter() - began)

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(call() for _ in range(callers)))
    used, lasted = time.process_time() - used, time.perf_counter() - began
    waits.sort()
    return Figure(
        len(waits) / lasted,
        waits[len(waits) // 2] * 1_000,
        waits[len(waits) * 99 // 100] * 1_000,
        used / len(waits) * 1_000_000,
    )


async def compare(url: str, seconds: float) -> None:
    store = Store(url)
    await store.open()
    await seed(store)
    work = Work(store)
    await work.commit()
    shown = work._moved[0].id
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, protocol=2, max_connections=16)
    client = redis.asyncio.Redis(connection_pool=pool)
    names = store._names
    keys = (names.key(HASH), names.project("proj_1"), names.video(shown))
    kinds: dict[str, One] = {
        "admit": work.admit,
        "commit": work.commit,
        "settle": work.settle,
        "face": lambda: store.face(HASH, shown),
        "face, redis-py": lambda: client.evalsha(FACE.sha, 3, *keys),
        "read": lambda: store.read(shown),
        "read, redis-py": lambda: client.hget(names.video(shown), "rec"),
    }
    await store.face(HASH, shown)
    print("what               callers      per s   p50 ms   p99 ms  processor us")
    for callers in CALLERS:
        found: dict[str, list[Figure]] = {name: [] for name in kinds}
        for _ in range(ROUNDS):
            for name, one in kinds.items():
                found[name].append(await measure(one, callers, seconds))
        for name, figures in found.items():
            per_s, p50_ms, p99_ms, processor_us = (
                statistics.median(getattr(figure, field) for figure in figures) for field in Figure.__struct_fields__
            )
            print(f"{name:18} {callers:7} {per_s:10,.0f} {p50_ms:8.2f} {p99_ms:8.2f} {processor_us:13.0f}")
    assert await store.verify() == []
    await client.aclose()
    await pool.disconnect()
    await store.close()


def main() -> None:
    data = Path(tempfile.mkdtemp(prefix="tc"))
    private = Embedded(data)
    try:
        uvloop.run(compare(private.start(), float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
    finally:
        private.stop()
        shutil.rmtree(data)


if __name__ == "__main__":
    main()
