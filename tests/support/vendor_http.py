"""The simulated vendor's wire: the contract's routes around the desk, and faults at their points."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.vendor_bodies import BODY_BYTES_MAX, read_body
from tests.support.vendor_clips import Clips
from tests.support.vendor_contract import Refusal, check_key, read_order, read_page, read_query
from tests.support.vendor_faults import STARTS, Book, Fault, Point
from tests.support.vendor_jobs import Desk, Options
from tests.support.vendor_misbehave import Gone, misbehave, misserve

REQUESTS_MAX = 10_000  # remembered
BODY_CHARS_MAX = 4_096  # of each
BUSY = "busy"
VARIANTS = {"video": "video/mp4", "thumbnail": "image/webp", "spritesheet": "image/jpeg"}
encode = msgspec.json.Encoder().encode


class Asked(Struct):
    """One request of the contract, read whole."""

    request: web.Request
    verb: str
    body: bytes
    fields: dict[str, Any]
    fault: Fault | None = None  # that the answer itself carries out

    @property
    def ident(self) -> str:
        return self.request.match_info["id"]


class Wire:
    """One vendor on one port."""

    def __init__(self, options: Options, clips: Clips) -> None:
        self.options = options
        self.desk = Desk(options)
        self.book = Book()
        self.clips = clips
        self.keys: dict[str, tuple[bytes, str]] = {}  # key -> (body, id of its job, or BUSY)
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_MAX)

    def add_routes(self, app: web.Application) -> None:
        for method, path, verb in ROUTES:
            app.router.add_route(method, path, self._route(verb))
        app.router.add_route("*", "/{tail:.*}", self._unknown)

    def _route(self, verb: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                return await self._serve(request, verb)
            except Refusal as refusal:
                self.desk.count("refused")
                return say(refusal.body, refusal.status, refusal.headers)
            except web.HTTPRequestEntityTooLarge:
                return say(Refusal(413, "The body is too large.").body, 413)
            except Gone:
                return web.Response()  # nobody is there to read it

        return serve

    async def _serve(self, request: web.Request, verb: str) -> web.StreamResponse:
        fault = self.book.take(verb, Point.BEFORE_BODY)
        if fault and (early := await misbehave(request, fault)):
            return early
        body = await request.read() if request.body_exists else b""
        self._note(request, verb, body)
        check_key(request.headers, self.options.api_key, self.options.key_header)
        asked = Asked(request, verb, body, {})
        if verb in POSTS:
            asked.fields = read_body(request.headers.get("Content-Type", ""), body)
        prompt = str(asked.fields.get("prompt", ""))
        asked.fault = self.book.take(verb, Point.AFTER_BODY, prompt)
        if asked.fault and (early := await misbehave(request, asked.fault)):
            return early
        response = await self._once(asked)
        fault = self.book.take(verb, Point.AFTER_MAKING, prompt)
        return (await misbehave(request, fault, response) if fault else None) or response

    async def _once(self, asked: Asked) -> web.StreamResponse:
        """Answer; with a key that this vendor honours, the same request is answered with the same job."""
        key = asked.request.headers.get("Idempotency-Key")
        if key is None or asked.verb not in STARTS or self.options.keys == "ignored":
            return await ANSWERS[asked.verb](self, asked)
        if key in self.keys:
            return self._repeat(*self.keys[key], asked.body)
        self.keys[key] = (asked.body, BUSY)
        try:
            response = await ANSWERS[asked.verb](self, asked)
        except Refusal:
            del self.keys[key]  # nothing was made
            raise
        self.keys[key] = (asked.body, self.desk.newest)
        return response

    def _repeat(self, first: bytes, made: str, body: bytes) -> web.Response:
        self.desk.count("repeats")
        if made == BUSY:
            raise Refusal(409, "A request with this key is in progress.", "idempotency_key_in_use")
        if self.options.keys == "refuse" or first != body:
            raise Refusal(422, "This key was used already.", "idempotency_key_reused")
        return say(self.desk.face(self.desk.find(made), time.monotonic()))

    def _note(self, request: web.Request, verb: str, body: bytes) -> None:
        """Counted once the whole request is here."""
        self.desk.count(verb)
        if verb in STARTS:
            self.desk.count("submissions")
        if not self.options.fast:
            headers = {name.lower(): value for name, value in request.headers.items()}
            headers.pop("authorization", None)
            text = body[:BODY_CHARS_MAX].decode("utf-8", "replace")
            self.requests.append({"verb": verb, "path": request.path_qs, "headers": headers, "body": text})

    def totals(self) -> dict[str, int]:
        """Requests by verb; `submissions`, `renders`, `repeats`, `refused`, `downloads`; faults happened and left."""
        none = dict.fromkeys(("submissions", "renders", "repeats", "refused", "downloads", "retrieve"), 0)
        return {**none, **self.desk.counts, "faults_happened": self.book.happened, "faults_left": len(self.book.faults)}

    async def _unknown(self, request: web.Request) -> web.Response:
        self.desk.count("unknown")
        return say(Refusal(404, f"Invalid URL ({request.method} {request.path})").body, 404)


# --- answers -----------------------------------------------------------------------------------------------------


async def make(wire: Wire, asked: Asked) -> web.Response:
    options = wire.options
    read_query(asked.request.query, ())
    order = read_order(asked.verb, asked.fields, offers=options.models, extras=options.extras, uploads=options.uploads)
    if asked.verb == "remix":
        order = msgspec.structs.replace(order, source=asked.ident)
    now = time.monotonic()
    fate = wire.book.take(asked.verb, Point.MAKING, order.prompt)
    key = asked.request.headers.get("Idempotency-Key")
    job = wire.desk.make(order, key=key, fate=fate, now=now, wall_s=wall_s())
    return say(wire.desk.face(job, now), headers=hints(options))


async def make_character(wire: Wire, asked: Asked) -> web.Response:
    if not asked.request.headers.get("Content-Type", "").startswith("multipart/"):
        raise Refusal(400, "Characters are sent as multipart.")
    order = read_order(asked.verb, asked.fields, offers={}, extras=(), uploads=True)
    return say(wire.desk.make_character(order, wall_s()))


async def character(wire: Wire, asked: Asked) -> web.Response:
    known = wire.desk.characters.get(asked.ident)
    if known is None:
        raise Refusal(404, "Character not found.")
    return say(known)


async def retrieve(wire: Wire, asked: Asked) -> web.Response:
    job = wire.desk.find(asked.ident)
    job.polls += 1
    face = wire.desk.face(job, time.monotonic())
    pending = face["status"] in ("queued", "in_progress")
    return say(face, headers=hints(wire.options) if pending else None)


async def list_jobs(wire: Wire, asked: Asked) -> web.Response:
    if not wire.options.lists:
        raise Refusal(404, "Invalid URL (GET /v1/videos)")
    limit, newest_first, after = read_page(asked.request.query)
    lag_s = max(wire.options.list_lag_s, asked.fault.seconds if asked.fault and asked.fault.do == "lag" else 0.0)
    return say(wire.desk.page(limit, newest_first, after, lag_s=lag_s, now=time.monotonic()))


async def delete(wire: Wire, asked: Asked) -> web.Response:
    return say(wire.desk.delete(asked.ident, time.monotonic()))


async def content(wire: Wire, asked: Asked) -> web.StreamResponse:
    query = asked.request.query
    read_query(query, ("variant",))
    variant = query.get("variant", "video")
    if variant not in VARIANTS:
        allowed = ", ".join(VARIANTS)
        raise Refusal(400, f"Invalid value: '{variant}'. Supported values are: {allowed}.", "invalid_value", "variant")
    job = wire.desk.ready(asked.ident, time.monotonic())
    job.downloads += 1
    wire.desk.count("downloads")
    headers = {"Content-Type": VARIANTS[variant], "x-request-id": "req_" + secrets.token_hex(16)}
    if variant != "video":
        return web.Response(body=wire.clips.picture(VARIANTS[variant]), headers=headers)
    fault = wire.book.take("content", Point.CONTENT, job.order.prompt)
    if fault is None:
        return web.FileResponse(await wire.clips.path(job.size, job.seconds), headers=headers)
    size, seconds = changed(fault, job.size, job.seconds)
    return await misserve(asked.request, fault, await wire.clips.path(size, seconds), headers)


def changed(fault: Fault, size: str, seconds: str) -> tuple[str, str]:
    """The shape of the clip that is sent instead."""
    if fault.do == "wrong_size":
        width, _, height = size.partition("x")
        return f"{int(width) // 4 * 2}x{int(height) // 4 * 2}", seconds
    if fault.do == "wrong_seconds":
        return size, str(int(seconds) - 1 if int(seconds) > 1 else 2)
    return size, seconds


async def models(wire: Wire, asked: Asked) -> web.Response:
    known = {name: {"id": name, "object": "model", "created": 0, "owned_by": "vendor"} for name in wire.options.models}
    wanted = asked.request.match_info.get("model")
    if wanted is None:
        return say({"object": "list", "data": list(known.values())})
    if wanted not in known:
        raise Refusal(404, f"The model '{wanted}' does not exist.", "model_not_found", "model")
    return say(known[wanted])


ANSWERS: Mapping[str, Callable[[Wire, Asked], Awaitable[web.StreamResponse]]] = {
    **dict.fromkeys(STARTS, make),
    "characters": make_character,
    "character": character,
    "retrieve": retrieve,
    "list": list_jobs,
    "delete": delete,
    "content": content,
    "models": models,
}
ROUTES = (
    ("POST", "/v1/videos", "create"),
    ("GET", "/v1/videos", "list"),
    ("POST", "/v1/videos/edits", "edits"),
    ("POST", "/v1/videos/extensions", "extensions"),
    ("POST", "/v1/videos/characters", "characters"),
    ("GET", "/v1/videos/characters/{id}", "character"),
    ("GET", "/v1/videos/{id}", "retrieve"),
    ("DELETE", "/v1/videos/{id}", "delete"),
    ("GET", "/v1/videos/{id}/content", "content"),
    ("POST", "/v1/videos/{id}/remix", "remix"),
    ("GET", "/v1/models", "models"),
    ("GET", "/v1/models/{model:.+}", "models"),
)
POSTS = frozenset(verb for method, _, verb in ROUTES if method == "POST")


def application() -> web.Application:
    return web.Application(client_max_size=BODY_BYTES_MAX)


def say(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    said = {"x-request-id": "req_" + secrets.token_hex(16), "openai-version": "2020-10-01", **(headers or {})}
    return web.Response(body=encode(value), status=status, content_type="application/json", headers=said)


def hints(options: Options) -> dict[str, str]:
    return {} if options.poll_after_ms is None else {"openai-poll-after-ms": str(options.poll_after_ms)}


def wall_s() -> int:
    return int(time.time())
