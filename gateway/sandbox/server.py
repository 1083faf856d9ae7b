"""The sandbox's HTTP: routes, the bearer key, and how an answer is spoiled when a fate says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, get_args

from aiohttp import web

from gateway.log import log
from gateway.sandbox.callbacks import Callbacks
from gateway.sandbox.counter import Counter, KeyUsed, Nothing, Taken
from gateway.sandbox.jobs import Job, order_of
from gateway.sandbox.orders import MEDIA_TYPE, Kind
from gateway.sandbox.shelf import Shelf
from gateway.sandbox.studio import Busy, CannotRender, Studio
from gateway.sandbox.wire import MODELS, SPEC_BYTES_MAX, Misdirected, Refusal, json, page, read_form

HANG_S_MAX: Final = 900.0
KEY_CHARS_MAX: Final = 255
FAR_FUTURE_MS: Final = 2**53

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Request handlers over one counter."""

    def __init__(self, counter: Counter, studio: Studio, uploads: Shelf, stopping: asyncio.Event) -> None:
        self._counter = counter
        self._studio = studio
        self._uploads = uploads
        self._stopping = stopping
        self._callbacks = Callbacks()

    def application(self) -> web.Application:
        application = web.Application(client_max_size=SPEC_BYTES_MAX, middlewares=[_refusals])
        application.add_routes(
            [
                web.post("/jobs", self.submit),
                web.get("/jobs", self.page),
                web.get("/jobs/{job}", self.look),
                web.post("/jobs/{job}/cancel", self.cancel),
                web.get("/jobs/{job}/files/{kind}", self.file),
                web.post("/characters", self.character),
                web.get("/account", self.account),
            ]
        )
        application.on_cleanup.append(self._close)
        return application

    async def _close(self, _: web.Application) -> None:
        await self._callbacks.close()

    async def submit(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > KEY_CHARS_MAX:
            raise Refusal("invalid", "the key is too long")
        spec, files = await read_form(request, self._uploads)
        try:
            taken = self._counter.submit(spec, files, key)
        except KeyUsed as used:
            return json({"error": {"code": "key_used", "message": str(used), "id": used.job}}, 409)
        if isinstance(taken, Taken) and taken.calls is not None:
            url, identity, ends_in_s = taken.calls
            self._callbacks.begin(url, identity, ends_in_s, partial(self._counter.ended, identity))
        return await self._answer(request, taken)

    async def _answer(self, request: web.Request, taken: Taken | Nothing) -> web.StreamResponse:
        """What was made, or nothing, told as the fate wants it told."""
        if isinstance(taken, Nothing):
            return await self._no_answer(request, hang=taken.trick == "hang-before")
        if taken.after_s:
            await self._pause(taken.after_s)
        match taken.trick:
            case "hang" | "lose-reply":
                return await self._no_answer(request, hang=taken.trick == "hang")
            case "error-after":
                return json({"error": {"code": "internal", "message": "something broke"}}, 500)
            case "garble":
                return page()
            case _:
                return json(taken.face)

    async def look(self, request: web.Request) -> web.StreamResponse:
        return json(self._counter.look(request.match_info["job"]))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        return json(self._counter.cancel(request.match_info["job"]))

    async def page(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        return json(
            self._counter.page(
                _whole(query.get("since_ms", "0")),
                _whole(query.get("until_ms", str(FAR_FUTURE_MS))),
                query.get("key", ""),
                query.get("after", ""),
                _whole(query.get("limit", "100")),
            )
        )

    async def file(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if kind not in get_args(Kind):
            raise Refusal("not_found", "there is no such file")
        job = self._counter.file(request.match_info["job"], request.query.get("link", ""))
        if "garbage" in job.fate:
            return web.Response(body=b"<html>not a clip</html>" * 100, content_type="video/mp4")
        try:
            path = Path(await self._studio.file(order_of(job), kind))  # type: ignore[arg-type]  # checked above
        except Busy as error:
            raise Refusal("overloaded") from error
        except CannotRender as error:
            raise Refusal("internal", str(error)) from error
        return await self._hand_out(request, job, path, MEDIA_TYPE[kind])  # type: ignore[index]  # checked above

    async def _hand_out(self, request: web.Request, job: Job, path: Path, media_type: str) -> web.StreamResponse:
        cut = self._counter.cuts(job)
        if not cut and "truncate" not in job.fate:
            return web.FileResponse(path, headers={"Content-Type": media_type})
        whole = await asyncio.to_thread(path.read_bytes)
        half = whole[: len(whole) // 2]
        if not cut:
            return web.Response(body=half, content_type=media_type)
        response = web.StreamResponse(headers={"Content-Type": media_type, "Content-Length": str(len(whole))})
        await response.prepare(request)
        await response.write(half)
        return await self._no_answer(request, hang=False)

    async def character(self, request: web.Request) -> web.StreamResponse:
        spec, files = await read_form(request, self._uploads)
        return await self._answer(request, self._counter.character(spec, files.get("video")))

    async def account(self, _: web.Request) -> web.StreamResponse:
        return json({"balance_usd": "1000.00", "models": MODELS})

    async def _no_answer(self, request: web.Request, *, hang: bool) -> web.StreamResponse:
        """Keep the client waiting until it leaves, or close the connection now."""
        if hang:
            await self._pause(HANG_S_MAX)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _pause(self, seconds: float) -> None:
        """A stop ends it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, HANG_S_MAX)):
                await self._stopping.wait()


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal as this vendor's JSON, also those of the HTTP library; no key, no service."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal("unauthorised", "a bearer key is needed; any will do")
        return await handler(request)
    except Refusal as refusal:
        if isinstance(refusal, Misdirected):
            log("wrong_directive", level="warning", reason=refusal.logged, manual="python -m gateway.sandbox --help")
        return refusal.answer()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return json({"error": {"code": "invalid_request", "message": error.reason}}, error.status)
    except ValueError as error:
        return json({"error": {"code": "invalid_request", "message": f"unreadable request: {error}"}}, 400)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Refusal("invalid", "a whole number is needed")
    return int(text)
