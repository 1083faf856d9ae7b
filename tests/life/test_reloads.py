"""Clients create without a break while config.yaml is edited again and again, now and then badly: none of them notices,
and every process follows. `make test-all` does it with 50 edits under 200 creates a second.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.bench.beside import fast_vendor
from tests.support.gateway import Gateway, until
from tests.support.redis import RedisServer

PROCESSES = 6  # two gateways: a master and two workers each
SETTLES_S_MAX = 20.0
PAUSE_S = 0.5  # between two edits
STARTS_S_MAX = 90.0
FULL_RATE = 200
CONFIG = """\
store: {{url: "{url}"}}
providers:
  vendor: {{adapter: openai, base_url: "{vendor}", api_key: sk-vendor, poll_min_s: 30, poll_max_s: 60{broken}}}
models:
  sora-2:
    aliases: [edit-{number}]
    routes: [vendor/sora-2{other}]
"""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    server = RedisServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


def text(server: RedisServer, vendor: str, number: int, *, broken: bool = False) -> str:
    more = {"broken": ", rpm: many" if broken else "", "other": ", vendor/sora-2-pro" if number % 2 else ""}
    return CONFIG.format(url=server.url, vendor=vendor, number=number, **more)


@pytest.mark.parametrize(
    ("edits", "broken", "rate"),
    [
        pytest.param(10, 2, 10, marks=pytest.mark.timeout(280)),
        pytest.param(50, 10, 200, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
async def test_no_request_fails_while_the_configuration_changes(
    tmp_path: Path, server: RedisServer, edits: int, broken: int, rate: int
) -> None:
    """Every process serves by an edit within a second of its writing where it has the machine for itself."""
    follows_s_max = 1.0 if rate == FULL_RATE else 10.0
    with ExitStack() as stack:
        vendor = stack.enter_context(fast_vendor(tmp_path))
        a, b = (Gateway(tmp_path / name, config=text(server, vendor, 0), workers=2) for name in "ab")
        for one in (a, b):
            stack.push(one)
            await asyncio.to_thread(one.start, ready_s_max=STARTS_S_MAX)
        key = await asyncio.to_thread(a.create_key)
        statuses: Counter[int] = Counter()
        creating = asyncio.create_task(_create((a, b), key, rate, statuses))
        written = await _edit(a, b, partial(text, server, vendor), edits, broken)
        creating.cancel()
        await asyncio.gather(creating, return_exceptions=True)
        assert set(statuses) == {200}, statuses
        assert sum(statuses.values()) > rate * edits * 0.1
        late = {number: delay for number, delay in _delays(a, b, written).items() if delay > follows_s_max}
        assert not late
        assert _refused(a) == broken
        assert '"event":"request_failed"' not in a.log() + b.log()
        assert await asyncio.to_thread(b.telecine, "ledger", "verify") == {"differences": []}


async def _create(gateways: tuple[Gateway, ...], key: str, rate: int, statuses: Counter[int]) -> None:
    """At a steady rate, whatever the answers take; each gateway in turn."""
    headers = {"Authorization": f"Bearer {key}"}
    connections, wait = aiohttp.TCPConnector(limit=100), aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(headers=headers, connector=connections, timeout=wait) as api:

        async def one(number: int) -> None:
            fields = {"model": "sora-2", "prompt": f"boat {number}"}
            async with api.post(f"{gateways[number % len(gateways)].base_url}/videos", json=fields) as reply:
                await reply.read()
            statuses[reply.status] += 1

        async with asyncio.TaskGroup() as group:
            number, began_s = 0, time.monotonic()
            while True:
                while number < (time.monotonic() - began_s) * rate:
                    group.create_task(one(number))
                    number += 1
                await asyncio.sleep(0.5 / rate)


async def _edit(a: Gateway, b: Gateway, text_of: Callable[..., str], edits: int, broken: int) -> dict[int, float]:
    """At `a`, every so often a broken one, each when the one before is served everywhere or refused: two at once may
    become one version. When each version was written, by its number; the first is the start's."""
    written: dict[int, float] = {}
    for number in range(1, edits + 1):
        bad = number % (edits // broken) == 0
        version, refused = len(written) + 2, _refused(a) + 1
        if not bad:
            written[version] = time.time()
        a.config.write_text(text_of(number, broken=bad))
        taken = partial(_has_refused, a, refused) if bad else partial(_all_serve, a, b, version)
        assert await asyncio.to_thread(until, taken, SETTLES_S_MAX, every_s=0.2), f"edit {number}"
        await asyncio.sleep(PAUSE_S)
    return written


def _has_refused(gateway: Gateway, times: int) -> bool:
    return _refused(gateway) >= times


def _refused(gateway: Gateway) -> int:
    return [line["event"] for line in gateway.lines()].count("config_refused")


def _all_serve(a: Gateway, b: Gateway, version: int) -> bool:
    return sum(_served(one).count(version) for one in (a, b)) == PROCESSES


def _served(gateway: Gateway) -> list[int]:
    return [int(str(line["version"])) for line in _reloads(gateway)]


def _reloads(gateway: Gateway) -> list[dict[str, object]]:
    return [line for line in gateway.lines() if line["event"] == "config_reloaded"]


def _delays(a: Gateway, b: Gateway, written: dict[int, float]) -> dict[int, float]:
    """By version, from its writing until the last process that took it over."""
    last: dict[int, float] = {}
    for line in (*_reloads(a), *_reloads(b)):
        number, at_s = int(str(line["version"])), datetime.fromisoformat(str(line["time"])).timestamp()
        last[number] = max(last.get(number, 0.0), at_s)
    return {number: last[number] - at_s for number, at_s in written.items()}
