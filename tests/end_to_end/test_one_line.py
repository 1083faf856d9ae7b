"""OpenAI's SDK, the gateway, a simulated vendor, an MP4 on disk: the same line of code on every adapter."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import av
import pytest

from tests.sdk.matrix import PINNED
from tests.support.every_vendor import ROWS, every_vendor
from tests.support.gateway import Gateway

CLIENT = Path(__file__).with_name("one_line_client.py")
RUN_S_MAX = 120.0


@pytest.mark.timeout(RUN_S_MAX + 60)
async def test_one_line_makes_a_clip_at_every_provider(tmp_path: Path) -> None:
    """`client.videos.create(model=…, prompt=…, seconds="4", size="1280x720")`; only the model's name differs."""
    async with every_vendor(str(tmp_path)) as config:
        gateway = Gateway(tmp_path / "gateway", config=config)
        try:
            await asyncio.to_thread(gateway.start)
            key = await asyncio.to_thread(gateway.create_key)
            said = await asked(gateway.base_url, key, tmp_path)
        finally:
            await asyncio.to_thread(gateway.__exit__, None, None, None)
    assert said == dict.fromkeys(ROWS, "completed")
    for name in ROWS:
        with av.open(str(tmp_path / f"{name}.mp4"), "r") as clip:
            assert clip.streams.video and (clip.duration or 0) > 1_000_000


async def asked(base_url: str, key: str, folder: Path) -> dict[str, str]:
    """What became of each, by an SDK in an environment of its own."""
    sdk = PINNED[0]
    if lacking := sdk.missing():
        pytest.fail(f"{sdk.name}: no environment ({', '.join(lacking)}); `make test` makes it", pytrace=False)
    process = await asyncio.create_subprocess_exec(
        sdk.command[0], str(CLIENT), str(folder), *ROWS,
        env={**os.environ, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": key},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), RUN_S_MAX)
    assert process.returncode == 0, err.decode()[-2_000:]
    statuses: dict[str, str] = json.loads(out)
    return statuses
