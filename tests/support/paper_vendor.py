"""The vendor of the tutorial (docs/providers.md), simulated as strictly as its contract is written there."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Stand, VendorError, say, standing

KEY = "paper-secret"
FIELDS = {"prompt": str, "seconds": int, "size": str, "ref": str}
COST = 2  # credits for each second


class Clip(Struct):
    id: str
    body: dict[str, Any]
    ends_s: float
    fate: Fault | None
    deleted: bool = False


class Paper(Stand):
    """Its clips by id; `renders` counts those that were made."""

    def __init__(self, clips: Clips, run_s: float) -> None:
        super().__init__(clips)
        self.made: dict[str, Clip] = {}
        self._run_s = run_s

    @property
    def api_key(self) -> str:
        return KEY

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("POST", "/v1/clips", "create", self._create),
            ("GET", "/v1/clips", "list", self._list),
            ("GET", "/v1/clips/{id}", "retrieve", self._retrieve),
            ("DELETE", "/v1/clips/{id}", "delete", self._delete),
            ("GET", "/v1/me", "account", self._me),
            ("GET", "/files/{id}", "content", self._content),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        given = request.headers.get("x-paper-key")
        if verb == "content":
            if given is not None:
                raise refusal(400, "bad_request", "a file wants no key")
        elif given != KEY:
            raise refusal(401, "wrong_key", "this key is none of ours")

    def worded(self, fault: Fault) -> VendorError:
        return refusal(fault.status, fault.code or "torn", fault.message)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read())
        first = body.pop("first", None)
        if {name: type(value) for name, value in body.items()} != FIELDS:
            raise refusal(400, "bad_request", "a clip has prompt, seconds, size, ref and nothing else")
        if body["seconds"] not in (4, 8) or body["size"] not in ("1280x720", "720x1280"):
            raise refusal(400, "bad_request", "no such clip")
        if first is not None and not base64.b64decode(first.removeprefix("data:image/png;base64,"), validate=True):
            raise refusal(400, "bad_request", "`first` is no picture")
        fate = self.book.take("create", Point.MAKING, body["prompt"])
        late_s = 1e9 if fate is not None and fate.do == "never" else self._run_s
        clip = Clip(uuid.uuid4().hex, {**body, "first": first}, time.monotonic() + late_s, fate)
        self.made[clip.id] = clip
        self.counts["renders"] += 1
        return say({"id": clip.id}, 201)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        ref = request.query["ref"]
        return say({"clips": [{"id": one.id} for one in self.made.values() if one.body["ref"] == ref]})

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        clip = self._clip(request)
        if time.monotonic() < clip.ends_s:
            return say({"state": "drawing", "percent": 50})
        if clip.fate is not None and clip.fate.do == "fail":
            return say({"state": "failed", "reason": clip.fate.code})
        if clip.fate is not None and clip.fate.do == "complete_empty":
            return say({"state": "done"})
        return say({"state": "done", "file": f"{self.base_url}/files/{clip.id}", "cost": COST * clip.body["seconds"]})

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        clip = self._clip(request)
        if time.monotonic() >= clip.ends_s:
            raise refusal(409, "too_late", "it has ended")
        clip.deleted = True
        return web.Response(status=204)

    async def _me(self, _: web.Request) -> web.StreamResponse:
        return say({"credits": 500, "models": ["fold-1"]})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        clip = self._clip(request)
        return await self.serve_clip(request, clip.body["size"], clip.body["seconds"])

    def _clip(self, request: web.Request) -> Clip:
        clip = self.made.get(request.match_info["id"])
        if clip is None or clip.deleted:
            raise refusal(404, "gone", "no such clip")
        return clip


def refusal(status: int, code: str, message: str) -> VendorError:
    return VendorError(status, {"code": code, "message": message})


@asynccontextmanager
async def paper(clips: str, run_s: float = 0.3) -> AsyncIterator[Paper]:
    """A vendor on this event loop."""
    async with standing(Paper(Clips(Path(clips)), run_s)) as vendor:
        yield vendor
