"""Backups as docs/operations.md describes them, really made and really restored."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import httpx

from tests.cli.telecine import telecine
from tests.end_to_end.test_replicas import client, created, ended, gateway
from tests.support.gateway import Gateway, through, until
from tests.support.redis import RedisServer
from tests.support.vendor_beside import vendor_beside
from tests.support.vendor_faults import Fault


def reasons(one: Gateway) -> list[str]:
    said: list[str] = httpx.get(f"{one.url}/readyz", trust_env=False, verify=False, timeout=10).json()["reasons"]
    return said


def doubts(one: Gateway) -> str:
    """What is in doubt now, as an operator is told."""
    words = ("--config", str(one.config), "--data-dir", str(one.data_dir))
    return telecine(one.folder, "doubts", "list", *words).out


def test_a_copy_of_the_data_directory_is_a_gateway(tmp_path: Path) -> None:
    """Private store: stopped, copied, started elsewhere. Keys, videos, clips and books are there, and no commit
    is missed: the copy knows as much as the original."""
    with vendor_beside(tmp_path, render_s=0.3) as vendor:
        with Gateway(tmp_path / "before", config=through(vendor.base_url)) as before:
            key = before.create_key()
            with client(before, key) as api:
                ids = created(api, 2)
                ended(api, ids)
                ids += created(api, 1)
            before.stop()
        shutil.copytree(before.data_dir, tmp_path / "after" / "data", symlinks=True)
        with Gateway(tmp_path / "after", config=through(vendor.base_url)) as after:
            assert reasons(after) == []
            with client(after, key) as api:
                assert {one["status"] for one in ended(api, ids)} == {"completed"}
                assert {api.get(f"/videos/{one}/content").status_code for one in ids} == {200}
            assert after.telecine("ledger", "verify") == {"differences": []}


def test_a_data_directory_that_is_put_back_submits_nothing_until_it_is_accepted(tmp_path: Path) -> None:
    """What would notice the missing commits was put back as well; the operator's word stands for it."""
    with (
        vendor_beside(tmp_path, render_s=0.1) as vendor,
        Gateway(tmp_path / "one", config=through(vendor.base_url)) as one,
    ):
        key = one.create_key()
        asyncio.run(vendor.program(Fault(on="create", do="refuse", status=429, code="rate_limit_exceeded", times=None)))
        with client(one, key) as api:
            (waiting,) = created(api, 1)
            one.stop()
            shutil.copytree(one.data_dir, tmp_path / "backup", symlinks=True)
            asyncio.run(vendor.program())
            one.start()
            ended(api, [waiting])
            one.stop()
            shutil.rmtree(one.data_dir)
            shutil.move(tmp_path / "backup", one.data_dir)
            assert one.telecine("store", "restored") == {"restored": True}
            one.start()
            assert reasons(one) == ["store_forgot_commits"]
            assert one.telecine("store", "show")["forgot_commits"]
            one.telecine("store", "accept")
            assert until(lambda: reasons(one) == [], 10)
            assert until(lambda: waiting in doubts(one), 20, every_s=0.5), "it may have been sent, as far as is known"
            assert asyncio.run(vendor.counts())["renders"] == 1


def backed_up(server: RedisServer, folder: Path) -> None:
    """While everything runs: rewrite the file, keep it from being rewritten meanwhile, copy it."""
    client = server.client
    client.config_set("auto-aof-rewrite-percentage", 0)
    client.bgrewriteaof()
    assert until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 20)
    shutil.copytree(server.folder / "appendonlydir", folder / "appendonlydir")
    client.config_set("auto-aof-rewrite-percentage", 100)


def test_a_store_that_is_restored_from_a_backup_submits_nothing_until_it_is_accepted(tmp_path: Path) -> None:
    """A Redis of one's own, copied while it runs, then lost. The gateway finds out that commits are missing, is not
    ready, and goes on after an operator's word; what the backup has is whole, what came later is gone."""
    first, second = Path(tempfile.mkdtemp(prefix="tc")), Path(tempfile.mkdtemp(prefix="tc"))
    server = RedisServer(first, appendonly="yes", appendfsync="always")
    try:
        with (
            vendor_beside(tmp_path, render_s=0.3) as vendor,
            gateway(tmp_path / "one", vendor, server, clips=None) as one,
        ):
            key = one.create_key()
            with client(one, key) as api:
                kept = created(api, 2)
                ended(api, kept)
                backed_up(server, second)
                (lost,) = created(api, 1)
                ended(api, [lost])
            one.kill()
            server.stop()
            server = RedisServer(second, appendonly="yes", appendfsync="always")
            one.config.write_text(one.config.read_text().replace(str(first), str(second)))
            one.start()
            assert reasons(one) == ["store_forgot_commits"]
            assert one.telecine("ledger", "verify") == {"differences": []}
            with client(one, key) as api:
                assert {api.get(f"/videos/{ident}/content").status_code for ident in kept} == {200}
                assert api.get(f"/videos/{lost}").status_code == 404
                waiting = api.post("/videos", json={"prompt": "waits for the operator"}).json()["id"]
                assert api.get(f"/videos/{waiting}").json()["status"] == "queued"
                one.telecine("store", "accept")
                assert until(lambda: reasons(one) == [], 10)
                assert until(lambda: waiting in doubts(one), 20, every_s=0.5), (
                    "it may have been sent, as far as is known"
                )
                later = created(api, 1)
                assert ended(api, later)[0]["status"] == "completed"
            assert one.telecine("ledger", "verify") == {"differences": []}
    finally:
        server.stop()
        shutil.rmtree(first)
        shutil.rmtree(second)
