"""`telecine doctor`: every finding is provoked once, says what to do, and is gone where all is well."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gateway.domain.audit import CLI
from gateway.domain.budgets import Cap, Window
from gateway.store.datadir import Lock, Note, folder_of
from gateway.store.store import Store
from tests.cli.telecine import objects, telecine
from tests.cli.test_breakers import barred
from tests.support.gateway import Gateway, free_port, through, until
from tests.support.redis import RedisServer
from tests.support.vendor_beside import vendor_beside

CONFIG = """\
store: {{url: "{url}"}}
providers:
  mock: {{adapter: mock}}
{providers}
models:
  sora-2: {{routes: [mock/sora-2{routes}]}}
{models}
"""
VENDOR = '  vendor: {{adapter: openai, base_url: "{}", api_key: {}, poll_timeout_s: 2, connect_timeout_s: 1}}'
LATER = (
    '{route: vendor/sora-2, prices: [{per_second: "0.1", valid_from: 2099-01-01, as_of: 2026-11-01, source: a page}]}'
)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A store that keeps what it acknowledges."""
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    running = RedisServer(folder, appendonly="yes", appendfsync="always")
    yield running
    running.stop()
    shutil.rmtree(folder)


@pytest.fixture
def place(tmp_path: Path, server: RedisServer) -> Path:
    """A folder with a configuration on that store, emptied; nothing is wrong with it."""
    server.client.flushall()
    return written(tmp_path, server)


def written(folder: Path, server: RedisServer, *, providers: str = "", routes: str = "", models: str = "") -> Path:
    text = CONFIG.format(url=server.url, providers=providers, routes=routes, models=models)
    (folder / "config.yaml").write_text(text)
    return folder


def examined(folder: Path, **environ: str) -> list[dict[str, Any]]:
    done = telecine(folder, "doctor", "--json", TELECINE_PORT=environ.pop("port", str(free_port())), **environ)
    found = objects(done.out)
    assert done.status == int(any(one["level"] == "fail" for one in found)), done.err
    assert all(set(one) == {"check", "level", "says", "todo"} for one in found)
    assert all(one["todo"] for one in found if one["level"] != "ok")
    return found


def of(found: list[dict[str, Any]], check: str, level: str) -> str:
    """What such findings say, together; AssertionError if there is none."""
    said = [f"{one['says']} -> {one['todo']}" for one in found if (one["check"], one["level"]) == (check, level)]
    assert said, (check, level, found)
    return "; ".join(said)


def test_nothing_is_wrong_where_all_is_well(place: Path) -> None:
    """Every look is there, and as many lines for people, with a sum at the end."""
    found = examined(place)
    # A busy machine may be slow: nothing else may be other than fine.
    odd = [one for one in found if one["level"] != "ok" and one["check"] not in ("disk.data", "store.latency")]
    assert odd == []
    assert {one["check"] for one in found} >= {
        "config.file", "config.models", "store.reach", "store.persistence", "store.latency", "store.clock",
        "store.replicas", "store.disk", "store.memory", "assets.shared", "budgets", "provider", "disk.data", "gateway",
    }  # fmt: skip
    lines = telecine(place, "doctor", TELECINE_PORT=str(free_port())).out.splitlines()
    assert len(lines) == len(found) + 1
    assert lines[-1].startswith("0 failed, ")


def test_a_file_that_is_wrong_is_told_line_by_line(place: Path) -> None:
    """A variable that is not set among them; the rest of the machine is looked at all the same."""
    (place / "config.yaml").write_text(
        "providers:\n  a: {adapter: openai, base_url: https://a.example/v1, api_key: '${NOWHERE_KEY}'}\nmodels: {}\n"
    )
    found = examined(place)
    said = of(found, "config.file", "fail")
    assert "config.secrets" not in {one["check"] for one in found}
    assert ":2: " in said and "NOWHERE_KEY" in said
    assert of(found, "gateway", "ok")


def test_what_the_configuration_lets_nobody_ask_for(place: Path, server: RedisServer) -> None:
    """A model that is drained whole fails; a price that has not begun is warned of, and fails where it is alone."""
    drained = VENDOR.format("http://127.0.0.1:9/v1", "k").replace("connect", "drain: true, connect")
    written(
        place, server, providers=drained, models="  alone: {routes: [vendor/sora-2-pro]}\n",
    )  # fmt: skip
    assert "alone is drained" in of(examined(place), "config.models", "fail")
    later = VENDOR.format("http://127.0.0.1:9/v1", "k")
    written(place, server, providers=later, routes=f", {LATER}", models=f"  alone: {{routes: [{LATER}]}}\n")
    found = examined(place)
    assert "vendor/sora-2 has no price" in of(found, "config.prices", "warn")
    assert "alone has a price" in of(found, "config.models", "fail")
    assert "1 secrets stand in config.yaml itself" in of(found, "config.secrets", "warn")


def test_a_refused_edit_is_told(place: Path) -> None:
    (place / "data").mkdir()
    (place / "data" / "config.refused").write_text("config.yaml:3: models: is wrong\nand more")
    assert "config.yaml:3: models" in of(examined(place), "config.refused", "fail")


def test_a_store_that_is_away(place: Path, server: RedisServer) -> None:
    """The rest is looked at, and nothing is said of what lies in the store."""
    text = (place / "config.yaml").read_text().replace(server.url, "redis://127.0.0.1:1")
    (place / "config.yaml").write_text(text)
    found = examined(place)
    assert "127.0.0.1:1 cannot be reached" in of(found, "store.reach", "fail")
    assert not {"store.fit", "budgets", "assets.shared"} & {one["check"] for one in found}
    assert of(found, "provider", "ok")


def test_what_is_wrong_with_a_store(place: Path, server: RedisServer) -> None:
    """Each setting by itself, put back afterwards."""
    set_ = server.client.config_set
    set_("maxmemory-policy", "allkeys-lru")
    set_("appendfsync", "everysec")
    set_("maxmemory", server.client.info()["used_memory"] * 10 // 9)
    try:
        found = examined(place)
    finally:
        set_("maxmemory-policy", "noeviction")
        set_("appendfsync", "always")
        set_("maxmemory", 0)
    assert "allkeys-lru" in of(found, "store.fit", "fail")
    assert "everysec" in of(found, "store.persistence", "warn")
    assert "maxmemory" in of(found, "store.memory", "warn")


def test_a_store_without_a_file_and_with_a_replica(place: Path, server: RedisServer) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    port = free_port()
    primary = RedisServer(folder, appendonly="no", port=str(port), bind="127.0.0.1")
    (folder / "r").mkdir()
    replica = RedisServer(folder / "r", replicaof=f"127.0.0.1 {port}")
    try:
        assert until(lambda: primary.client.info("replication")["connected_slaves"] == 1, 20)
        (place / "config.yaml").write_text((place / "config.yaml").read_text().replace(server.url, primary.url))
        found = examined(place)
        assert "append-only" in of(found, "store.persistence", "warn")
        assert "1 replicas" in of(found, "store.replicas", "warn")
        primary.client.config_set("min-replicas-to-write", 1)
        assert until(lambda: primary.client.info("replication").get("min_slaves_good_slaves") == 1, 20)
        assert "1 of them" in of(examined(place), "store.replicas", "ok")
    finally:
        replica.stop()
        primary.stop()
        shutil.rmtree(folder)


async def test_what_lies_in_the_store(place: Path, server: RedisServer) -> None:
    """Caps that are overrun, forgotten commits, open breakers, a version that is not this file's, folders of clips."""
    store = Store(server.url)
    await store.open()
    try:
        await store.set_cap("provider/mock", Window.TOTAL, Cap(1_000_000), actor=CLI)
        server.client.hset("{telecine}:counters", "provider/mock/total:settled", 2_500_000)
        server.client.hset("{telecine}:rewound", mapping={"noted_ms": 1, "remembered": 9, "met": 3, "promoted": ""})
        server.client.hset("{telecine}:config", mapping={"version": 1, "digest": "d"})
        server.client.hset("{telecine}:config_facts", "1", '1 {"digest":"another","actor":"file"}')
        server.client.hset("{telecine}:config_texts", "1", "another: text")
        server.client.zadd("{telecine}:dead_letters", {"d_1": 1})
        barred(server)
        now_ms = time.time_ns() // 1_000_000
        await store.clip_folders("one", now_ms=now_ms, since_ms=0)
        await store.clip_folders("two", now_ms=now_ms, since_ms=0)
    finally:
        await store.close()
    found = await asyncio.to_thread(examined, place)
    assert "$1.50 above the cap" in of(found, "budgets", "warn")
    assert "telecine store accept" in of(found, "store.commits", "fail")
    assert "version 1" in of(found, "config.version", "warn")
    assert "1 webhooks" in of(found, "webhooks", "warn")
    assert "mock" in of(found, "provider.breaker", "warn")
    assert "in 2 folders" in of(found, "assets.shared", "fail")


def test_providers_are_asked_at_no_cost(place: Path, server: RedisServer) -> None:
    """A refused credential and an address where nobody is are told apart; secrets and addresses are not told."""
    with vendor_beside(place, render_s=0.1) as vendor:
        written(place, server, providers=VENDOR.format(vendor.base_url, vendor.api_key), routes=", vendor/sora-2")
        found = examined(place)
        assert "vendor answers" in of(found, "provider", "ok") or "at no cost" in of(found, "provider", "ok")
        written(place, server, providers=VENDOR.format(vendor.base_url, "sk-wrong-canary"), routes=", vendor/sora-2")
        found = examined(place)
        assert "refuses the credential" in of(found, "provider", "fail")
        assert "canary" not in json.dumps(found) and vendor.base_url not in json.dumps(found)
    found = examined(place)
    assert "nobody answers" in of(found, "provider", "fail")
    written(place, server, providers=VENDOR.format(vendor.base_url, "k"))
    assert "which no model uses" in of(examined(place), "provider", "warn")


def test_a_folder_that_cannot_be_written(place: Path, server: RedisServer) -> None:
    """The data directory's and the clips' own."""
    (place / "clips").write_text("no folder")
    with (place / "config.yaml").open("a") as file:
        file.write(f"assets: {{dir: {place}/clips}}\n")
    found = examined(place, TELECINE_DATA_DIR="/proc/telecine")
    assert "cannot be written" in of(found, "disk.data", "fail")
    assert "cannot be written" in of(found, "disk.clips", "fail")


def test_what_a_dead_gateway_left(place: Path) -> None:
    """A private store that outlived it, and figures of workers."""
    data = place / "data"
    lock = Lock(folder_of(data))
    assert lock.take()
    lock.write(Note(owner=2**22 - 3, role="serve", socket=str(data / "nobody.sock")))
    (data / "metrics").mkdir()
    (data / "metrics" / "counter_1.db").write_bytes(b"")
    try:
        found = examined(place)
    finally:
        lock.release()
    assert "is dead" in of(found, "locks", "warn")
    assert "1 files" in of(found, "metrics", "warn")


class Stranger(BaseHTTPRequestHandler):
    """Another program on the gateway's port; or a gateway that says why it is not ready."""

    body = b"hello"

    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Unready(Stranger):
    body = b'{"status": "unready", "reasons": ["disk_refuses"], "todo": ["look at its disk"]}'


@pytest.mark.parametrize(
    ("who", "words"), [(Stranger, "something else listens"), (Unready, "not ready: disk_refuses -> look at its disk")]
)
def test_what_listens_on_the_port(place: Path, who: type[Stranger], words: str) -> None:
    with HTTPServer(("127.0.0.1", 0), who) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        found = examined(place, port=str(web.server_port))
        web.shutdown()
    assert words in of(found, "gateway", "fail")


def test_a_port_that_hears_nothing_is_free(place: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert "the port is free" in of(examined(place, port=str(bound.getsockname()[1])), "gateway", "ok")


def test_it_works_beside_a_running_gateway_with_a_private_store(tmp_path: Path) -> None:
    """And changes nothing: the gateway stays ready."""
    with (
        vendor_beside(tmp_path, render_s=0.1) as vendor,
        Gateway(tmp_path / "g", config=through(vendor.base_url), workers=2) as gateway,
    ):
        words = ("--config", str(gateway.config), "--data-dir", str(gateway.data_dir), "--json")
        done = telecine(gateway.folder, "doctor", *words, TELECINE_PORT=str(gateway.port))
        found = objects(done.out)
        assert "is ready" in of(found, "gateway", "ok")
        assert "files of figures are added up" in of(found, "metrics", "ok")
        assert "has its owner" in of(found, "locks", "ok")
        assert "in one folder" in of(found, "assets.shared", "ok")
