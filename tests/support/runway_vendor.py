"""A simulated Runway on loopback: strict tasks, credits, uploads, links that are renewed by looking, and faults.

async with runway(clips=str(tmp_path), run_s=0.1) as v: ... v.base_url, v.tasks, v.counts, v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve, delete and content; a fate's `code` is the failure
code. Everything lives on one port; a credential on an upload or a clip is refused, as signed links do.
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

from tests.support.runway_contract import OFFERS, Refusal, check_body, check_head, credits_of, size_of
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Links, Stand, say, standing


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "key_runway"
    places: int = 2  # tasks that run at once
    wait_s: float = 0.0  # before a task begins
    run_s: float = 0.05
    link_s: float = 60.0  # how long a link lives
    links_dead: int = 0  # so many links of a clip are dead from the beginning
    keeps_deleted: bool = False  # a deleted task is shown as CANCELLED; else, as observed, it is gone
    credits: int = 1_000
    clips: str = ""


class Task(Struct):
    id: str
    body: dict[str, Any]
    cost: int
    begins_s: float
    throttled: bool
    fate: Fault | None
    ends_s: float = 0.0
    deleted: bool = False

    def status(self, now_s: float) -> str:
        if self.deleted:
            return "CANCELLED"
        if now_s < self.begins_s:
            return "THROTTLED" if self.throttled else "PENDING"
        if now_s < self.ends_s:
            return "RUNNING"
        return "FAILED" if self.fate is not None and self.fate.do == "fail" else "SUCCEEDED"


class Runway(Stand):
    """The vendor: its tasks by id, what it counted, what it charged."""

    def __init__(self, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.options = options
        self.tasks: dict[str, Task] = {}
        self.uploads: dict[str, int] = {}  # bytes by `runway://` address
        self.links = Links(options.links_dead)
        self.spent = 0
        self.paid_in = 0  # credits, beside those it began with

    @property
    def api_key(self) -> str:
        return self.options.api_key

    def jobs_made(self) -> Iterable[Task]:
        return self.tasks.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("POST", "/v1/text_to_video", "create", self._text),
            ("POST", "/v1/image_to_video", "create", self._image),
            ("POST", "/v1/uploads", "upload", self._upload),
            ("GET", "/v1/tasks/{id}", "retrieve", self._retrieve),
            ("DELETE", "/v1/tasks/{id}", "delete", self._delete),
            ("GET", "/v1/organization", "organization", self._organization),
            ("POST", "/stored/{id}", "stored", self._stored),
            ("GET", "/outputs/{id}/{token}", "content", self._content),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        if verb not in ("content", "stored"):
            check_head(request.headers, self.api_key)
        elif "Authorization" in request.headers:
            raise Refusal(400, "Only one way to authorise is allowed.")

    def worded(self, fault: Fault) -> Refusal:
        wait = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return Refusal(fault.status, fault.message, path=fault.code, headers=wait)

    # --- answers -------------------------------------------------------------------------------------------------

    async def _text(self, request: web.Request) -> web.StreamResponse:
        return await self._make(request, image=False)

    async def _image(self, request: web.Request) -> web.StreamResponse:
        return await self._make(request, image=True)

    async def _make(self, request: web.Request, *, image: bool) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise Refusal(400, "The body is no JSON.") from None
        offer = check_body(body, image=image, uploads=frozenset(self.uploads))
        cost = credits_of(offer, body)
        if cost > self.options.credits - self.spent:
            raise Refusal(400, "You do not have enough credits to run this task.")
        now_s = time.monotonic()
        ends = sorted(one.ends_s for one in self.tasks.values() if one.ends_s > now_s and not one.deleted)
        busy = len(ends) - self.options.places
        begins_s = max(now_s + self.options.wait_s, ends[busy] if busy >= 0 else 0.0)
        fate = self.book.take("create", Point.MAKING, body["promptText"])
        task = Task(str(uuid.uuid4()), body, cost, begins_s, busy >= 0, fate)
        task.ends_s = begins_s + (1e9 if fate is not None and fate.do == "never" else self.options.run_s)
        self.tasks[task.id] = task
        self.counts["renders"] += 1
        self.spent += cost
        return say({"id": task.id, "estimatedCost": {"credits": cost}})

    def _task(self, request: web.Request) -> Task:
        task = self.tasks.get(request.match_info["id"])
        gone = task is None or (task.deleted and not self.options.keeps_deleted)
        if task is None or gone or (task.fate is not None and task.fate.do == "forget"):
            raise Refusal(404, "Task not found.")
        return task

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        task, now_s = self._task(request), time.monotonic()
        face: dict[str, Any] = {"id": task.id, "status": task.status(now_s), "createdAt": "2026-11-20T09:00:00.000Z"}
        if face["status"] == "RUNNING":
            face["progress"] = min(0.99, (now_s - task.begins_s) / (task.ends_s - task.begins_s))
        if face["status"] in ("PENDING", "THROTTLED", "RUNNING"):
            return say({**face, "estimatedCost": {"credits": task.cost}})
        face["cost"] = {"credits": task.cost}
        if face["status"] == "FAILED" and task.fate is not None:
            face |= {"failure": task.fate.message, "failureCode": task.fate.code}
        if face["status"] == "SUCCEEDED":
            face["output"] = [] if task.fate is not None and task.fate.do == "complete_empty" else [self._link(task)]
        return say(face)

    def _link(self, task: Task) -> str:
        token = self.links.give(task.id, time.monotonic() + self.options.link_s)
        return f"{self.base_url}/outputs/{task.id}/{token}"

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        task, now_s = self._task(request), time.monotonic()
        if task.status(now_s) in ("PENDING", "THROTTLED"):
            self.spent -= task.cost
            task.cost = 0
        self.counts["erased"] += task.status(now_s) in ("SUCCEEDED", "FAILED")
        task.deleted = True
        return web.Response(status=204)

    async def _organization(self, request: web.Request) -> web.StreamResponse:
        models = {name: {"maxConcurrentGenerations": self.options.places} for name in OFFERS}
        return say(
            {"creditBalance": self.options.credits + self.paid_in - self.spent, "tier": {"models": models}, "usage": {}}
        )

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read())
        if set(body) != {"filename", "type"} or body["type"] != "ephemeral":
            raise Refusal(400, "Validation of body failed", path="type")
        ident = uuid.uuid4().hex
        fields = {"key": ident, "policy": "signed"}
        return say({"uploadUrl": f"{self.base_url}/stored/{ident}", "fields": fields, "runwayUri": f"runway://{ident}"})

    async def _stored(self, request: web.Request) -> web.StreamResponse:
        form, ident = await request.post(), request.match_info["id"]
        file = form.get("file")
        if form.get("key") != ident or list(form)[-1] != "file" or not isinstance(file, web.FileField):
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        self.uploads[f"runway://{ident}"] = len(file.file.read())
        return web.Response(status=204)

    async def _content(self, request: web.Request) -> web.StreamResponse:
        task = self.tasks.get(request.match_info["id"])
        works = task is not None and self.links.works(task.id, request.match_info["token"], time.monotonic())
        if task is None or task.deleted or not works:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        return await self.serve_clip(request, size_of(task.body), task.body["duration"])


@asynccontextmanager
async def runway(**options: Any) -> AsyncIterator[Runway]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        async with standing(Runway(settings, Clips(Path(settings.clips or folder)))) as vendor:
            yield vendor
