"""What simulated vendors of their own contracts share: a port, routes, faults at their points, clips, links to them,
and calling back.

A vendor says its routes, checks heads and bodies, and words its errors; everything else is here.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ssl
import time
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from yarl import URL

from tests.support.own_tls import trusting_context
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Book, Fault, Point
from tests.support.vendor_misbehave import Gone, misbehave, misserve

BODY_BYTES_MAX = 64 * 1024 * 1024
CALL_S_MAX = 20.0
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class VendorError(Exception):
    """A refusal in the vendor's own form."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class Stand(ABC):
    """One vendor on one port. `counts`: by verb, and `refused`, `renders`, `downloads`. `answered`: the statuses that
    its callbacks got. `forges`: before each that is signed, somebody else sends the same with a wrong signature;
    `forged` are the statuses of these."""

    def __init__(self, clips: Clips) -> None:
        self.clips = clips
        self.book = Book()
        self.counts: Counter[str] = Counter()
        self.base_url = ""
        self.forges = False
        self.forged: list[int] = []
        self.answered: list[int] = []
        self._under_way: set[asyncio.Task[None]] = set()

    @abstractmethod
    def table(self) -> list[tuple[str, str, str, Handler]]:
        """Method, path, verb as faults name it, and who answers."""

    @abstractmethod
    def check(self, request: web.Request, verb: str) -> None:
        """The credential and what else every call carries. VendorError."""

    @abstractmethod
    def worded(self, fault: Fault) -> VendorError:
        """The refusal that a fault asks for."""

    def jobs_made(self) -> Iterable[Any]:
        """Each with `begins_s` or not, and `ends_s`."""
        return ()

    def finish(self) -> None:
        """Every job has rendered long enough."""
        now_s = time.monotonic()
        for job in self.jobs_made():
            job.ends_s = min(job.ends_s, now_s)
            if hasattr(job, "begins_s"):
                job.begins_s = min(job.begins_s, now_s)

    def program(self, *faults: Fault) -> None:
        self.book.program(faults)

    # --- calling back --------------------------------------------------------------------------------------------

    def later(self, call: Coroutine[Any, Any, None]) -> None:
        """Callbacks, which nobody waits for. They end with the vendor."""
        task = asyncio.create_task(call)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def tell(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a callback; how it was answered."""
        wrong = {name: _other(value) for name, value in headers.items() if name.endswith(("-signature", "-secret"))}
        if self.forges and wrong:
            self.forged.append(await self._post(url, body, {**headers, **wrong}))
        self.answered.append(await self._post(url, body, headers))
        return self.answered[-1]

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """0 where nobody answers."""
        head = {"Content-Type": "application/json", **headers}
        try:
            async with (
                ClientSession(timeout=ClientTimeout(CALL_S_MAX)) as session,
                session.post(URL(url, encoded=True), data=body, headers=head, ssl=_trusted()) as answer,
            ):
                return answer.status
        except (ClientError, TimeoutError):
            return 0

    async def hush(self) -> None:
        """No more callbacks."""
        for one in tuple(self._under_way):
            one.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # --- serving -------------------------------------------------------------------------------------------------

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
    """Addresses of files that die: a token and the time until which it works. `dead`: so many for each file are so from
    the beginning."""

    def __init__(self, dead: int = 0) -> None:
        self._dead = dead
        self._given: Counter[str] = Counter()
        self._until_s: dict[tuple[str, str], float] = {}

    def give(self, ident: str, until_s: float) -> str:
        """A token for a file."""
        token = uuid.uuid4().hex
        self._given[ident] += 1
        self._until_s[ident, token] = 0.0 if self._given[ident] <= self._dead else until_s
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
        try:
            yield vendor
        finally:
            await vendor.hush()


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return trusting_context()


def standard_webhook(secret: str, ident: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of a callback, by Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{ident}.{at_s}.".encode() + body, "sha256")
    signed = "v1," + base64.b64encode(mac).decode()
    return {"webhook-id": ident, "webhook-timestamp": str(at_s), "webhook-signature": signed}


def _other(signature: str) -> str:
    """Of the same form, and wrong."""
    at = len(signature) - 5
    return signature[:at] + ("0" if signature[at] != "0" else "1") + signature[at + 1 :]


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
