"""The studio remembers what cannot be rendered, and for how long."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.sandbox.orders import Order
from gateway.sandbox.shelf import Shelf
from gateway.sandbox.studio import CannotRender, Studio

TROUBLE_S = 0.3
ORDER = Order(caption="boat", label="1", seed=1, width=64, height=64, seconds=1)


async def test_a_failure_of_the_machine_passes(tmp_path: Path) -> None:
    """A full disk, say: told for a moment, then rendered again."""
    clips = Shelf(tmp_path / "clips", 10**9)
    studio = Studio(clips, Shelf(tmp_path / "uploads", 10**9), trouble_s=TROUBLE_S)
    shutil.rmtree(clips.root)
    with pytest.raises(CannotRender):
        await studio.file(ORDER, "video")
    with pytest.raises(CannotRender):
        studio.ready(ORDER)
    clips.root.mkdir()
    await asyncio.sleep(TROUBLE_S)
    assert not studio.ready(ORDER)
    assert Path(await studio.file(ORDER, "video")).stat().st_size > 0
    assert studio.ready(ORDER)
    await studio.close()


async def test_a_failure_of_the_order_is_for_good(tmp_path: Path) -> None:
    """A source that is no clip stays none."""
    uploads = Shelf(tmp_path / "uploads", 10**9)
    (uploads.root / "junk").write_bytes(b"no clip")
    studio = Studio(Shelf(tmp_path / "clips", 10**9), uploads, trouble_s=TROUBLE_S)
    remix = replace(ORDER, source="junk", source_seconds=1)
    with pytest.raises(CannotRender):
        await studio.file(remix, "video")
    await asyncio.sleep(TROUBLE_S)
    with pytest.raises(CannotRender):
        studio.ready(remix)
    await studio.close()
