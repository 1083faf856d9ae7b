"""The door for vendors' callbacks, in front of a house that has no HTTP of its own.

async with hook_desk() as door: ... the house's `public_url` is door.base_url; then door.tools = house.tools
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.work.hooks import receive
from gateway.work.tools import Tools
from providers.contract import Inbound
from tests.support.vendor_stand import on_loopback


class HookDesk:
    """Hands callbacks to the use case, as `gateway.api.hooks` does."""

    api_key = "nobody asks for one"

    def __init__(self) -> None:
        self.base_url = ""
        self.tools: Tools | None = None
        self.heard: list[tuple[Inbound, int]] = []  # callbacks, and how they were answered

    async def call(self, request: web.Request) -> web.Response:
        if self.tools is None:
            return web.Response(status=503)
        names = request.match_info
        inbound = Inbound(
            path=request.path,
            query=tuple(request.query.items()),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            received_ms=self.tools.clock.now_ms(),
        )
        answer = await receive(self.tools, names["provider"], names["name"], inbound)
        self.heard.append((inbound, answer.status))
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


@asynccontextmanager
async def hook_desk() -> AsyncIterator[HookDesk]:
    """A door on this event loop."""
    desk, app = HookDesk(), web.Application()
    app.router.add_post("/hooks/{provider}/{name}", desk.call)
    async with on_loopback(app) as desk.base_url:
        yield desk
