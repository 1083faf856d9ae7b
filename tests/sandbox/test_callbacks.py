"""The sandbox calls back when there is something to see."""

from __future__ import annotations

import asyncio

from aiohttp import web
from msgspec.structs import replace

from providers.contract import Finished, Size
from tests.support.sandbox import Talk, spec
from tests.support.vendor_stand import on_loopback


async def test_the_last_callback_comes_when_a_look_shows_the_end(mock: Talk) -> None:
    """Also where the clip takes longer to draw than the job was to."""
    seen: list[type] = []
    ended = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        seen.append(type(await mock.poll({"id": (await request.json())["id"]})))
        if len(seen) == 2:
            ended.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    async with on_loopback(app) as address, asyncio.timeout(30):
        asked = spec("a boat [mock:fast]", model="sora-2", seconds=4, size=Size(1280, 720))
        await mock.accepted(replace(asked, callback_url=f"{address}/hook", seed=20_261_122))
        await ended.wait()
    assert seen[1] is Finished
