"""A simulated Interactions API on loopback: background interactions, files that die, callbacks, and faults.

async with gemini(clips=str(tmp_path), run_s=0.1) as v: ... v.address, v.jobs, v.counts, v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve, delete (the cancel) and content; `complete_empty` is
the refusal for safety in disguise, `complete_with_error` a video that was paid and is not there.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.gemini_contract import (
    LONGEST_S,
    Refusal,
    check_body,
    check_head,
    retry_info,
    seconds_of,
    size_of,
    usage_of,
)
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Stand, VendorError, say, standard_webhook, standing

Callback = Callable[[str, dict[str, str], bytes], Awaitable[None]]
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJhdWQiOiJnYXRld2F5In0.c2ltdWxhdGVk"


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "key_gemini"
    run_s: float = 0.05
    writes_s: float = 0.0  # after the end, until its file is active
    file_s: float = 60.0  # how long a file lives
    inline: bool = False  # hands out the clip itself, though an address was asked for
    tokens: int = 10**9  # of the prepaid balance
    webhook: str = ""  # the project's own, set up in the console, with its secret
    webhook_secret: str = ""
    calls_back: bool = False  # over the wire; else by `call_back`
    clips: str = ""


class Job(Struct):
    id: str
    body: dict[str, Any]
    fate: Fault | None
    ends_s: float
    cancelled: bool = False
    told: bool = False

    def status(self, now_s: float) -> str:
        if self.cancelled:
            return "cancelled"
        if now_s < self.ends_s:
            return "in_progress"
        return "failed" if self.did("fail") else "completed"

    def did(self, what: str) -> bool:
        return self.fate is not None and self.fate.do == what


class Gemini(Stand):
    """The vendor: its interactions by id, what it counted, what it charged. `call_back` is how it reaches a hook."""

    def __init__(self, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.options = options
        self.jobs: dict[str, Job] = {}
        self.spent_tokens = 0
        self.call_back: Callback | None = None

    @property
    def api_key(self) -> str:
        return self.options.api_key

    @property
    def address(self) -> str:
        return f"{self.base_url}/v1beta"

    def jobs_made(self) -> Iterable[Job]:
        return self.jobs.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("POST", "/v1beta/interactions", "create", self._create),
            ("GET", "/v1beta/interactions/{id}", "retrieve", self._retrieve),
            ("POST", "/v1beta/interactions/{id}/cancel", "delete", self._cancel),
            ("GET", "/v1beta/files/{id:[a-z0-9]+}", "file", self._file),
            ("GET", "/v1beta/files/{id:[a-z0-9]+}:download", "content", self._content),
            ("GET", "/v1beta/models", "models", self._models),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        check_head(request.headers, request.query, self.api_key)

    def worded(self, fault: Fault) -> VendorError:
        details = () if fault.retry_after is None else (retry_info(fault.retry_after),)
        return Refusal(fault.status, fault.message, fault.code, *details)

    # --- answers -------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise Refusal(400, "Invalid JSON payload received.", "INVALID_ARGUMENT") from None
        check_body(body, self.jobs)
        cost = usage_of(body, video=True)["total_tokens"]
        if cost > self.options.tokens - self.spent_tokens:
            raise Refusal(402, "Your prepaid balance is empty.", "RESOURCE_EXHAUSTED")
        fate = self.book.take("create", Point.MAKING, str(body["input"]))
        job = Job(f"v1_{base64.urlsafe_b64encode(str(len(self.jobs)).encode()).decode()}", body, fate, 0.0)
        job.ends_s = time.monotonic() + (1e9 if job.did("never") else self.options.run_s)
        self.jobs[job.id] = job
        self.counts["renders"] += 1
        if uris := body.get("webhook_config", {}).get("uris"):
            self.later(self._tell(job, uris))
        if not body.get("background"):
            await asyncio.sleep(self.options.run_s)
        return say({**self._face(job, body.get("background") is not True), "created": "2026-11-20T09:00:00Z"})

    def _face(self, job: Job, ended: bool) -> dict[str, Any]:
        face: dict[str, Any] = {"id": job.id, "object": "interaction", "model": job.body["model"]}
        face["status"] = job.status(time.monotonic()) if ended else "in_progress"
        if face["status"] == "failed" and job.fate is not None:
            face["errors"] = [{"code": job.fate.code or "internal", "message": job.fate.message}]
        if face["status"] == "completed":
            made = not job.did("complete_empty")
            face["usage"] = usage_of(job.body, video=made)
            if not job.told:
                job.told = True
                self.spent_tokens += face["usage"]["total_tokens"]
        return face

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        face = self._face(job, ended=True)
        if face["status"] == "completed":
            content: list[dict[str, Any]] = [{"type": "text", "text": "Here it is."}]
            if not (job.did("complete_empty") or job.did("complete_with_error")):
                content.append({"type": "video", "mime_type": "video/mp4", **(await self._where(job))})
            face["steps"] = [{"type": "user_input"}, {"type": "model_output", "content": content}]
        return say(face)

    async def _where(self, job: Job) -> dict[str, str]:
        if self.options.inline:
            path = await self._clip(job)
            return {"data": base64.b64encode(path.read_bytes()).decode()}
        return {"uri": f"{self.address}/files/{_file_of(job)}:download?alt=media"}

    def _job(self, request: web.Request) -> Job:
        job = self.jobs.get(request.match_info["id"])
        if job is None or job.did("forget"):
            raise Refusal(400, "Invalid interaction name")
        return job

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        if job.status(time.monotonic()) != "in_progress":
            raise Refusal(400, "Only an interaction that is in progress can be cancelled")
        job.cancelled = True
        return say(self._face(job, ended=True))

    # --- files ---------------------------------------------------------------------------------------------------

    def _file_job(self, request: web.Request) -> Job:
        now_s = time.monotonic()
        for job in self.jobs.values():
            there = job.status(now_s) == "completed" and now_s <= job.ends_s + self.options.file_s
            if there and _file_of(job) == request.match_info["id"]:
                return job
        raise Refusal(404, "The file does not exist.", "NOT_FOUND")

    def _active(self, job: Job) -> bool:
        return time.monotonic() >= job.ends_s + self.options.writes_s

    async def _file(self, request: web.Request) -> web.StreamResponse:
        job = self._file_job(request)
        state = "ACTIVE" if self._active(job) else "PROCESSING"
        return say({"name": f"files/{_file_of(job)}", "mimeType": "video/mp4", "state": state})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        job = self._file_job(request)
        if request.query.get("alt") != "media" or not self._active(job):
            raise Refusal(400, "The file is not in an ACTIVE state.", "FAILED_PRECONDITION")
        return await self.serve_clip(request, size_of(job.body), int(seconds_of(job.body)))

    async def _clip(self, job: Job) -> Path:
        return await self.clips.path(size_of(job.body), str(int(seconds_of(job.body))))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        return say({"models": [{"name": f"models/{name}", "version": "1"} for name in LONGEST_S]})

    # --- callbacks -----------------------------------------------------------------------------------------------

    async def _tell(self, job: Job, uris: list[str]) -> None:
        """At the end: the project's webhook signed, the others by a token that nobody checks here."""
        await asyncio.sleep(self.options.run_s + 0.05)
        event = {"type": f"interaction.{job.status(time.monotonic())}", "version": "v1", "data": {"id": job.id}}
        body = msgspec.json.encode(event)
        if self.options.webhook:
            head = standard_webhook(self.options.webhook_secret, f"evt_{job.id}", int(time.time()), body)
            await self.tell(self.options.webhook, body, head)
        for uri in uris:
            self.counts["callbacks"] += 1
            if self.call_back is not None:
                await self.call_back(uri, {"webhook-signature": TOKEN}, body)
            if self.options.calls_back:
                await self.tell(uri, body, {"Webhook-Signature": TOKEN})


def _file_of(job: Job) -> str:
    return "f" + job.id.encode().hex()


@asynccontextmanager
async def gemini(**options: Any) -> AsyncIterator[Gemini]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        async with standing(Gemini(settings, Clips(Path(settings.clips or folder)))) as vendor:
            yield vendor
