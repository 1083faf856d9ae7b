"""One cap, four gateways, five hundred creates at once: as many videos as it pays for, and not a micro-dollar more."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from gateway.domain.money import MICROS
from tests.store.looks import counter
from tests.support.gateway import Gateway, through, until
from tests.support.redis import RedisServer
from tests.support.vendor_beside import vendor_beside

CLIP = 400_000
FIT, ASK, GATEWAYS = 61, 500, 4


@pytest.mark.timeout(300)
def test_four_gateways_share_a_cap_to_the_micro_dollar(tmp_path: Path) -> None:
    """Spend and holds never pass it; no vendor makes more; when all is done nothing is held and the books are right."""
    with ExitStack() as stack:
        server = RedisServer(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tc"))))
        stack.callback(server.stop)
        vendor = stack.enter_context(vendor_beside(tmp_path, render_s=0.2))
        config = through(vendor.base_url, top=f"store: {{url: '{server.url}'}}\n")
        gateways = [stack.enter_context(Gateway(_made(tmp_path / str(n)), config=config)) for n in range(GATEWAYS)]
        first = gateways[0]
        key = first.create_key("shared")
        cap = FIT * CLIP + CLIP - 1
        words = ("budgets", "set", "project:shared", f"{Decimal(cap) / MICROS:f}", "--window", "total")
        name = first.telecine(*words)["budget"]
        statuses, most = asyncio.run(_all_at_once(gateways, key, server, name))
        assert statuses == Counter({200: FIT, 429: ASK - FIT})
        assert 0 < most <= FIT * CLIP
        assert until(lambda: counter(server, name) == (0, FIT * CLIP), 120, every_s=0.2), counter(server, name)
        assert asyncio.run(vendor.counts())["renders"] == FIT
        assert first.telecine("ledger", "verify") == {"differences": []}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _all_at_once(gateways: list[Gateway], key: str, server: RedisServer, name: str) -> tuple[Counter[int], int]:
    """The statuses, and the most that was spent and held at any moment that was looked at."""
    most, over = 0, asyncio.Event()

    async def watch() -> None:
        nonlocal most
        while not over.is_set():
            most = max(most, sum(counter(server, name)))
            await asyncio.sleep(0.002)

    async def create(client: aiohttp.ClientSession, number: int) -> int:
        body = {"prompt": f"a paper boat, number {number}", "seconds": "4"}
        async with client.post(f"{gateways[number % GATEWAYS].base_url}/videos", json=body) as reply:
            said = await reply.read()
        if reply.status == 429:
            assert json.loads(said)["error"]["code"] == "insufficient_quota"
        return reply.status

    connections, patience = aiohttp.TCPConnector(limit=100), aiohttp.ClientTimeout(total=90)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers, connector=connections, timeout=patience) as client:
        watching = asyncio.create_task(watch())
        statuses = Counter(await asyncio.gather(*(create(client, number) for number in range(ASK))))
        over.set()
        await watching
    return statuses, most
