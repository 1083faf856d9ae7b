"""A store that forgot commits: what waits to be sent may have been sent, so nothing is sent a second time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.videos import State
from gateway.log import journal
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {lease_s: 20}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1, doubt: DOUBT,
      settings: {lists: LISTS}}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2, b/sora-2]}
"""
VENDORS: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}, "b": {"render_s": 0.1}}


async def forget(one: House, redis: RedisServer) -> None:
    """The store goes back behind what the gateway saw, and it notices."""
    redis.client.set("{telecine}:seq", 0)
    await one.tools.store.claim(1, lease_ms=1, token_prefix="nobody")
    await one.tools.store.watch()
    assert one.tools.store.rewound is not None


async def until_said(capfd: pytest.CaptureFixture[str], event: str) -> str:
    """The log up to this event."""
    said = ""
    async with asyncio.timeout(10):
        while f'"event":"{event}"' not in said:
            await asyncio.sleep(0.02)
            journal.flush()
            said += capfd.readouterr().err
    return said


def config(doubt: str = "hold", lists: str = "false") -> str:
    return CONFIG.replace("DOUBT", doubt).replace("LISTS", lists)


async def test_nothing_is_sent_until_an_operator_has_looked(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Creates are still taken, and wait."""
    async with house(empty_redis.url, tmp_path, config(), vendors=VENDORS, running=False) as one:
        await one.create()
        await forget(one, empty_redis)
        one.runner.start()
        later = await one.create()
        await asyncio.sleep(1.0)
        assert (await one.face(later))["status"] == "queued"
        assert [vendor.counts["renders"] for vendor in one.vendors.values()] == [0, 0]
        await one.runner.stop(1.0)


@pytest.mark.parametrize("doubt", ["hold", "failover"])
async def test_what_was_waiting_counts_as_in_doubt(empty_redis: RedisServer, tmp_path: Path, doubt: str) -> None:
    """Held: nobody is asked to render it. Failover: another provider is, never the one that may have it."""
    async with house(empty_redis.url, tmp_path, config(doubt), vendors=VENDORS, running=False) as one:
        waiting = await one.create()
        await forget(one, empty_redis)
        assert await one.tools.store.accept_rewind()
        one.runner.start()
        if doubt == "hold":
            async with asyncio.timeout(10):
                while (await one.record(waiting)).state is not State.IN_DOUBT:
                    await asyncio.sleep(0.02)
        else:
            assert (await one.until(waiting))["status"] == "completed"
        assert one.vendors["a"].counts["renders"] == 0
        assert one.vendors["b"].counts["renders"] == (1 if doubt == "failover" else 0)
        assert await one.tools.store.verify() == []
        await one.runner.stop(1.0)


async def test_what_comes_after_the_note_is_made_as_ever(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Only what is older than the note, and a little more for clocks that differ, may have been forgotten."""
    async with house(empty_redis.url, tmp_path, config(), vendors=VENDORS) as one:
        await one.until(await one.create())
        await forget(one, empty_redis)
        empty_redis.client.hincrby("{telecine}:rewound", "noted_ms", -60_000)
        assert await one.tools.store.accept_rewind()
        video = await one.create()
        assert (await one.until(video))["status"] == "completed"
        assert one.vendors["a"].counts["renders"] == 2


async def test_a_record_that_is_gone_when_its_vendor_answers_is_told(
    empty_redis: RedisServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An operator has to look for what the vendor made; the runner goes on with the others."""
    async with house(empty_redis.url, tmp_path, config(), vendors=VENDORS) as one:
        one.vendors["a"].program(Fault(on="create", do="hang", at=Point.AFTER_MAKING, seconds=2.0))
        lost = await one.create()
        async with asyncio.timeout(10):
            while one.vendors["a"].counts["renders"] == 0:
                await asyncio.sleep(0.02)
        empty_redis.client.delete("{telecine}:video:" + lost)
        assert (await one.until(await one.create()))["status"] == "completed"
        said = await until_said(capfd, "record_gone")
    journal.flush()
    told = [json.loads(line) for line in (said + capfd.readouterr().err).splitlines()]
    (gone,) = [line for line in told if line["event"] == "record_gone"]
    assert (gone["video"], gone["provider"], gone["news"]) == (lost, "a", "accepted")
    assert not [line for line in told if line["event"] == "step_failed"]
