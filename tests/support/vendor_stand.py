"""What simulated vendors of their own contracts share: a port, routes, faults at their points, clips and links to them.

A vendor says its routes, checks heads and bodies, and words its errors; everything else is here.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Book, Fault, Point
from tests.support.vendor_misbehave import Gone, misbehave, misserve

BODY_BYTES_MAX = 64 * 1024 * 1024
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class VendorError(Exception):
    """A refusal in the vendor's own form."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class Stand(ABC):
    """One vendor on one port. `counts`: by verb, and `refused`, `renders`, `downloads`."""

    def __init__(self, clips: Clips) -> None:
        self.clips = clips
        self.book = Book()
        self.counts: Counter[str] = Counter()
        self.base_url = ""

    @abstractmethod
    def table(self) -> list[tuple[str, str, str, Handler]]:
        """Method, path, verb as faults name it, and who answers."""

    @abstractmethod
    def check(self, request: web.Request, verb: str) -> None:
        """The credential and what else every call carries. VendorError."""

    @abstractmethod
    def worded(self, fault: Fault) -> VendorError:
        """The refusal that a fault asks for."""

    def program(self, *faults: Fault) -> None:
        self.book.program(faults)

    def routes(self) -> list[web.RouteDef]:
        return [web.route(method, path, self._route(verb, answer)) for method, path, verb, answer in self.table()]

    def _route(self, verb: str, answer: Handler) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                return await self._serve(request, verb, answer)
            except VendorError as error:
                self.counts["refused"] += 1
                return say(error.body, error.status, error.headers)
            except Gone:
                return web.Response()  # nobody is there to read it

        return serve

    async def _serve(self, request: web.Request, verb: str, answer: Handler) -> web.StreamResponse:
        form = request.content_type == "multipart/form-data"  # read as it comes
        body = b"" if form else await request.read()
        self.counts[verb] += 1
        self.check(request, verb)
        prompt = body.decode("utf-8", "replace") if verb == "create" else ""
        if early := await self._fault(request, verb, Point.AFTER_BODY, prompt):
            return early
        response = await answer(request)
        return await self._fault(request, verb, Point.AFTER_MAKING, prompt, response) or response

    async def _fault(
        self, request: web.Request, verb: str, at: Point, prompt: str, response: web.StreamResponse | None = None
    ) -> web.StreamResponse | None:
        fault = self.book.take(verb, at, prompt)
        if fault is None:
            return None
        if fault.do == "refuse":
            raise self.worded(fault)
        return await misbehave(request, fault, response)

    async def serve_clip(self, request: web.Request, size: str, seconds: int) -> web.StreamResponse:
        """A clip, or what a fault makes of it."""
        self.counts["downloads"] += 1
        fault = self.book.take("content", Point.CONTENT)
        path = await self.clips.path(size, str(seconds))
        headers = {"Content-Type": "video/mp4"}
        if fault is not None:
            return await misserve(request, fault, path, headers)
        return web.FileResponse(path, headers=headers)


def say(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


class Links:
    """Addresses of files that die: a token and the time until which it works."""

    def __init__(self) -> None:
        self._until_s: dict[tuple[str, str], float] = {}

    def give(self, ident: str, until_s: float) -> str:
        """A token for a file."""
        token = uuid.uuid4().hex
        self._until_s[ident, token] = until_s
        return token

    def works(self, ident: str, token: str, now_s: float) -> bool:
        return self._until_s.get((ident, token), 0.0) >= now_s


S = TypeVar("S", bound=Stand)


@asynccontextmanager
async def standing(vendor: S) -> AsyncIterator[S]:
    """The vendor, listening on this event loop."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.add_routes(vendor.routes())
    async with on_loopback(app) as vendor.base_url:
        yield vendor


@asynccontextmanager
async def on_loopback(app: web.Application) -> AsyncIterator[str]:
    """The address of an application on a free port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
