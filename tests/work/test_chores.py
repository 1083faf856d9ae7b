"""Chores: a running worker does each of them, each has its effect, and one that fails is told and tried again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway import metrics
from gateway.log import journal
from gateway.work.chores import Chore, again_and_again, chores
from gateway.work.tools import Tools
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", submit_timeout_s: 1, settings: {lists: false}}
models:
  sora-2: {routes: [a/sora-2]}
"""
NAMES = {"strays", "retention", "doubts", "gauges", "queues", "accounts", "unread", "folders"}


def table(tools: Tools) -> dict[str, Chore]:
    found = chores(tools, strays_every_s=3_600, retention_every_s=300)
    return {one.name: one for one in found}


async def until_so(one: House, chore: Chore, so: Callable[[], bool]) -> None:
    """The chore at a quick pace, until it shows."""
    task = asyncio.create_task(again_and_again(one.tools, replace(chore, every_s=0.01)))
    try:
        async with asyncio.timeout(10):
            while not so():
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_running_worker_does_every_chore(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {}}) as one:
        assert set(table(one.tools)) == NAMES
        assert {task.get_name() for task in asyncio.all_tasks()} >= NAMES


async def test_doubts_are_counted(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {}}) as one:
        one.vendors["a"].program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        await one.create()
        await until_so(one, table(one.tools)["doubts"], lambda: b"\ntelecine_doubts_open 1.0\n" in metrics.exposition())


async def test_a_chore_that_fails_is_told_and_tried_again(
    empty_redis: RedisServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tries = []

    async def work(tools: Tools) -> None:
        tries.append(tools)
        if len(tries) == 1:
            raise ValueError("a secret")

    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {}}) as one:
        await until_so(one, Chore("odd", work, "odd_failed", 0.01), lambda: len(tries) > 1)
    journal.flush()
    said = [line for line in capfd.readouterr().err.splitlines() if "odd_failed" in line]
    assert len(said) == 1 and "a secret" not in said[0]
    assert json.loads(said[0])["level"] == "error"
