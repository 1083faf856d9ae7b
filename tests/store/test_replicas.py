"""Waiting for replicas before a submission, with a real one: confirmed, late, and back again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.change import AtProviders
from gateway.store import replicas
from gateway.store.outcomes import Committed
from gateway.store.store import Store
from tests.store.samples import Clock, following, let_in, seed
from tests.support.gateway import free_port, until
from tests.support.house import House, house
from tests.support.redis import RedisServer

CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2]}
"""


class Pair:
    """A server and its replica."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.primary = RedisServer(folder, port=str(port), bind="127.0.0.1", repl_diskless_sync_delay="0")
        (folder / "r").mkdir()
        self.replica = RedisServer(folder / "r", replicaof=f"127.0.0.1 {port}")
        assert until(lambda: b"online" in str(self.primary.client.info("replication").get("slave0")).encode(), 20)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    pair = Pair(folder)
    yield pair
    pair.replica.stop()
    pair.primary.stop()
    shutil.rmtree(folder)


async def test_a_commit_before_a_submission_waits_for_replicas_and_says_whether_they_have_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the same commit is made again on a connection that has written nothing. Others wait for nobody."""
    monkeypatch.setattr(replicas, "LOOK_EVERY_S", 0.0)
    store, other = (Store(pair.primary.url, now_ms=Clock(), wait_replicas=1) for _ in range(2))
    await store.open()
    replica: int = pair.replica.client.info()["process_id"]
    try:
        await seed(store)
        made = await let_in(store)
        sending = following(made, at=AtProviders(ask="mock"))
        found = await store.commit(sending, commit_id="c1", token=None)
        assert isinstance(found, Committed) and found.confirmed and await store.replicas_near()
        os.kill(replica, signal.SIGSTOP)  # connected, and does not answer
        later = following(sending.video, at=AtProviders(again="mock"))
        for one in (store, other):
            late = await one.commit(later, commit_id="c2", token=None)
            assert isinstance(late, Committed) and not late.confirmed and late.seq == found.seq + 1
        assert not await store.replicas_near()
        plain = following(replace(later.video), label="progressed")
        assert (await store.commit(plain, commit_id="c3", token=None)) == Committed(found.now_ms, found.seq + 2)
        os.kill(replica, signal.SIGCONT)
        async with asyncio.timeout(20):
            while not await store.replicas_near():
                await asyncio.sleep(0.05)
    finally:
        os.kill(replica, signal.SIGCONT)
        await asyncio.gather(store.close(), other.close())


async def test_nothing_is_sent_that_no_replica_confirms(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The video waits in line with its money held once, and is sent as soon as it may be; no route is blamed."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"render_s": 0.05}}) as here:
        here.tools.store.wait_replicas = 1
        video = await here.create()
        async with asyncio.timeout(20):
            while len((await here.record(video)).attempts) < 2:
                await asyncio.sleep(0.05)
        await _rests(here, video)
        here.tools.store.wait_replicas = 0
        assert (await here.until(video))["status"] == "completed"
        assert [kind for kind, _, _ in await here.money(video)] == ["hold", "void", "hold", "settle"]


async def _rests(here: House, video: str) -> None:
    assert here.vendors["a"].desk.jobs == {}
    record = await here.record(video)
    assert (record.state.value, [one.state.value for one in record.attempts]) == ("queued", ["closed", "planned"])
    assert here.tools.observer.observed.get("a/sora-2") is None
