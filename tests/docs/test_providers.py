"""docs/providers.md tells what the adapters declare, and its tutorial's adapter works as a package of its own."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.catalogue import BEGIN, page
from tests.docs.readme import ROOT
from tests.support.gateway import Gateway
from tests.support.paper_vendor import Paper, paper
from tests.support.pictures import png
from tests.support.vendor_faults import Fault

PAGE = ROOT / "docs" / "providers.md"
EXAMPLE = ROOT / "docs" / "example-provider"
INSTALL_S_MAX = 90
FIRST = "data:image/png;base64," + base64.b64encode(png(1280, 720)).decode()
ASKED = {"model": "clip", "seconds": "4", "size": "1280x720"}


def test_the_page_is_what_the_adapters_and_the_example_say() -> None:
    """After a change: `make docs`."""
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, EXAMPLE) == text
    with pytest.raises(ValueError, match="the page has no"):
        page(text.replace(BEGIN, ""), EXAMPLE)
    with pytest.raises(ValueError, match="defines no nothing"):
        page(text.replace("paper_provider.py FOLD_1", "paper_provider.py nothing"), EXAMPLE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where pip put the example, built from its own pyproject.toml; nothing of it is in our environment."""
    folder, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source")
    for file in EXAMPLE.iterdir():
        if file.is_file():
            (source / file.name).write_bytes(file.read_bytes())
    words = ("install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", folder, source)
    done = subprocess.run(
        [sys.executable, "-m", "pip", *map(str, words)],
        capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


class Here:
    """The running gateway with the installed adapter, and the vendor behind it."""

    def __init__(self, gateway: Gateway, vendor: Paper, api: httpx.AsyncClient) -> None:
        self.gateway, self.vendor, self.api = gateway, vendor, api

    async def made(self, prompt: str, **more: Any) -> str:
        reply = await self.api.post("/videos", json={"prompt": prompt, **ASKED, **more})
        assert reply.status_code == 200, reply.text
        ident: str = reply.json()["id"]
        return ident

    async def face(self, video: str) -> dict[str, Any]:
        face: dict[str, Any] = (await self.api.get(f"/videos/{video}")).json()
        return face

    async def until(self, video: str, *status: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while (face := await self.face(video))["status"] not in status:
                await asyncio.sleep(0.1)
        return face

    async def telecine(self, *words: str) -> dict[str, Any]:
        return await asyncio.to_thread(self.gateway.telecine, *words)


@asynccontextmanager
async def running(folder: Path, installed: Path) -> AsyncIterator[Here]:
    async with paper(str(folder)) as vendor:
        path = os.pathsep.join(filter(None, (str(installed), os.environ.get("PYTHONPATH"))))
        env = {"PYTHONPATH": path, "PAPER_URL": f"{vendor.base_url}/v1", "PAPER_API_KEY": vendor.api_key}
        command = (sys.executable, "-c", "from gateway.cli import main; main()")
        config = (EXAMPLE / "config.yaml").read_text(encoding="utf-8")
        gateway = Gateway(folder / "gateway", config=config, env=env, command=command)
        try:
            await asyncio.to_thread(gateway.start)
            headers = {"Authorization": f"Bearer {await asyncio.to_thread(gateway.create_key)}"}
            async with httpx.AsyncClient(
                base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20
            ) as api:
                yield Here(gateway, vendor, api)
        finally:
            await asyncio.to_thread(gateway.__exit__, None, None, None)


@pytest.mark.timeout(INSTALL_S_MAX + 180)
async def test_an_adapter_from_another_package_renders(tmp_path: Path, installed: Path) -> None:
    """Found by its entry point; words, an image, a lost answer, a cancel and a refusal go as the tutorial says."""
    async with running(tmp_path, installed) as here:
        assert (await here.telecine("providers", "check", "paper"))["balance"] == {"amount": "500", "unit": "credits"}
        here.vendor.program(
            Fault(on="create", do="close", at="after_making", prompt="lost"),
            Fault(on="create", do="never", prompt="stopped"),
            Fault(on="create", do="fail", code="not_nice", prompt="not nice"),
            Fault(on="create", do="complete_empty", prompt="hollow"),
        )
        plain = await here.made("a paper boat", input_reference={"image_url": FIRST})
        lost, stopped = await here.made("a boat, lost"), await here.made("a boat, stopped")
        wrong, hollow = await here.made("not nice"), await here.made("a hollow boat")
        for video in (plain, lost, hollow):
            assert (await here.until(video, "completed", "failed"))["status"] == "completed"
        await here.until(stopped, "in_progress")
        assert (await here.api.post(f"/videos/{stopped}/cancel")).status_code == 200
        assert (await here.until(wrong, "failed"))["error"]["code"] == "moderation_blocked"
        await here.until(stopped, "failed")
        money = (await here.telecine("explain", plain))["money"]
        assert money["cost_usd"] == "0.08"
        prompts = [clip.body["prompt"] for clip in here.vendor.made.values()]
        assert prompts.count("a boat, lost") == 1 and prompts.count("a hollow boat") == 2
        content = await here.api.get(f"/videos/{plain}/content")
        assert content.content[4:8] == b"ftyp"
        assert (await here.telecine("ledger", "verify"))["differences"] == []
