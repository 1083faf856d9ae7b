"""A simulated OpenRouter on loopback: strict bodies, charges in dollars, signed callbacks, and faults.

async with openrouter(clips=str(tmp_path), run_s=0.1) as v: ... v.address, v.jobs, v.counts, v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve and content; a fault's code makes metadata with that
reason. Written from the contract's page, not from the adapter.
"""

from __future__ import annotations

import asyncio
import hmac
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Stand, VendorError, say, standing

Callback = Callable[[str, dict[str, str], bytes], Awaitable[None]]
FRAMES: Final = ("first_frame", "last_frame")
TYPES: Final[Mapping[str, type]] = {
    "model": str, "prompt": str, "duration": int, "size": str, "resolution": str, "aspect_ratio": str,
    "generate_audio": bool, "seed": int, "frame_images": list, "input_references": list, "previous_job_id": str,
    "callback_url": str, "provider": dict, "user": str, "session_id": str, "trace": dict,
}  # fmt: skip


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "sk-or-key"
    models: tuple[str, ...] = ("acme/clip",)
    cents_per_second: int = 7
    run_s: float = 0.05
    file_s: float = 60.0  # how long a file is kept
    secret: str = "workspace"  # of its webhooks
    calls_back: bool = False  # over the wire; else by `call_back`
    dollars: float = 100.0
    clips: str = ""


class Job(Struct):
    id: str
    body: dict[str, Any]
    fate: Fault | None
    ends_s: float

    def status(self, now_s: float) -> str:
        if now_s < self.ends_s:
            return "in_progress"
        return "failed" if self.fate is not None and self.fate.do == "fail" else "completed"

    @property
    def empty(self) -> bool:
        return self.fate is not None and self.fate.do == "complete_empty"


def refusal(status: int, message: str, reason: str | None = None, wait: str | None = None) -> VendorError:
    metadata = {} if reason is None else {"reasons": [reason]}
    body = {"error": {"code": status, "message": message, "metadata": metadata}, "user_id": "user_1"}
    return VendorError(status, body, {} if wait is None else {"Retry-After": wait})


class OpenRouter(Stand):
    """The vendor: its jobs by id, what it counted, what it charged. `call_back` is how it reaches a hook."""

    def __init__(self, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.options = options
        self.jobs: dict[str, Job] = {}
        self.spent_cents = 0
        self.call_back: Callback | None = None

    @property
    def api_key(self) -> str:
        return self.options.api_key

    @property
    def address(self) -> str:
        return f"{self.base_url}/api/v1"

    def jobs_made(self) -> Iterable[Job]:
        return self.jobs.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("POST", "/api/v1/videos", "create", self._create),
            ("GET", "/api/v1/videos/models", "models", self._models),
            ("GET", "/api/v1/videos/{id}", "retrieve", self._retrieve),
            ("GET", "/api/v1/videos/{id}/content", "content", self._content),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise refusal(401, "No auth credentials found")

    def worded(self, fault: Fault) -> VendorError:
        return refusal(fault.status, fault.message, fault.code, fault.retry_after)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise refusal(400, "The body is no JSON.") from None
        self._check_body(body)
        cost = body["duration"] * self.options.cents_per_second
        if self.spent_cents + cost > self.options.dollars * 100:
            raise refusal(402, "Insufficient credits")
        fate = self.book.take("create", Point.MAKING, body["prompt"])
        job = Job(
            f"gen-vid-{len(self.jobs)}-{uuid.uuid4().hex[:20]}", body, fate, time.monotonic() + self.options.run_s
        )
        if fate is not None and fate.do == "never":
            job.ends_s = 1e12
        self.jobs[job.id] = job
        self.counts["renders"] += 1
        self.spent_cents += cost
        if "callback_url" in body:
            self.later(self._tell(job))
        return say({"id": job.id, "polling_url": f"/api/v1/videos/{job.id}", "status": "pending"}, 202)

    def _check_body(self, body: Any) -> None:
        for name, value in body.items():
            right = TYPES.get(name)
            if right is None or not isinstance(value, right) or (right is int and isinstance(value, bool)):
                raise refusal(400, f"{name} is not what it has to be")
        if body.get("model") not in self.options.models:
            raise refusal(404, f"No endpoints found for {body.get('model')}.")
        if not body.get("prompt") or "duration" not in body:
            raise refusal(400, "prompt and duration are needed")
        for frame in body.get("frame_images", []):
            url = frame.get("image_url", {}).get("url", "")
            wrong = set(frame) != {"type", "image_url", "frame_type"} or frame["type"] != "image_url"
            if wrong or frame["frame_type"] not in FRAMES or not url.startswith(("https://", "data:image/")):
                raise refusal(400, "frame_images is not what it has to be")
        if not body.get("callback_url", "https://").startswith("https://"):
            raise refusal(400, "callback_url has to be https")

    def _job(self, request: web.Request) -> Job:
        job = self.jobs.get(request.match_info["id"])
        if job is None or (job.fate is not None and job.fate.do == "forget"):
            raise refusal(404, "Video generation job not found")
        return job

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        job, now_s = self._job(request), time.monotonic()
        face: dict[str, Any] = {"id": job.id, "status": job.status(now_s), "model": job.body["model"]}
        cost = {"cost": job.body["duration"] * self.options.cents_per_second / 100, "is_byok": False}
        if face["status"] == "failed" and job.fate is not None:
            return say({**face, "error": job.fate.message, "usage": {**cost, "cost": 0}})
        if face["status"] == "completed":
            links = [] if job.empty else [f"{self.address}/videos/{job.id}/content?index=0"]
            face |= {"generation_id": "gen-1", "unsigned_urls": links, "expires_at": 1_795_251_600, "usage": cost}
        return say(face)

    async def _content(self, request: web.Request) -> web.StreamResponse:
        job, now_s = self._job(request), time.monotonic()
        if job.status(now_s) != "completed" or request.query.get("index") != "0":
            raise refusal(409, "The video is not ready")
        if now_s > job.ends_s + self.options.file_s:
            raise refusal(410, "The video is gone")
        return await self.serve_clip(request, job.body.get("size", "1280x720"), job.body["duration"])

    async def _models(self, request: web.Request) -> web.StreamResponse:
        return say({"data": [{"id": name, "supported_sizes": ["1280x720"]} for name in self.options.models]})

    async def _tell(self, job: Job) -> None:
        await asyncio.sleep(self.options.run_s + 0.05)
        event = {"type": f"video.generation.{job.status(time.monotonic())}", "data": {"id": job.id}}
        body, now = msgspec.json.encode(event), str(int(time.time()))
        mac = hmac.digest(self.options.secret.encode(), f"{now},".encode() + body, "sha256").hex()
        self.counts["callbacks"] += 1
        url, head = job.body["callback_url"], {"x-openrouter-signature": f"t={now},v1={mac}"}
        if self.call_back is not None:
            await self.call_back(url, head, body)
        if self.options.calls_back:
            await self.tell(url, body, head)


@asynccontextmanager
async def openrouter(**options: Any) -> AsyncIterator[OpenRouter]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        async with standing(OpenRouter(settings, Clips(Path(settings.clips or folder)))) as vendor:
            yield vendor
