"""What the gateway sends is verified and parsed by `client.webhooks.unwrap()` of OpenAI's own SDKs."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sdk.matrix import ENVIRONMENTS, ROOT, Sdk, chosen
from tests.support.gateway import Gateway
from tests.support.receiver import Receiver

CONFIG = """
webhooks: {allow_private: true}
providers:
  mock: {adapter: mock, poll_min_s: 0.1, poll_max_s: 0.3, settings: {queue_s: 0, render_s: 0.2}}
models:
  sora-2: {routes: [mock/sora-2]}
"""


def command(sdk: Sdk) -> list[str]:
    if sdk.language == "python":
        return [str(sdk.folder / "bin" / "python"), "tests/sdk/client/unwrap.py"]
    return [str(ENVIRONMENTS / "node" / "bin" / "node"), "tests/sdk/node/unwrap.mjs", str(sdk.folder)]


def unwrapped(sdk: Sdk, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if lacking := sdk.missing():
        pytest.fail(f"{sdk.name}: no environment ({', '.join(lacking)}); `make test` makes it", pytrace=False)
    done = subprocess.run(
        [*command(sdk), json.dumps(orders)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{sdk.name}: {done.stderr[-2_000:]}"
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def created(gateway: Gateway, key: str, prompt: str, url: str) -> str:
    """As an SDK's `extra_body` sends it."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as api:
        answer = api.post("/videos", json={"prompt": prompt, "webhook_url": url})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])


async def both_sign(gateway: Gateway, key: str, receiver: Receiver) -> int:
    """Wait until the gateway goes by the rotated secret, which takes it about a second; after how many deliveries."""
    for count in range(1, 20):
        await asyncio.to_thread(created, gateway, key, "a boat", f"{receiver.url}/hook")
        last = (await receiver.count(count, 40))[-1]
        if dict(last.headers)["webhook-signature"].count("v1,") == 2:
            return count
    raise AssertionError("the new secret never signed")


@pytest.mark.timeout(120)
async def test_openai_s_sdks_verify_and_parse_what_is_sent(tmp_path: Path) -> None:
    """Of a video that was made and of one that failed, from a gateway to a receiver over TCP; also while the secret is
    rotated, by the old one and the new one. Another body, time or secret is refused."""
    with Gateway(tmp_path, config=CONFIG) as gateway:
        key = await asyncio.to_thread(gateway.create_key, "films")
        old = (await asyncio.to_thread(gateway.telecine, "webhooks", "secret", "films"))["signing_secret"]
        other = await asyncio.to_thread(gateway.telecine, "webhooks", "create", "gateway", "http://127.0.0.1:9")
        row = await asyncio.to_thread(gateway.telecine, "webhooks", "secret", "films")
        new = (await asyncio.to_thread(gateway.telecine, "webhooks", "rotate", row["id"]))["signing_secret"]
        async with Receiver() as receiver:
            known = await both_sign(gateway, key, receiver)
            made = await asyncio.to_thread(created, gateway, key, "a boat", f"{receiver.url}/hook")
            failed = await asyncio.to_thread(created, gateway, key, "a boat [mock:block]", f"{receiver.url}/hook")
            asked = (await receiver.count(known + 2, 40))[known:]
        orders, expected = [], []
        for one in asked:
            event = json.loads(one.body)
            headers = {name: value for name, value in one.headers if name.startswith("webhook-")}
            for secret in (old, new):
                order = {"body": one.body.decode(), "headers": headers, "secret": secret}
                orders.append({**order, "other_secret": other["signing_secret"]})
                expected.append(
                    {
                        "type": event["type"],
                        "id": headers["webhook-id"],
                        "video": event["data"]["id"],
                        "created_at": event["created_at"],
                        "refused": [True, True, True],
                    }
                )
        for sdk in chosen():
            assert await asyncio.to_thread(unwrapped, sdk, orders) == expected, sdk.name
        ends = {json.loads(one.body)["data"]["id"]: json.loads(one.body)["type"] for one in asked}
        assert ends == {made: "video.completed", failed: "video.failed"}
