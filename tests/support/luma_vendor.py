"""A simulated Luma on loopback: strict generations, a fresh link at each look, links that die, and places.

async with luma(clips=str(tmp_path), run_s=0.1) as v: ... v.base_url, v.generations, v.counts, v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve and content; a fate's `code` is the failure code.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.luma_contract import Refusal, check_body, check_head, size_of
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Links, Stand, VendorError, say, standing


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "luma-api-key"
    places: int = 8  # generations at once; what is beyond them is refused
    wait_s: float = 0.0  # in the queue
    run_s: float = 0.05
    link_s: float = 60.0  # how long a link lives
    links_dead: int = 0  # so many links of a clip are dead from the beginning
    cents: int = 10_000
    clips: str = ""


class Generation(Struct):
    id: str
    body: dict[str, Any]
    cents: int
    begins_s: float
    ends_s: float
    fate: Fault | None

    def state(self, now_s: float) -> str:
        if now_s < self.begins_s:
            return "queued"
        if now_s < self.ends_s:
            return "processing"
        return "failed" if self.fate is not None and self.fate.do == "fail" else "completed"


class Luma(Stand):
    """The vendor: its generations by id, and what it charged."""

    def __init__(self, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.options = options
        self.links = Links(options.links_dead)
        self.generations: dict[str, Generation] = {}
        self.spent_cents = 0

    @property
    def api_key(self) -> str:
        return self.options.api_key

    def jobs_made(self) -> Iterable[Generation]:
        return self.generations.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("POST", "/generations", "create", self._create),
            ("GET", "/generations/{id}", "retrieve", self._retrieve),
            ("GET", "/outputs/{id}/{token}.mp4", "content", self._content),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        if verb != "content":
            check_head(request.headers, self.api_key)
        elif "Authorization" in request.headers:
            raise Refusal(400, "Only one auth mechanism allowed")

    def worded(self, fault: Fault) -> VendorError:
        wait = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return Refusal(fault.status, fault.message, wait)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise Refusal(400, "The body is no JSON.") from None
        cents, now_s = check_body(body), time.monotonic()
        if cents > self.options.cents - self.spent_cents:
            raise Refusal(402, "Insufficient credits")
        if sum(one.ends_s > now_s for one in self.generations.values()) >= self.options.places:
            raise Refusal(429, "Too many concurrent generations", {"Retry-After": "60"})
        fate = self.book.take("create", Point.MAKING, body["prompt"])
        begins_s = now_s + self.options.wait_s
        ends_s = begins_s + (1e9 if fate is not None and fate.do == "never" else self.options.run_s)
        made = Generation(str(uuid.uuid4()), body, cents, begins_s, ends_s, fate)
        self.generations[made.id] = made
        self.counts["renders"] += 1
        self.spent_cents += cents
        return say({**self._face(made, now_s), "state": "queued", "output": []}, 201)

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        made = self.generations.get(request.match_info["id"])
        if made is None or (made.fate is not None and made.fate.do == "forget"):
            raise Refusal(404, "Generation not found")
        return say(self._face(made, time.monotonic()), headers={"X-API-Version": "2026-04-01"})

    def _face(self, made: Generation, now_s: float) -> dict[str, Any]:
        state = made.state(now_s)
        face: dict[str, Any] = {
            "id": made.id, "created_at": "2026-11-20T09:00:00Z", "model": "ray-3.2", "state": state, "type": "video",
            "failure_code": None, "failure_reason": None, "output": [],
        }  # fmt: skip
        if state == "failed" and made.fate is not None:
            face |= {"failure_code": made.fate.code, "failure_reason": made.fate.message}
        if state == "completed" and not (made.fate is not None and made.fate.do == "complete_empty"):
            token = self.links.give(made.id, now_s + self.options.link_s)
            face["output"] = [{"type": "video", "url": f"{self.base_url}/outputs/{made.id}/{token}.mp4"}]
        return face

    async def _content(self, request: web.Request) -> web.StreamResponse:
        made = self.generations.get(request.match_info["id"])
        if made is None or not self.links.works(made.id, request.match_info["token"], time.monotonic()):
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        return await self.serve_clip(request, size_of(made.body), int(made.body["video"]["duration"].removesuffix("s")))


@asynccontextmanager
async def luma(**options: Any) -> AsyncIterator[Luma]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        async with standing(Luma(settings, Clips(Path(settings.clips or folder)))) as vendor:
            yield vendor
