"""A simulated reseller on loopback, in the dialect of one preset: strict creates, jobs, links, callbacks, and faults.

async with reseller("evolink", clips=str(tmp_path)) as v: ... v.base_url, v.jobs, v.counts, v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve, content and delete; a fate's message is what the job
says of its failure. Clips lie at another name of this machine, and a credential there is refused.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.reseller_contract import Body, Job, extent, flat
from tests.support.reseller_dialects import DIALECTS
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Links, Stand, VendorError, say, standing

FILES = "/files/"  # at a host of its own: no credential
USER_TOKEN, USER_ID = "u-token", "17"


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "sk-reseller"
    wait_s: float = 0.0
    run_s: float = 0.05
    link_s: float = 60.0
    unknown_s: float = 0.0  # for so long the site answers that it does not know a new job
    stale: bool = False  # the first path repeats what it said at first, for ever
    odd_word: bool = False  # a state that nobody knows stands between
    small_view: bool = False  # the first path tells a state in capitals, and nothing else
    falling: bool = False  # the progress goes back
    late_s: float = 0.0  # for so long the site does not notice that a clip is done
    links_dead: int = 0  # so many links of a clip are dead from the beginning
    place: Any = None  # the answer of a finished job, `{link}` where the link stands
    calls: tuple[str, ...] = ()  # when the callback comes: before_reply, done
    secret: str = ""  # with which it signs them, where this site signs
    redirects: bool = False  # content leads to a link elsewhere
    clips: str = ""


class ResellerVendor(Stand):
    """The vendor: its jobs by id, in the order in which they were made."""

    def __init__(self, preset: str, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.dialect = DIALECTS[preset]
        self.options = options
        self.jobs: dict[str, Job] = {}
        self.links = Links(options.links_dead)
        self.progress = 90

    @property
    def api_key(self) -> str:
        return self.options.api_key

    @property
    def files_url(self) -> str:
        return self.base_url.replace("127.0.0.1", "localhost")

    def jobs_made(self) -> Iterable[Job]:
        return self.jobs.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        spoken = self.dialect
        made: list[tuple[str, str, str, Handler]] = [("GET", "/files/{id}/{token}", "content", self._file)]
        if spoken.upload is not None:
            made.append(("POST", spoken.upload[0], "upload", self._upload))
        made.append(("POST", spoken.create, "create", self._create))
        made.append(("GET", spoken.poll, "retrieve", self._retrieve))
        for path, answer in ((spoken.second, self._second), (spoken.result, self._result)):
            if path:
                made.append(("GET", path, "second", answer))
        if spoken.content:
            made.append(("GET", spoken.content, "content", self._content))
        made.extend(("GET", path, "read", self._read) for path in (*spoken.reads, *spoken.wallet))
        if spoken.listing is not None:
            made.append(("GET", spoken.listing[0], "list", self._list))
        if spoken.cancel:
            made.append(("DELETE", spoken.cancel, "delete", self._cancel))
        return made

    def check(self, request: web.Request, verb: str) -> None:
        given = request.headers.get(self.dialect.header)
        if request.path.startswith(FILES):
            if given is not None:
                raise VendorError(400, {"error": "only one way to authorise"})
        elif request.path in self.dialect.wallet:
            if (given, request.headers.get("New-Api-User")) != (USER_TOKEN, USER_ID):
                raise self.wrong(401, "invalid_api_key", "invalid access token")
        elif given != self.dialect.scheme + self.api_key:
            raise self.wrong(401, "invalid_api_key", "invalid token")

    def worded(self, fault: Fault) -> VendorError:
        wait = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        status, body = self.dialect.error(fault.status, fault.code or "", fault.message)
        return VendorError(status, body, wait)

    def wrong(self, status: int, code: str, message: str) -> VendorError:
        return VendorError(*self.dialect.error(status, code, message))

    # --- answers -------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        query = dict(request.query)
        for name, value in body.items():
            check = self.dialect.fields.get(name)
            if check is None or not check(value):
                raise self.wrong(400, "invalid_request", f"json: {name} cannot be read")
        if set(query) - {self.dialect.callback.removeprefix("?")}:
            raise self.wrong(400, "invalid_request", "an unknown query")
        prompt = next((str(value) for name, value in body.items() if name.endswith("prompt")), "")
        model = str(body.get("model_name") or body.get("model") or request.match_info.get("model", ""))
        if not prompt or not model:
            raise self.wrong(400, "invalid_request", "a field is missing")
        now_s, (size, seconds) = time.monotonic(), extent(body)
        fate = self.book.take("create", Point.MAKING, prompt)
        begins_s = now_s + self.options.wait_s
        never = fate is not None and fate.do == "never"
        job = Job(
            id=f"task_{len(self.jobs) + 1}:{model.replace('/', '-')}", body={**body, **query}, model=model, size=size,
            seconds=seconds, made_s=now_s, begins_s=begins_s,
            ends_s=begins_s + (1e9 if never else self.options.run_s), fate=fate,
            key=request.headers.get("X-Client-Request-Id", ""), kind=request.match_info.get("kind", ""),
        )  # fmt: skip
        self.jobs[job.id] = job
        self.counts["renders"] += 1
        await self._calls(job)
        return say(self.dialect.made(job))

    async def _body(self, request: web.Request) -> Body:
        wanted, is_form = self.dialect.form, request.content_type == "multipart/form-data"
        if is_form != (wanted == "always") and not (is_form and wanted == "files"):
            raise self.wrong(400, "invalid_request", "the wrong kind of body")
        if is_form:
            form = await request.post()
            files = {name for name, value in form.items() if isinstance(value, web.FileField)}
            if files - {"input_reference"}:
                raise self.wrong(400, "invalid_request", "a file where none is read")
            self.counts["files"] += len(files)
            return self.dialect.unwrap({name: value for name, value in form.items() if isinstance(value, str)})
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise self.wrong(400, "invalid_json", "no JSON") from None
        return self.dialect.unwrap(flat(body))

    def _job(self, request: web.Request) -> Job:
        name = self.dialect.id_in if "id" not in request.match_info else ""
        job = self.jobs.get(request.query.get(name, "") if name else request.match_info["id"])
        known = job is not None and not job.deleted and time.monotonic() >= job.made_s + self.options.unknown_s
        known = known and job is not None and job.kind == request.match_info.get("kind", "")
        if job is None or not known or (job.fate is not None and job.fate.do == "forget"):
            raise self.wrong(*self.dialect.gone)
        return job

    def _word(self, job: Job) -> str:
        queued, running, done, failed = self.dialect.words
        now_s = time.monotonic()
        if now_s < job.begins_s:
            return queued
        if now_s < job.ends_s + self.options.late_s:
            return running
        return failed if job.fate is not None and job.fate.do == "fail" else done

    def _link(self, job: Job) -> str:
        empty = job.fate is not None and job.fate.do == "complete_empty"
        if empty or self._word(job) != self.dialect.words[2]:
            return ""
        token = self.links.give(job.id, time.monotonic() + self.options.link_s)
        return f"{self.files_url}/files/{job.id}/{token}"

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        if self.options.stale:
            return say(self.dialect.made(job))
        word = self._word(job)
        if self.options.small_view:
            done = word == self.dialect.words[2]
            return say({"task_id": job.id, "platform": "1", "status": word, "progress": "100%" if done else "30%"})
        if self.options.place is not None and word == self.dialect.words[2]:
            return self._placed(job)
        if self.options.odd_word and word == self.dialect.words[1] and "error" not in word:
            body = msgspec.json.encode(self.dialect.seen(job, word, "")).replace(word.encode(), b"PONDERING")
            return web.Response(body=body, content_type="application/json")
        link = "" if self.dialect.result else self._link(job)
        status = self.dialect.failed_status if word == self.dialect.words[3] else 200
        told = self.dialect.seen(job, word, link)
        if self.options.falling:
            self.progress = max(5, self.progress - 15)
            told["progress"] = self.progress
        return say(told, status)

    def _placed(self, job: Job) -> web.Response:
        """The link where the test wants it; as a text inside a text it is escaped."""
        body = msgspec.json.encode(self.options.place).replace(b"{link}", self._link(job).encode())
        return web.Response(body=body, content_type="application/json")

    async def _second(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        assert self.dialect.seen_second is not None
        return say(self.dialect.seen_second(job, self._word(job), self._link(job)))

    async def _result(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        return say(self.dialect.seen(job, self._word(job), self._link(job)))

    async def _content(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        if self._word(job) != self.dialect.words[2]:
            raise self.wrong(400, "", "Task is not completed yet, current status: IN_PROGRESS")
        if self.options.redirects:
            return web.Response(status=302, headers={"Location": self._link(job)})
        return await self.serve_clip(request, job.size, job.seconds)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        job = self.jobs.get(request.match_info["id"])
        works = job is not None and self.links.works(job.id, request.match_info["token"], time.monotonic())
        if job is None or not works:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        return await self.serve_clip(request, job.size, job.seconds)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        assert self.dialect.upload is not None
        _, field, reply = self.dialect.upload
        form = request.content_type == "multipart/form-data"
        told = await request.post() if form else msgspec.json.decode(await request.read())
        if not told.get(field):
            raise self.wrong(400, "invalid_request", "no file")
        self.counts["uploads"] += 1
        return say(reply(f"{self.files_url}/inputs/1.png"))

    async def _read(self, request: web.Request) -> web.StreamResponse:
        return say({**self.dialect.reads, **self.dialect.wallet}[request.path])

    async def _list(self, request: web.Request) -> web.StreamResponse:
        assert self.dialect.listing is not None
        return say(self.dialect.listing[1]([job for job in self.jobs.values() if time.monotonic() >= job.ends_s]))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        if self._word(job) != self.dialect.words[0]:
            raise self.wrong(400, "", "task is not pending")
        job.deleted = True
        return say({"code": 200, "message": f"task {job.id} canceled"})

    # --- callbacks -----------------------------------------------------------------------------------------------

    def callback_of(self, job: Job) -> str:
        return str(job.body.get(self.dialect.callback.removeprefix("?"), ""))

    async def _calls(self, job: Job) -> None:
        """The callbacks that the options ask for, each in its time."""
        if not self.callback_of(job):
            return
        for when in self.options.calls:
            if when == "before_reply":
                await self.call_back(job)
                continue
            self.later(self._call_when_done(job))

    async def _call_when_done(self, job: Job) -> None:
        await asyncio.sleep(max(0.0, min(60.0, job.ends_s - time.monotonic())))
        await self.call_back(job)

    async def call_back(self, job: Job, body: Any = None, headers: dict[str, str] | None = None) -> None:
        """Post the job as it is now, or another body, to where the create asked for it."""
        told = self.dialect.called or self.dialect.seen
        posted = msgspec.json.encode(body if body is not None else told(job, self._word(job), self._link(job)))
        if headers is None:
            headers = self.dialect.signed(self.options.secret, job, posted) if self.options.secret else {}
        await self.tell(self.callback_of(job), posted, headers)


@asynccontextmanager
async def reseller(preset: str = "newapi", **options: Any) -> AsyncIterator[ResellerVendor]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        async with standing(ResellerVendor(preset, settings, Clips(Path(settings.clips or folder)))) as vendor:
            yield vendor
