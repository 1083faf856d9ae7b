"""The race for one cap again, while its store dies three times: nothing that was answered is lost or made twice.

The store keeps an append-only file that is on disk before it answers (`always`). It is killed, not stopped, and comes
back with what that file says: twice while creates run, once while videos render. Clients send a create again that was
answered 503, or not at all, under its Idempotency-Key.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import redis
from msgspec import Struct

from gateway.domain.money import MICROS
from tests.store.looks import counter
from tests.support.gateway import Gateway, through, until
from tests.support.redis import RedisServer
from tests.support.vendor_beside import vendor_beside

CLIP = 400_000
FIT, ASK, AT_ONCE, GATEWAYS = 61, 500, 100, 4
ON_DISK = {"appendonly": "yes", "appendfsync": "always", "aof_use_rdb_preamble": "no"}
AGAIN_S = 0.4
WAIT_S_MAX = 90.0
LONG_S = 6.0  # longer than a gateway waits for an answer of the store: clients are told 503


class Race(Struct):
    """What was seen of it."""

    answers: dict[int, str | None] = {}  # by the number of the create: the video's id, None: over the budget
    refused: int = 0  # 503, or no answer
    samples: int = 0
    most: int = 0  # spent and held at once
    deaths: int = 0


@pytest.mark.timeout(300)
def test_a_store_that_dies_in_the_race_loses_no_video_and_no_entry(tmp_path: Path) -> None:
    """Exactly as many videos as the cap pays for are admitted, kept and made once; the books are right to the end."""
    with ExitStack() as stack:
        server = RedisServer(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tc"))), **ON_DISK)
        stack.callback(server.stop)
        vendor = stack.enter_context(vendor_beside(tmp_path, render_s=1.0))
        config = through(vendor.base_url, top=f"store: {{url: '{server.url}'}}\n")
        gateways = [stack.push(Gateway(tmp_path / str(n), config=config)) for n in range(GATEWAYS)]
        with ThreadPoolExecutor(GATEWAYS) as pool:
            first, *_ = pool.map(Gateway.start, gateways)
        key = first.create_key("shared")
        words = ("budgets", "set", "project:shared", f"{Decimal(FIT * CLIP + CLIP - 1) / MICROS:f}")
        name = first.telecine(*words, "--window", "total")["budget"]
        race = asyncio.run(_race(gateways, key, server, name))
        made = {one for one in race.answers.values() if one is not None}
        assert (len(race.answers), len(made), race.deaths) == (ASK, FIT, 3)
        assert race.refused > 0, "no client noticed that the store was away"
        assert race.samples > 10 and 0 < race.most <= FIT * CLIP
        assert until(lambda: counter(server, name) == (0, FIT * CLIP), WAIT_S_MAX, every_s=0.2), counter(server, name)
        assert asyncio.run(_statuses(first, key, made)) == dict.fromkeys(made, "completed")
        assert asyncio.run(vendor.counts())["renders"] == FIT
        assert first.telecine("ledger", "verify") == {"differences": []}
        assert first.telecine("store", "show")["forgot_commits"] is False
        for gateway in gateways:
            assert httpx.get(f"{gateway.url}/readyz", trust_env=False, verify=False).status_code == 200
            assert "store_forgot_commits" not in gateway.log()


async def _race(gateways: list[Gateway], key: str, server: RedisServer, name: str) -> Race:
    race, over = Race(), asyncio.Event()
    at_once = asyncio.Semaphore(AT_ONCE)  # a pool of connections is slow in a crowd
    headers = {"Authorization": f"Bearer {key}"}

    async def create(number: int) -> None:
        async with at_once:
            await _create(race, client, gateways[number % GATEWAYS], number)

    async with httpx.AsyncClient(
        headers=headers, trust_env=False, verify=False, timeout=httpx.Timeout(30, pool=None)
    ) as client:
        watching = asyncio.create_task(_watch(race, server, name, over))
        dying = asyncio.create_task(_die(race, server, name))
        creates = (create(number) for number in range(ASK))
        async with asyncio.timeout(WAIT_S_MAX):
            await asyncio.gather(dying, *creates)
        over.set()
        await watching
    return race


async def _create(race: Race, client: httpx.AsyncClient, gateway: Gateway, number: int) -> None:
    """Until there is an answer that says what became of it."""
    body = {"prompt": f"a paper boat, number {number}", "seconds": "4"}
    headers = {"Idempotency-Key": f"boat-{number}"}
    while True:
        try:
            reply = await client.post(f"{gateway.base_url}/videos", json=body, headers=headers)
        except httpx.TransportError:
            reply = httpx.Response(503)
        found = json.loads(reply.content or b"{}")
        match reply.status_code:
            case 200:
                race.answers[number] = found["id"]
                return
            case 429:
                assert found["error"]["code"] == "insufficient_quota"
                race.answers[number] = None
                return
            case status:
                assert status == 503, reply.text
                race.refused += 1
                await asyncio.sleep(AGAIN_S)


async def _watch(race: Race, server: RedisServer, name: str, over: asyncio.Event) -> None:
    while not over.is_set():
        held, settled = _sums(server, name)
        race.most = max(race.most, held + settled)
        race.samples += bool(held + settled)
        await asyncio.sleep(0.01)


async def _die(race: Race, server: RedisServer, name: str) -> None:
    """Killed and started again with its data: early and in the middle of the creates, then while videos render."""
    for come, away_s in (
        (lambda held, settled: held + settled >= 10 * CLIP, 0.1),
        (lambda held, settled: held + settled >= 35 * CLIP, LONG_S),
        (lambda held, settled: held > 0 and settled >= 10 * CLIP, 0.5),
    ):
        await _until(come, server, name)
        server.kill()
        await asyncio.sleep(away_s)
        server.start()  # here, not in a thread: the server dies with the thread that started it
        race.deaths += 1


async def _until(come: Callable[[int, int], bool], server: RedisServer, name: str) -> None:
    while not come(*_sums(server, name)):
        await asyncio.sleep(0.005)


def _sums(server: RedisServer, name: str) -> tuple[int, int]:
    """Held and settled; nothing while the store does not answer."""
    with suppress(redis.RedisError, OSError):
        return counter(server, name)
    return 0, 0


async def _statuses(gateway: Gateway, key: str, videos: set[str]) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        headers=headers, trust_env=False, verify=False, timeout=httpx.Timeout(30, pool=None)
    ) as client:
        replies = [await client.get(f"{gateway.base_url}/videos/{video}") for video in sorted(videos)]
    return {reply.json()["id"]: reply.json()["status"] for reply in replies}
