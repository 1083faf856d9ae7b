"""Readiness tells the truth: each word of the list is provoked, and gone once its reason is."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.assets.local import LocalAssets
from gateway.domain.readiness import ADVICE, Obstacle, told
from gateway.log import journal
from gateway.work.configure import By, publish
from gateway.work.configuring import Configuring
from gateway.work.folders import STALE_MS, note_folder
from gateway.work.following import Follower
from gateway.work.making import Maker
from gateway.work.readiness import DiskLook, obstacles
from tests.support.gateway import Gateway, until
from tests.support.house import house
from tests.support.redis import RedisServer

CONFIG = """\
store: {{url: "{url}"}}
providers:
  mock: {{adapter: mock}}
models:
  sora-2: {{routes: [mock/sora-2]}}
"""
HOUSE = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}"}
models:
  sora-2: {routes: [a/sora-2]}
"""
AWAY_S_MAX = 4.0  # an answer takes two seconds at most, and one may be on its way


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    server = RedisServer(folder, appendonly="yes")
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: RedisServer) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), config=CONFIG.format(url=server.url)) as running:
        yield running


def reasons(gateway: Gateway) -> list[str]:
    reply = httpx.get(f"{gateway.url}/readyz", trust_env=False, verify=False, timeout=10)
    said: dict[str, list[str]] = reply.json()
    assert (reply.status_code == 200) == (not said["reasons"])
    assert bool(said.get("todo")) == bool(said["reasons"])
    return said["reasons"]


def test_it_is_not_ready_while_the_store_is_away_and_ready_when_it_is_back(
    gateway: Gateway, server: RedisServer
) -> None:
    """Within a few seconds each, and /healthz answers all the while: a restart would not help."""
    assert until(lambda: reasons(gateway) == [], AWAY_S_MAX)
    server.kill()
    try:
        began = time.monotonic()
        assert until(lambda: reasons(gateway) == ["store_away"], AWAY_S_MAX)
        assert time.monotonic() - began < AWAY_S_MAX
        assert httpx.get(f"{gateway.url}/healthz", trust_env=False, verify=False).status_code == 200
    finally:
        server.start()
    assert until(lambda: reasons(gateway) == [], AWAY_S_MAX)


def test_a_store_that_may_evict_is_no_store(gateway: Gateway, server: RedisServer) -> None:
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert reasons(gateway) == ["store_unfit"]
        body = httpx.get(f"{gateway.url}/readyz", trust_env=False, verify=False).json()
        assert "maxmemory-policy is allkeys-lru" in body["todo"][0]
    finally:
        server.client.config_set("maxmemory-policy", "noeviction")
    assert reasons(gateway) == []


def test_it_is_not_ready_while_the_disk_refuses(gateway: Gateway) -> None:
    """A folder that cannot be written to is found out within seconds, and so is its return."""
    asides = gateway.data_dir / "assets" / "aside"
    away = asides.with_name("away")
    asides.rename(away)
    asides.write_text("no folder")
    try:
        assert until(lambda: reasons(gateway) == ["disk_refuses"], 10, every_s=0.2)
    finally:
        asides.unlink()
        away.rename(asides)
    assert until(lambda: reasons(gateway) == [], 10, every_s=0.2)


async def test_a_worker_says_that_it_stops_and_that_it_has_no_configuration(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Version 0 is none: the store was away when the gateway began. The first version ends it."""
    async with house(empty_redis.url, tmp_path, HOUSE, vendors={"a": {}}) as one:
        disk, maker = DiskLook(), Maker("config.yaml", {})
        assert await obstacles(one.tools, disk, stopping=False) == ([], ())
        assert await obstacles(one.tools, disk, stopping=True) == ([Obstacle.STOPPING], ())
        text = b"providers: {mock: {adapter: mock}}\nmodels: {sora-2: {routes: [mock/sora-2]}}\n"
        follower = Follower(one.tools.store, maker, maker.make(text), 0, lambda _: None)
        one.tools.configuring = Configuring(maker, follower, "replica", tmp_path / "refused")
        assert await obstacles(one.tools, disk, stopping=False) == ([Obstacle.NO_CONFIGURATION], ())
        await publish(one.tools.store, maker, text + b"# first\n", By(actor="file", replica=""), based_on=0)
        assert await follower.look()
        assert await obstacles(one.tools, disk, stopping=False) == ([], ())


class Hanging(LocalAssets):
    """A disk that never answers."""

    tried = 0

    async def try_out(self) -> float:
        self.tried += 1
        await asyncio.sleep(3_600)
        return 0.0


async def test_a_disk_that_hangs_refuses_and_is_asked_once(tmp_path: Path) -> None:
    look, assets = DiskLook(wait_s=0.01), Hanging(tmp_path)
    assert await asyncio.gather(*(look.refuses(assets) for _ in range(5))) == [True] * 5
    assert await look.refuses(assets)
    assert assets.tried == 1


def test_every_obstacle_says_what_to_do() -> None:
    """An unfit store in the store's own sentences."""
    for one in Obstacle:
        said = told([one], ("set it",) if one is Obstacle.STORE_UNFIT else ())
        assert (said["status"], said["reasons"]) == ("unready", [one.value])
        assert said["todo"], one
    assert set(Obstacle) - set(ADVICE) == {Obstacle.STORE_UNFIT}
    assert told([], ()) == {"status": "ready", "reasons": []}


async def test_two_folders_of_clips_are_noticed(
    empty_redis: RedisServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Replicas that share one are fine, whatever they call it; what nobody has had for minutes does not count."""
    async with house(empty_redis.url, tmp_path / "one", HOUSE, vendors={"a": {}}) as one:
        other = LocalAssets(tmp_path / "other")
        await other.start()
        mine, theirs = await one.tools.assets.folder_id(), await other.folder_id()
        assert mine != theirs == await LocalAssets(tmp_path / "other").folder_id()
        now_ms = one.tools.clock.now_ms()
        await one.tools.store.clip_folders(theirs, now_ms=now_ms - 2 * STALE_MS, since_ms=0)
        await note_folder(one.tools)
        journal.flush()
        assert "clips_not_shared" not in capfd.readouterr().err
        await one.tools.store.clip_folders(theirs, now_ms=now_ms, since_ms=0)
        await note_folder(one.tools)
        journal.flush()
        assert "clips_not_shared" in capfd.readouterr().err
        await other.close()
