"""A clip that ends with a given image, through a running gateway: asked for as a file and in JSON, seen in the clip."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from tests.support.gateway import Gateway, until
from tests.support.pictures import png

CONFIG = """
providers:
  mock: {adapter: mock, poll_min_s: 0.2, poll_max_s: 0.5, settings: {queue_s: 0, render_s: 0.2}}
models:
  sora-2: {routes: [mock/sora-2]}
"""
BLACK = png(720, 1280)
URL = "data:image/png;base64," + base64.b64encode(BLACK).decode()
WISHES: dict[str, dict[str, Any]] = {
    "as a file": {"files": {"prompt": (None, "a boat"), "last_frame": ("end.png", BLACK, "image/png")}},
    "in brackets": {"files": {"prompt": (None, "a boat"), "last_frame[image_url]": (None, URL)}},
    "in JSON": {"json": {"prompt": "a boat", "last_frame": {"image_url": URL}}},
    "with a first frame": {
        "json": {"prompt": "a boat", "input_reference": {"image_url": URL}, "last_frame": {"image_url": URL}}
    },
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), config=CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def api(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("frames") as client:
        yield client


def brightness(clip: bytes) -> tuple[float, float]:
    """Of its first and of its last frame, 0 to 255."""
    with av.open(io.BytesIO(clip), "r") as file:
        luma = [bytes(frame.reformat(format="gray").planes[0]) for frame in file.decode(video=0)]
    return sum(luma[0]) / len(luma[0]), sum(luma[-1]) / len(luma[-1])


@pytest.mark.parametrize("how", WISHES)
def test_the_clip_ends_with_the_image(gateway: Gateway, api: httpx.Client, how: str) -> None:
    """And begins with one only where one was given; the operator sees what was asked for, and no file outlives it."""
    reply = api.post("/videos", **WISHES[how])
    assert reply.status_code == 200, reply.text
    video = reply.json()["id"]
    assert until(lambda: api.get(f"/videos/{video}").json()["status"] == "completed", 60, every_s=0.1)
    first, last = brightness(api.get(f"/videos/{video}/content").content)
    assert last < 8
    assert (first < 8) == (how == "with a first frame")
    assert gateway.telecine("explain", video)["request"]["last_image"] == "720x1280 image/png"
    assert api.delete(f"/videos/{video}").status_code == 200
    assert until(lambda: not files_of(gateway.data_dir, video), 10)


def files_of(data: Path, video: str) -> list[Path]:
    return [path for path in data.rglob("*") if path.is_file() and video in str(path)]


def test_another_last_frame_is_another_request(api: httpx.Client) -> None:
    """To an idempotency key and to a resend; one that does not fit is refused by its own name."""
    plain, framed = {"prompt": "a pier"}, {"prompt": "a pier", "last_frame": {"image_url": URL}}
    first = api.post("/videos", json=plain, headers={"idempotency-key": "k"})
    assert first.status_code == 200
    assert api.post("/videos", json=framed, headers={"idempotency-key": "k"}).status_code == 422
    resent = api.post("/videos", json=framed, headers={"x-stainless-retry-count": "1"})
    assert resent.json()["id"] != first.json()["id"]
    again = api.post("/videos", json=framed, headers={"x-stainless-retry-count": "1"})
    assert again.json()["id"] == resent.json()["id"]
    small = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()
    for wrong in ({"image_url": small}, {"image_url": "data:;base64,"}, "end.png"):
        error = api.post("/videos", json={**plain, "last_frame": wrong}).json()["error"]
        assert error["param"] == "last_frame"
