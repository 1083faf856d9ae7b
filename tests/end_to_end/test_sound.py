"""A clip with or without sound, through a running gateway: asked for in a form and in JSON, priced and heard."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import httpx
import pytest

from tests.support.gateway import Gateway, until

CONFIG = """
providers:
  mock: {adapter: mock, poll_min_s: 0.2, poll_max_s: 0.5, settings: {queue_s: 0, render_s: 0.2}}
models:
  sora-2:
    routes:
      - route: mock/sora-2
        prices:
          - {per_second: "0.10", audio: true, as_of: 2026-11-21, source: a page}
          - {per_second: "0.05", audio: false, as_of: 2026-11-21, source: a page}
"""
WISHES: dict[str, tuple[dict[str, Any], bool]] = {
    "not said": ({"json": {"prompt": "a boat"}}, True),
    "with, in JSON": ({"json": {"prompt": "a boat", "audio": True}}, True),
    "without, in JSON": ({"json": {"prompt": "a boat", "audio": False}}, False),
    "without, as text": ({"json": {"prompt": "a boat", "audio": "false"}}, False),
    "without, in a form": ({"files": {"prompt": (None, "a boat"), "audio": (None, "false")}}, False),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), config=CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def api(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("sounds") as client:
        yield client


def sounds(clip: bytes) -> bool:
    with av.open(io.BytesIO(clip), "r") as file:
        return bool(file.streams.audio)


@pytest.mark.parametrize("how", WISHES)
def test_a_clip_sounds_as_asked_and_costs_accordingly(gateway: Gateway, api: httpx.Client, how: str) -> None:
    """The quote, the charge and the file agree; the operator sees what was asked for."""
    wish, audio = WISHES[how]
    quoted = api.post("/videos/quote", **wish).json()
    assert (quoted["price_usd"], quoted["routes"][0]["audio"]) == (("0.40", True) if audio else ("0.20", False))
    reply = api.post("/videos", **wish)
    assert reply.status_code == 200, reply.text
    video = reply.json()["id"]
    assert until(lambda: api.get(f"/videos/{video}").json()["status"] == "completed", 60, every_s=0.1)
    assert sounds(api.get(f"/videos/{video}/content").content) is audio
    told = gateway.telecine("explain", video)
    assert told["money"]["cost_usd"] == quoted["price_usd"]
    assert told["request"].get("audio") == (None if how == "not said" else audio)


def test_without_sound_is_another_request(api: httpx.Client) -> None:
    """To an idempotency key, in whatever form it is said."""
    ways = {"anew": {"prompt": "a pier", "audio": False}, "again": {"prompt": "a pier", "audio": "false"}}
    key = {"idempotency-key": "sound"}
    first, again = (api.post("/videos", json=body, headers=key) for body in ways.values())
    assert first.status_code == again.status_code == 200
    assert first.json()["id"] == again.json()["id"]
    for other in ({"prompt": "a pier"}, {"prompt": "a pier", "audio": True}):
        assert api.post("/videos", json=other, headers=key).status_code == 422


def test_the_dry_run_prices_it_too(gateway: Gateway) -> None:
    prices = {
        audio: gateway.telecine("route", "--model", "sora-2", *audio)["price_usd"]
        for audio in ((), ("--audio", "true"), ("--audio", "false"))
    }
    assert list(prices.values()) == ["0.40", "0.40", "0.20"]
