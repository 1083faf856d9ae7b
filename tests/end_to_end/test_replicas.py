"""Several gateways on one store: nothing is agreed between them, and one that dies takes nothing along."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.telecine import objects, telecine
from tests.support.gateway import Gateway, through, until
from tests.support.redis import RedisServer
from tests.support.vendor_beside import vendor_beside
from tests.support.vendor_control import RemoteVendor

ENDS_S_MAX = 90.0
ACCEPTED_S_MAX = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    running = RedisServer(folder, appendonly="yes", appendfsync="always")
    yield running
    running.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteVendor]:
    with vendor_beside(tmp_path_factory.mktemp("vendor"), render_s=1.0) as running:
        yield running


def gateway(
    folder: Path, vendor: RemoteVendor, server: RedisServer, *, clips: Path | None, workers: int = 1
) -> Gateway:
    """Its data directory is its own; its clips are, unless a folder for them is given."""
    top = f'store: {{url: "{server.url}"}}\ngateway: {{deadline_s: 120, lease_s: 16}}\n'
    top += f"assets: {{dir: {clips}}}\n" if clips is not None else ""
    return Gateway(folder, config=through(vendor.base_url, top=top), workers=workers)


def client(one: Gateway, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=one.base_url, headers=headers, trust_env=False, verify=False, timeout=20)


def created(api: httpx.Client, count: int) -> list[str]:
    replies = [api.post("/videos", json={"prompt": f"boat {number}"}) for number in range(count)]
    assert {one.status_code for one in replies} == {200}, replies[0].text
    return [one.json()["id"] for one in replies]


def ended(api: httpx.Client, ids: list[str]) -> list[dict[str, Any]]:
    def over() -> bool:
        return all(api.get(f"/videos/{one}").json()["status"] in ("completed", "failed") for one in ids)

    assert until(over, ENDS_S_MAX, every_s=0.3)
    return [api.get(f"/videos/{one}").json() for one in ids]


def accepted(*gateways: Gateway) -> float:
    return sum(one.figure("telecine_attempts_accepted_total") for one in gateways)


def test_a_replica_that_is_killed_loses_nothing(tmp_path: Path, server: RedisServer, vendor: RemoteVendor) -> None:
    """Two masters, one store, one folder of clips: SIGKILL to one with its videos at every stage. The other ends all of
    them, delivers every clip whoever collected it, and the books are right."""
    server.client.flushall()
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(gateway(tmp_path / name, vendor, server, clips=tmp_path / "clips", workers=workers))
            for name, workers in (("one", 2), ("two", 1))
        )
        key = one.create_key()
        with client(one, key) as api, client(two, key) as other:
            early = created(api, 3)
            ended(api, early)
            ids = early + created(api, 6) + created(other, 3)
            # A submission that a death cuts short is in doubt until the deadline: the kill points' tests see to it.
            assert until(lambda: accepted(one, two) >= len(ids), ACCEPTED_S_MAX)
            one.kill()
            assert {video["status"] for video in ended(other, ids)} == {"completed"}
            for ident in ids:
                clip = other.get(f"/videos/{ident}/content")
                assert (clip.status_code, clip.content[4:8]) == (200, b"ftyp")
        assert two.telecine("ledger", "verify") == {"differences": []}
        one.start()
        with client(one, key) as api:
            assert {api.get(f"/videos/{ident}/content").status_code for ident in ids} == {200}


def test_two_replicas_never_have_one_data_directory(tmp_path: Path, server: RedisServer, vendor: RemoteVendor) -> None:
    """The second is refused in one sentence before it touches anything; after a SIGKILL of the first, it starts."""
    server.client.flushall()
    with gateway(tmp_path, vendor, server, clips=None, workers=2) as one:
        words = ("serve", "--config", str(one.config), "--data-dir", str(one.data_dir), "--port", "0")
        done = telecine(tmp_path, *words)
        assert (done.status, done.err.count("\n")) == (1, 1)
        assert f"is in use by process {one.master}; give each replica one of its own" in done.err
        assert list((one.data_dir / "metrics").iterdir())
        one.kill()
        one.start()


def test_a_clip_on_another_disk_is_never_a_404(tmp_path: Path, server: RedisServer, vendor: RemoteVendor) -> None:
    """Without a shared folder a replica says 503 with a word for it, and asks to be asked again; nothing that needs the
    file is begun there; and doctor names the fault."""
    server.client.flushall()
    with ExitStack() as stack:
        one = stack.enter_context(gateway(tmp_path / "one", vendor, server, clips=None))
        key = one.create_key()
        with client(one, key) as api:
            (ident,) = created(api, 1)
            ended(api, [ident])
        one.stop()
        two = stack.enter_context(gateway(tmp_path / "two", vendor, server, clips=None))
        with client(two, key) as other:
            assert other.get(f"/videos/{ident}").json()["status"] == "completed"
            there = other.get(f"/videos/{ident}/content")
            assert (there.status_code, there.json()["error"]["code"]) == (503, "clip_not_here")
            assert there.headers["retry-after"] == "1"
            remix = other.post(f"/videos/{ident}/remix", json={"prompt": "at night"})
            assert (remix.status_code, remix.json()["error"]["code"]) == (503, "clip_not_here")
        one.start()
        with client(one, key) as api:
            assert api.get(f"/videos/{ident}/content").status_code == 200
        words = ("--config", str(two.config), "--data-dir", str(two.data_dir), "--json")
        assert until(lambda: two.log().count("clips_not_shared") + one.log().count("clips_not_shared") > 0, 10)
        done = telecine(two.folder, "doctor", *words, TELECINE_PORT=str(two.port))
        said = {row["check"]: row for row in objects(done.out) if row["level"] == "fail"}
        assert "2 folders" in said["assets.shared"]["says"]
        assert done.status == 1
