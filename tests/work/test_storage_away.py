"""What a video brought is there when it is sent: whatever the disk does for a while, and also where nobody knows if it
was admitted. What nobody needs goes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from gateway.domain.assets import image_name, source_name
from gateway.domain.references import Upload
from gateway.domain.requests import Hint
from gateway.log import journal
from gateway.store.errors import StoreAway
from gateway.store.loader import ADMIT
from gateway.work import characters
from gateway.work.strays import AGE_S, sweep_strays
from providers.contract import Verb
from tests.store.wires import proxied
from tests.support.clips import make_clip
from tests.support.house import House, house
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point
from tests.work.test_use_cases import CONFIG, biscuit

PICTURE = {"image_url": "data:image/png;base64," + base64.b64encode(png(720, 1280)).decode()}
Made: TypeAlias = Callable[[House, Path], Awaitable[str]]
VIDEO = "{telecine}:video:"
LOOKS_S_MAX = 20


async def of_a_picture(one: House, folder: Path) -> str:
    return await one.create(input_reference=PICTURE, size="720x1280")


async def of_a_clip(one: House, folder: Path) -> str:
    make_clip(folder / "four.mp4", 720, 1280, 4)
    data = (folder / "four.mp4").read_bytes()
    clip = Upload(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), path=str(folder / "four.mp4"))
    return await one.make(Verb.EDIT, {"prompt": "at night", "model": "sora-2"}, files={"video": clip})


@pytest.mark.parametrize("whole", [True, False], ids=["the disk", "the file"])
@pytest.mark.parametrize("made", [of_a_picture, of_a_clip])
async def test_what_a_video_is_made_of_is_waited_for_where_it_cannot_be_read(
    empty_redis: RedisServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], made: Made, whole: bool
) -> None:
    """The video is looked at again and again, its lease given back each time and no claim held against it."""
    vendors = {"a": {"render_s": 0.1, "uploads": True}}
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=vendors, running=False) as one:
        video = await made(one, tmp_path)
        file = image_name(video) if made is of_a_picture else source_name(video)
        place, away = tmp_path / "assets" if whole else one.tools.assets.path(file), tmp_path / "away"
        place.rename(away)
        one.runner.start()
        try:
            said = ""
            async with asyncio.timeout(LOOKS_S_MAX):
                while said.count("storage_away") < 3:
                    await asyncio.sleep(0.05)
                    said += capfd.readouterr().err
            assert (await one.face(video))["status"] == "queued"
            assert one.vendors["a"].counts.get("submissions", 0) == 0
            away.rename(place)
            assert (await one.until(video))["status"] == "completed"
        finally:
            await one.runner.stop(1.0)
        journal.flush()
        assert "step_failed" not in said + capfd.readouterr().err


async def test_a_character_that_was_made_is_given_though_its_clip_cannot_be_removed(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """What stays behind is a stray, and goes as one."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {"uploads": True}}, running=False) as one:
        vendor = one.vendors["a"]
        vendor.program(Fault(on="characters", do="hang", at=Point.AFTER_MAKING, seconds=1))
        making = asyncio.create_task(characters.create(one.tools, one.caller, biscuit(tmp_path), Hint()))
        async with asyncio.timeout(LOOKS_S_MAX):
            while not vendor.desk.characters:
                await asyncio.sleep(0.02)
        (tmp_path / "assets").rename(tmp_path / "away")
        made = await making
        (tmp_path / "away").rename(tmp_path / "assets")
        assert (await characters.get(one.tools, one.caller, made.id)).ref
        left = one.tools.assets.path(source_name(made.id))
        then = one.tools.clock.now_ms() / 1_000 - 2 * AGE_S
        os.utime(left, (then, then))
        assert await sweep_strays(one.tools) == 1
        assert not left.exists()


@pytest.mark.parametrize("leaves", [False, True], ids=["the answer is lost", "the client leaves"])
async def test_a_video_that_may_have_been_admitted_keeps_its_picture(
    empty_redis: RedisServer, tmp_path: Path, leaves: bool
) -> None:
    """The store did it and its answer never came: the client is told that nobody knows, and the video is rendered."""
    folder = Path(tempfile.mkdtemp(prefix="tc"))  # a Unix socket's path is short
    vendors = {"a": {"render_s": 0.1}}
    async with (
        proxied(empty_redis.socket, folder) as (proxy, url),
        house(url, tmp_path, CONFIG, vendors=vendors, running=False) as one,
    ):
        first = await one.create()  # teaches the server the script: else the lost answer is that it does not know it
        proxy.hang_at = ADMIT.sha
        making = asyncio.create_task(one.create(input_reference=PICTURE, size="720x1280"))
        async with asyncio.timeout(LOOKS_S_MAX):
            while not (new := {*empty_redis.client.keys("{telecine}:video:video_*")} - {VIDEO + first}):
                await asyncio.sleep(0.02)
        if leaves:
            making.cancel()
        with pytest.raises(asyncio.CancelledError if leaves else StoreAway):
            await making
        proxy.hang, proxy.hang_at = False, ""
        proxy.hang_up()
        one.runner.start()
        assert (await one.until(new.pop().removeprefix(VIDEO)))["status"] == "completed"
        await one.runner.stop(1.0)
    shutil.rmtree(folder)
