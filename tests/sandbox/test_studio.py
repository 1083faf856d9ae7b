"""The studio remembers what cannot be rendered, and for how long."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.sandbox.orders import Order
from gateway.sandbox.shelf import Shelf
from gateway.sandbox.studio import CannotRender, Studio
from tests.support.gateway import command_line
from tests.support.processes import children_of

TROUBLE_S = 0.3
ORDER = Order(caption="boat", label="1", seed=1, width=64, height=64, seconds=1)


def renderers() -> list[int]:
    return [pid for pid in children_of(os.getpid()) if "gateway.sandbox.render" in command_line(pid)]


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


async def test_a_renderer_is_kept_and_forgets_what_it_drew(tmp_path: Path) -> None:
    """One process draws clip after clip, each as a fresh one would, and is gone when the studio closes."""
    studio = Studio(Shelf(tmp_path / "clips", 10**9), Shelf(tmp_path / "uploads", 10**9), at_once=1)
    other = replace(ORDER, seed=2)
    await studio.file(other, "video")
    (renderer,) = renderers()
    again = Path(await studio.file(ORDER, "video"))
    assert renderers() == [renderer]
    await studio.close()
    assert renderers() == []
    fresh = Studio(Shelf(tmp_path / "fresh", 10**9), Shelf(tmp_path / "uploads", 10**9))
    assert again.read_bytes() == Path(await fresh.file(ORDER, "video")).read_bytes()
    await fresh.close()


async def test_a_renderer_that_is_killed_is_the_machines_fault(tmp_path: Path) -> None:
    """The clip is made a little later, by another."""
    studio = Studio(Shelf(tmp_path / "clips", 10**9), Shelf(tmp_path / "uploads", 10**9), trouble_s=TROUBLE_S)
    await studio.file(replace(ORDER, seed=2), "video")
    drawing = asyncio.create_task(studio.file(replace(ORDER, width=1280, height=720, seconds=8), "video"))
    await asyncio.sleep(0.1)
    for renderer in renderers():
        os.kill(renderer, signal.SIGKILL)
    with pytest.raises(CannotRender, match="crashed"):
        await drawing
    await asyncio.sleep(TROUBLE_S)
    assert Path(await studio.file(ORDER, "video")).stat().st_size > 0
    await studio.close()
    assert renderers() == []
