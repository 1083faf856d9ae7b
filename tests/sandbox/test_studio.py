"""The studio remembers what cannot be rendered, and for how long."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.sandbox.orders import Order, name
from gateway.sandbox.shelf import Shelf
from gateway.sandbox.studio import TRIES_MAX, Busy, CannotRender, Studio
from tests.support.gateway import command_line
from tests.support.processes import children_of

TROUBLE_S = 0.3
ORDER = Order(caption="boat", label="1", seed=1, width=64, height=64, seconds=1)


LONG = replace(ORDER, width=1280, height=720, seconds=8)


async def killed(studio: Studio, order: Order) -> None:
    """Its renderer dies over it."""
    drawing = asyncio.create_task(studio.file(order, "video"))
    while not drawing.done():
        await asyncio.sleep(0.05)
        for renderer in renderers():
            os.kill(renderer, signal.SIGKILL)
    assert isinstance(*await asyncio.gather(drawing, return_exceptions=True), Busy | CannotRender)


def renderers() -> list[int]:
    return [pid for pid in children_of(os.getpid()) if "gateway.sandbox.render" in command_line(pid)]


async def test_a_failure_of_the_machine_passes(tmp_path: Path) -> None:
    """A renderer that was killed, say: the clip is still being made, and is made by another a little later."""
    studio = Studio(Shelf(tmp_path / "clips", 10**9), Shelf(tmp_path / "uploads", 10**9), trouble_s=TROUBLE_S)
    await killed(studio, LONG)
    assert not studio.ready(LONG)
    with pytest.raises(Busy, match="render process"):
        await studio.file(LONG, "video")
    await asyncio.sleep(TROUBLE_S)
    assert Path(await studio.file(LONG, "video")).stat().st_size > 0
    assert studio.ready(LONG)
    await studio.close()
    assert renderers() == []


async def test_a_failure_of_the_machine_that_comes_again_and_again_is_one_of_the_clip(tmp_path: Path) -> None:
    """Nobody waits for ever for what kills each renderer."""
    studio = Studio(Shelf(tmp_path / "clips", 10**9), Shelf(tmp_path / "uploads", 10**9), trouble_s=0)
    for _ in range(TRIES_MAX):
        await killed(studio, LONG)
    with pytest.raises(CannotRender):
        studio.ready(LONG)
    await studio.close()


async def test_what_failed_is_not_foreseen_and_what_did_not_is(tmp_path: Path) -> None:
    """Looks come often; each would use up a try. A clip that did not fail is there before anybody waits for it."""
    clips = Shelf(tmp_path / "clips", 10**9)
    studio = Studio(clips, Shelf(tmp_path / "uploads", 10**9), trouble_s=60)
    await killed(studio, LONG)
    for _ in range(TRIES_MAX):
        studio.foresee(LONG)
        await asyncio.sleep(0.1)
        assert renderers() == []
    with pytest.raises(Busy):  # it has tries left
        await studio.file(LONG, "video")
    studio.foresee(ORDER)
    async with asyncio.timeout(20):
        while clips.find(name(ORDER, "video")) is None:
            await asyncio.sleep(0.02)
    await studio.close()


async def test_a_shelf_that_was_cleaned_away_is_made_anew(tmp_path: Path) -> None:
    """By somebody who wanted the room."""
    clips = Shelf(tmp_path / "clips", 10**9)
    studio = Studio(clips, Shelf(tmp_path / "uploads", 10**9))
    shutil.rmtree(clips.root)
    assert Path(await studio.file(ORDER, "video")).stat().st_size > 0
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
