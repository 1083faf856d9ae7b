"""A gateway that is killed over its webhooks loses none: at every point of a delivery, and while a receiver is down."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import httpx
import pytest

from gateway.killpoints import WEBHOOKS
from tests.support.gateway import Gateway, until
from tests.support.http_desk import say
from tests.support.receiver import Receiver

CONFIG = """
gateway: {lease_s: 1.5, submit_margin_s: 1, send_by_s: 0.7, socket_timeout_s: 0.5, stop_grace_s: 2}
webhooks: {allow_private: true, timeout_s: 0.5}
providers:
  mock: {adapter: mock, submit_timeout_s: 1, poll_timeout_s: 1, poll_min_s: 0.05, poll_max_s: 0.2,
         settings: {queue_s: 0, render_s: 0.2}}
models:
  sora-2: {routes: [mock/sora-2]}
"""
POINTS = [
    *(f"{side}.commit.stored" for side in ("before", "after")),
    *(f"{side}.{kind}.{name}" for kind, name, side in product(("send", "commit"), WEBHOOKS, ("before", "after"))),
]
REACHES_S_MAX = 40.0
COMES_S_MAX = 60.0  # a lease of a delivery, and room


def create(gateway: Gateway, key: str, url: str) -> list[str]:
    """The video; none if the gateway stood still over it."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=8) as api:
        try:
            return [str(api.post("/videos", json={"prompt": "a boat", "webhook_url": url}).json()["id"])]
        except httpx.TransportError:
            return []


def create_at_peace(gateway: Gateway, key: str, url: str) -> list[str]:
    """While it lives, killed as soon as it has answered."""
    gateway.start()
    video = create(gateway, key, url)
    gateway.kill()
    return video


def die_at(gateway: Gateway, key: str, point: str, url: str) -> list[str]:
    """The video that was made, unless an earlier one brought it there before it listened."""
    reached = gateway.folder / f"reached {point}"
    gateway.env.update(TELECINE_KILL_POINT=point, TELECINE_KILL_FILE=str(reached))
    gateway.start(unless=reached.exists)
    videos = [] if reached.exists() else create(gateway, key, url)
    assert until(reached.exists, REACHES_S_MAX), f"never reached {point}: {gateway.log()[-3_000:]}"
    gateway.kill()
    return videos


@pytest.mark.timeout(500)
async def test_no_event_is_lost_wherever_the_gateway_dies(tmp_path: Path) -> None:
    """One gateway dies at every point in turn; then it lives, and the receiver has heard of every video, under one id
    each, however often."""
    with ExitStack() as stack:
        gateway = stack.push(Gateway(tmp_path, config=CONFIG))
        key = await asyncio.to_thread(gateway.create_key)
        async with Receiver() as receiver:
            videos = await asyncio.to_thread(create_at_peace, gateway, key, receiver.url)
            for one in POINTS:
                videos += await asyncio.to_thread(die_at, gateway, key, one, receiver.url)
            gateway.env.clear()
            await asyncio.to_thread(gateway.start)
            await receiver.until(lambda: {one["data"]["id"] for one in receiver.events} >= set(videos), COMES_S_MAX)
            pairs = zip(receiver.events, receiver.asked, strict=True)
            heard = {(one["data"]["id"], asked.header("webhook-id")) for one, asked in pairs}
            assert len(heard) == len(videos), "a repeat has the id of the first"
            assert {one["type"] for one in receiver.events} == {"video.completed"}


@pytest.mark.timeout(120)
async def test_what_a_receiver_missed_while_it_was_down_comes_after_a_kill(tmp_path: Path) -> None:
    """Three ends are told to a receiver that answers 500; the gateway is killed; then it answers, and hears of all."""
    async with Receiver(say(500)) as receiver:
        with Gateway(tmp_path, config=CONFIG) as gateway:
            key = await asyncio.to_thread(gateway.create_key)
            made = [await asyncio.to_thread(create, gateway, key, receiver.url) for _ in range(3)]
            videos = {one for (one,) in made}
            await receiver.until(lambda: {one["data"]["id"] for one in receiver.events} == videos, 40)
            await asyncio.to_thread(gateway.kill)
            receiver.then = [say(200)]
            before = len(receiver.asked)
            await asyncio.to_thread(gateway.start)
            await receiver.until(
                lambda: {json.loads(one.body)["data"]["id"] for one in receiver.asked[before:]} == videos, COMES_S_MAX
            )
