"""One gateway with a simulated vendor behind it, shared by all SDKs; each gets projects of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import make_clip
from tests.support.gateway import Gateway, through
from tests.support.vendor_beside import vendor_beside
from tests.support.vendor_control import RemoteVendor
from tests.support.vendor_faults import Fault

FAILS, RUNS = "[fails]", "[runs]"
FATES = (
    Fault(on="submit", do="fail", prompt=FAILS, times=None, code="moderation_blocked"),
    Fault(on="create", do="never", prompt=RUNS, times=None),
)


@dataclass
class Stage:
    gateway: Gateway
    vendor: RemoteVendor

    def order(self, mode: str, **more: Any) -> dict[str, Any]:
        """What a client is told: where the gateway is, keys of new projects, and how to steer the vendor."""
        tag = secrets.token_hex(4)
        return {
            "mode": mode,
            "base_url": self.gateway.base_url,
            "key": self.gateway.create_key(f"sdk-{tag}"),
            "tag": tag,
            "prompts": {"plain": "", "fails": FAILS, "runs": RUNS},
            "uploads": False,
            **more,
        }


CLIPS = [(720, 1280, 4), (720, 1280, 8), (1280, 720, 4)]
CLIP_FPS = 4  # every clip is decoded when it is collected; there are dozens


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("sdk")
    for width, height, seconds in CLIPS:
        make_clip(folder / f"{width}x{height}_{seconds}.mp4", width, height, seconds, CLIP_FPS)
    with vendor_beside(folder, clips=str(folder)) as vendor:
        asyncio.run(vendor.program(*FATES))
        with Gateway(folder, config=through(vendor.base_url, vendor.api_key)) as gateway:
            yield Stage(gateway, vendor)
