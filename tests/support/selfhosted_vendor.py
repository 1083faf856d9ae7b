"""A simulated vLLM-Omni or SGLang on loopback: one place, jobs in memory alone, and each server's own habits.

async with selfhosted("vllm-omni", clips=str(tmp_path)) as v: ... v.address, v.jobs, v.restart(), v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve, list, delete and content; `fail` is a render that
raises with the fault's message, and with its status as the error's number. What either server ignores is in `ignored`.
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

from tests.support.selfhosted_contract import SGLANG, VLLM, Order, read_order, refused
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Stand, VendorError, say, standing


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "key_own"
    served: str = "wan-demo"
    run_s: float = 0.05
    busy_s: float = 0.0  # for so long a stranger's job has its place
    pixels_max: int = 1920 * 1080  # beyond it the GPU's memory is too small
    stores_away: bool = False  # SGLang with S3: the file is elsewhere
    broken: bool = False  # the engine has died, the HTTP server has not
    clips: str = ""


class Job(Struct):
    id: str
    order: Order
    made_s: float
    begins_s: float
    ends_s: float
    fate: Fault | None

    def status(self, now_s: float) -> str:
        if now_s < self.begins_s:
            return "queued"
        if now_s < self.ends_s:
            return "in_progress"
        return "failed" if self.fate is not None else "completed"


class SelfHosted(Stand):
    """The server: its jobs by id, what it counted, the names of fields that it ignored."""

    def __init__(self, server: str, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.server = server
        self.options = options
        self.jobs: dict[str, Job] = {}
        self.ignored: set[str] = set()
        self._free_s = time.monotonic() + options.busy_s  # when its one place is free

    @property
    def api_key(self) -> str:
        return self.options.api_key

    @property
    def address(self) -> str:
        return f"{self.base_url}/v1"

    def restart(self) -> None:
        """It remembers nothing; files stay where nobody finds them."""
        self.jobs.clear()
        self._free_s = 0.0

    def jobs_made(self) -> Iterable[Job]:
        return self.jobs.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("POST", "/v1/videos", "create", self._create),
            ("GET", "/v1/videos", "list", self._list),
            ("GET", "/v1/videos/{id}", "retrieve", self._retrieve),
            ("DELETE", "/v1/videos/{id}", "delete", self._delete),
            ("GET", "/v1/videos/{id}/content", "content", self._content),
            ("GET", "/v1/models", "models", self._models),
            ("GET", "/bucket/{id}.mp4", "stored", self._stored),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        if self.server == VLLM and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise VendorError(401, {"error": "Unauthorized"})
        if verb == "stored" and "Authorization" in request.headers:
            raise VendorError(400, {"error": "a credential on a public file"})

    def worded(self, fault: Fault) -> VendorError:
        return refused(self.server, fault.status, fault.message)

    # --- jobs ----------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if self.options.broken:
            words = "Scheduler worker exited; restart the server."
            raise refused(self.server, 503, words if self.server == SGLANG else "Video handler not initialized")
        order = await read_order(self.server, request, self.options.served)
        self.ignored.update(order.ignored)
        now_s = time.monotonic()
        fate = self.book.take("create", Point.MAKING, order.fields["prompt"])
        width, _, height = order.size.partition("x")
        if int(width) * int(height) > self.options.pixels_max:
            fate = Fault(on="create", do="fail", status=500, message="CUDA out of memory. Tried to allocate 20 GiB")
        ident = f"video_gen_{uuid.uuid4().hex}" if self.server == VLLM else str(uuid.uuid4())
        begins_s = max(now_s, self._free_s)
        job = Job(ident, order, time.time(), begins_s, begins_s + self.options.run_s, fate)
        if fate is not None and fate.do == "never":
            job.ends_s = 1e12
        self._free_s = job.ends_s
        self.counts["renders"] += 1
        if fate is None or fate.do != "forget":
            self.jobs[ident] = job
        return say(self._face(job))

    def _face(self, job: Job) -> dict[str, Any]:
        now_s, order = time.monotonic(), job.order
        status = job.status(now_s)
        face: dict[str, Any] = {
            "id": job.id, "object": "video", "status": status, "progress": 100 if status == "completed" else 0,
            "created_at": int(job.made_s), "size": order.fields.get("size"), "seconds": str(order.seconds),
            "completed_at": int(job.made_s) if status in ("completed", "failed") else None, "expires_at": None,
            "remixed_from_video_id": None, "error": None,
        }  # fmt: skip
        if status == "failed" and job.fate is not None:
            number = {"code": job.fate.status} if self.server == VLLM else {}
            face["error"] = {**number, "message": job.fate.message}
        if self.server == VLLM:
            return face | {"model": self.options.served, "prompt": order.fields["prompt"], "file_name": None}
        if status == "in_progress":
            face["progress"] = int(99 * (now_s - job.begins_s) / (job.ends_s - job.begins_s))
        away = self.options.stores_away and status == "completed"
        url = f"{self.base_url}/bucket/{job.id}.mp4" if away else None
        frames = round(order.seconds * 24 / 1.5)  # rounded to what its model likes
        return face | {
            "model": order.fields.get("model"), "url": url, "seconds": str(round(frames / 24)),
            "file_path": f"/srv/outputs/{job.id}.mp4",
        }  # fmt: skip

    def _job(self, request: web.Request) -> Job:
        job = self.jobs.get(request.match_info["id"])
        if job is None:
            raise refused(self.server, 404, "Video not found")
        return job

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        failed = job.fate is not None and job.status(time.monotonic()) == "failed"
        status = job.fate.status if failed and job.fate is not None and self.server == VLLM else 200
        return say(self._face(job), status)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        limit = int(request.query.get("limit", "20" if self.server == SGLANG else "1000000"))
        if limit > 100 and "limit" in request.query:
            raise refused(self.server, 422 if self.server == SGLANG else 400, "limit is too large", "limit")
        page = list(self.jobs.values())
        if request.query.get("order", "desc") == "desc":
            page.reverse()
        names = [job.id for job in page]
        after = request.query.get("after")
        page = page[names.index(after) + 1 :] if after in names else [] if after else page
        shown = [self._face(job) for job in page[:limit]]
        last = shown[-1]["id"] if shown else None
        return say({"object": "list", "data": shown, "has_more": len(page) > limit, "last_id": last})

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        """vLLM-Omni: what waits leaves the queue, what runs goes on. SGLang: everything goes on, forgotten."""
        job, now_s = self._job(request), time.monotonic()
        del self.jobs[job.id]
        if self.server == SGLANG:
            return say({**self._face(job), "status": "deleted"})
        if job.status(now_s) == "queued":
            self.counts["spared"] += 1
            self._free_s -= self.options.run_s
        return say({"id": job.id, "deleted": True, "object": "video.deleted"})

    # --- files ---------------------------------------------------------------------------------------------------

    async def _content(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        status = job.status(time.monotonic())
        if status in ("queued", "in_progress"):
            raise refused(self.server, 404, "Generation is still in-progress")
        if self.server == VLLM and status == "failed":
            raise refused(self.server, 422, "Video generation failed")
        variant = request.query.get("variant")
        if self.server == SGLANG and (status == "failed" or variant not in (None, "0")):
            raise refused(self.server, 404, f"Video variant {variant} not found")
        if self.options.stores_away:
            raise refused(self.server, 400, f"Video was uploaded to cloud storage: {self.base_url}/bucket/{job.id}.mp4")
        return await self.serve_clip(request, job.order.size, job.order.seconds)

    async def _stored(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        return await self.serve_clip(request, job.order.size, job.order.seconds)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        owner = "vllm" if self.server == VLLM else "sglang"
        return say({"object": "list", "data": [{"id": self.options.served, "object": "model", "owned_by": owner}]})


@asynccontextmanager
async def selfhosted(server: str, **options: Any) -> AsyncIterator[SelfHosted]:
    """A server on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        vendor = SelfHosted(server, settings, Clips(Path(settings.clips or folder)))
        async with standing(vendor) as one:
            yield one
