"""A vendor calls back for real: the mock's loses its answer, can be asked neither by key nor by list, and calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, until
from tests.support.wire import Wire

CONFIG = """
gateway: {{public_url: "http://127.0.0.1:{port}", deadline_s: {deadline}}}
providers:
  mock: {{adapter: mock, poll_min_s: 0.2, poll_max_s: 0.5,
         settings: {{honours_keys: false, can_find: false, calls_back: {calls}, queue_s: 0, render_s: 0.5}}}}
models:
  sora-2: {{routes: [mock/sora-2]}}
"""


def gateway_of(folder: Path, *, calls: bool = True, deadline: int = 60) -> Gateway:
    gateway = Gateway(folder, config="")
    text = CONFIG.format(port=gateway.port, calls=str(calls).lower(), deadline=deadline)
    gateway.config.write_text(text)
    return gateway


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway_of(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def ended(gateway: Gateway, key: str, prompt: str) -> dict[str, Any]:
    video: dict[str, Any] = {}
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as api:
        ident = api.post("/videos", json={"prompt": prompt}).json()["id"]

        def over() -> bool:
            video.update(api.get(f"/videos/{ident}").json())
            return video["status"] in ("completed", "failed")

        assert until(over, 40, every_s=0.1), video
    return video


@pytest.mark.parametrize("fate", ["lose-reply", "error-after", "garble"])
def test_an_answer_that_was_lost_is_found_again_by_a_callback(running: Gateway, fate: str) -> None:
    """One attempt, one render, paid once."""
    video = ended(running, running.create_key(f"lost {fate}"), f"a boat [mock:{fate}]")
    assert video["status"] == "completed"
    entries = [entry for entry in running.ledger() if entry["video"] == video["id"]]
    assert [(entry["kind"], entry["presumed"]) for entry in entries] == [("hold", False), ("settle", False)]


def test_without_a_callback_the_same_doubt_waits_until_the_deadline(tmp_path: Path) -> None:
    with gateway_of(tmp_path, calls=False, deadline=4) as gateway:
        video = ended(gateway, gateway.create_key("lost"), "a boat [mock:lose-reply]")
        assert (video["status"], video["error"]["code"]) == ("failed", "outcome_unknown")


def test_who_knows_no_address_of_ours_is_turned_away(running: Gateway) -> None:
    """Forged names, other providers, and bodies that are too large."""
    with httpx.Client(base_url=running.url, trust_env=False, verify=False, timeout=10) as api:
        name = "video_" + "0" * 48 + ".1." + "A" * 24
        assert api.post(f"/hooks/mock/{name}", json={"id": "mock_x"}).status_code == 404
        assert api.post("/hooks/nobody", json={}).status_code == 404
        assert api.post("/hooks/mock", content=b"\xff\x00").status_code == 400
        assert api.post("/hooks/mock", content=b"x" * 300_000).status_code == 413
        assert api.get("/hooks/mock").status_code == 405


@pytest.mark.parametrize("path", ["/hooks/nobody", "/hooks/mock/video_" + "0" * 48 + ".1." + "A" * 24])
def test_an_address_that_is_not_ours_is_turned_away_before_its_body_is_read(running: Gateway, path: str) -> None:
    """Whatever a stranger sends takes no memory."""
    with Wire(running.port, "nobody") as wire:
        wire.head("POST", path, content_length=200_000)
        assert wire.reply().status == 404


def test_a_callback_that_ends_too_early_is_told_as_any_body_is(running: Gateway) -> None:
    with Wire(running.port, "nobody") as wire:
        wire.head("POST", "/hooks/mock", content_length=1_000)
        wire.send(b'{"id":')
        wire.stop_sending()
        reply = wire.reply()
    assert (reply.status, reply.json()["error"]["code"]) == (400, "body_incomplete")
