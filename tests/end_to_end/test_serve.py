"""`telecine serve` as a process: what scripts of others rely on, and what is there after it was stopped."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway import FIRST_KEY, READY, Gateway, through, until
from tests.support.vendor_beside import vendor_beside
from tests.support.vendor_control import RemoteVendor


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteVendor]:
    with vendor_beside(tmp_path_factory.mktemp("vendor"), render_s=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, vendor: RemoteVendor) -> Iterator[Gateway]:
    """One for all tests that only look. Empty variables stand in its environment."""
    empty = dict.fromkeys(("TELECINE_HOST", "TELECINE_WORKERS", "TELECINE_CONFIG", "TELECINE_DATA_DIR"), "")
    with Gateway(tmp_path_factory.mktemp("gateway"), config=through(vendor.base_url), env=empty) as gateway:
        yield gateway


@pytest.fixture
def gateway(tmp_path: Path, vendor: RemoteVendor) -> Gateway:
    """Not started."""
    return Gateway(tmp_path, config=through(vendor.base_url))


def client(gateway: Gateway, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=10)


def created(api: httpx.Client, prompt: str = "a paper boat") -> str:
    reply = api.post("/videos", json={"prompt": prompt})
    assert reply.status_code == 200, reply.text
    ident: str = reply.json()["id"]
    return ident


def ended(api: httpx.Client, ident: str) -> dict[str, Any]:
    video: dict[str, Any] = {}

    def look() -> bool:
        video.update(api.get(f"/videos/{ident}").json())
        return video["status"] in ("completed", "failed")

    assert until(look, 30, every_s=0.1), video
    return video


def test_what_was_made_is_there_after_a_restart(gateway: Gateway) -> None:
    """Videos, keys and clips survive a stop and a start; a video in flight goes on to its end."""
    with gateway:
        key = gateway.create_key()
        with client(gateway, key) as api:
            done = ended(api, created(api))
            clip = api.get(f"/videos/{done['id']}/content")
            begun = created(api, "still under way")
        assert gateway.stop() == 0
        gateway.start()
        with client(gateway, key) as api:
            assert api.get(f"/videos/{done['id']}").json() == done
            again = api.get(f"/videos/{done['id']}/content")
            assert (again.content, again.headers["etag"]) == (clip.content, clip.headers["etag"])
            assert ended(api, begun)["status"] == "completed"
            assert [one["id"] for one in api.get("/videos").json()["data"]] == [begun, done["id"]]


def test_a_mock_job_outlives_the_sandbox_s_folder(tmp_path: Path) -> None:
    """What opens its id stands in the store, so every replica's sandbox knows it, and so does a new folder's; whoever
    sees the id reads no prompt in it."""
    with Gateway(tmp_path) as gateway:
        key = gateway.create_key()
        with client(gateway, key) as api:
            begun = created(api, "a paper boat [mock:time=3]")
            assert until(lambda: gateway.figure("telecine_attempts_accepted_total") == 1, 10)
        assert gateway.stop() == 0
        shutil.rmtree(gateway.data_dir / "sandbox")
        gateway.start()
        with client(gateway, key) as api:
            assert ended(api, begun)["status"] == "completed"
        (attempt,) = gateway.telecine("explain", begun)["attempts"]
        closed = base64.urlsafe_b64decode(attempt["ref"]["id"].removeprefix("mock_") + "==")
        with pytest.raises(zlib.error):
            zlib.decompress(closed)


def test_projects_and_keys_are_made_with_and_without_a_running_gateway(gateway: Gateway) -> None:
    """One JSON object with `id`, and for a key its secret as `key`; a name that exists is an error."""
    before = gateway.telecine("projects", "create", "films")
    assert before["id"]
    with gateway:
        key = gateway.telecine("keys", "create", "--project", before["id"])
        assert key["id"] and key["key"]
        with client(gateway, key["key"]) as api:
            assert api.get("/videos").status_code == 200
        with pytest.raises(AssertionError, match="films"):
            gateway.telecine("projects", "create", "films")
    other = gateway.telecine("keys", "create", "--project", "films")
    assert other["key"] != key["key"]


def test_an_empty_variable_counts_as_unset(running: Gateway) -> None:
    """`TELECINE_HOST=` and the like change nothing: the default address is printed."""
    assert f"{READY}http://127.0.0.1:{running.port}\n" in running.log()


def test_several_workers_read_each_others_writes(tmp_path: Path, vendor: RemoteVendor) -> None:
    """Every created video can be read at once through whichever worker takes the next connection."""
    with Gateway(tmp_path, config=through(vendor.base_url), workers=2) as gateway:
        key = gateway.create_key()
        statuses = []
        for number in range(8):
            with client(gateway, key) as api:
                ident = created(api, f"number {number}")
            with client(gateway, key) as api:
                statuses.append(api.get(f"/videos/{ident}").status_code)
        assert statuses == [200] * 8
        with client(gateway, key) as api:
            assert {ended(api, one["id"])["status"] for one in api.get("/videos").json()["data"]} == {"completed"}


def test_a_wrong_configuration_is_refused_with_its_line(tmp_path: Path) -> None:
    """Exit status not 0, and the reason on stderr."""
    config = tmp_path / "config.yaml"
    config.write_text("providers:\n  mock:\n    adapter: mock\n    colour: red\nmodels: {}\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--data-dir", str(tmp_path / "data")],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    assert b"config.yaml:4" in done.stderr and b"colour" in done.stderr
    assert not done.stdout


def test_the_head_of_content_says_what_a_get_would(running: Gateway) -> None:
    """HEAD has the same headers and no body, for players that look before they fetch."""
    with client(running, running.create_key("head")) as api:
        ident = ended(api, created(api))["id"]
        head, get = api.head(f"/videos/{ident}/content"), api.get(f"/videos/{ident}/content")
        same = ("content-length", "content-type", "etag", "accept-ranges")
        assert [head.headers[name] for name in same] == [get.headers[name] for name in same]
        assert (head.status_code, head.content, len(get.content)) == (200, b"", int(head.headers["content-length"]))


def test_health_readiness_and_metrics_answer(running: Gateway) -> None:
    """For load balancers and Prometheus, without a key."""
    with client(running, running.create_key("health")) as api:
        ended(api, created(api))
    with httpx.Client(base_url=running.url, trust_env=False, verify=False) as root:
        assert root.get("/healthz").status_code == 200
        assert root.get("/readyz").status_code == 200
        text = root.get("/metrics").text
    for name in ("requests_total", "videos_total", "attempts_total", "poll_lag_seconds_count", "store_seconds_count"):
        assert f"telecine_{name}" in text, name


def test_the_log_is_json_lines_and_a_stop_leaves_nothing(gateway: Gateway) -> None:
    """A canary in the prompt and the keys are searched in everything that was written. After SIGTERM: exit status 0,
    no process left; `Gateway.stop` looks for them by a mark that every descendant inherits."""
    with gateway:
        key = gateway.create_key()
        with client(gateway, key) as api:
            ended(api, created(api, "canary-prompt-7431"))
            api.get("/videos", headers={"Authorization": "Bearer sk-canary-key-2210"})
        assert len(gateway.pids()) >= 3, "a master, a worker and the store at least"
        assert gateway.stop() == 0
        assert gateway.pids() == []
        text = gateway.log()
    lines = [line for line in text.splitlines() if not line.startswith((READY, FIRST_KEY))]
    assert lines and all(json.loads(line)["event"] for line in lines)
    assert not [word for word in ("canary-prompt-7431", "sk-canary-key-2210", key, "sk-vendor") if word in text]
