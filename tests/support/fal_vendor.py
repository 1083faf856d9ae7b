"""A simulated fal on loopback: a strict queue, short addresses, runs that say COMPLETED whatever came of them, and
callbacks that are signed.

async with fal(clips=str(tmp_path), run_s=0.1) as v: ... v.base_url, v.requests, v.counts, v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve (the status), result, delete (the cancel) and
content; a fate's `status` and `code` are the result's. Callbacks are sent where `calls_back` is set.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.ed25519_signer import Signer
from tests.support.fal_contract import Refusal, check_head, check_input, complaint, size_of
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Links, Stand, VendorError, say, standing

NAMESPACES: Final = ("workflows", "comfy")
SIGNER: Final = Signer(hashlib.sha256(b"fal").digest())
"""Its published key is `SIGNER.jwk_x`."""


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "id:secret_fal"
    places: int = 2  # requests that run at once; more wait, with none for ever
    run_s: float = 0.05
    stops: bool = True  # a running request that is asked to stop does; else it loses the race and finishes
    link_s: float = 60.0
    links_dead: int = 0  # so many links of a clip are dead from the beginning
    calls_back: bool = False  # to the address that it was given
    signs: bool = True  # its callbacks
    clips: str = ""


class Request(Struct):
    id: str
    app: str
    path: str
    body: dict[str, Any]
    size: str
    begins_s: float
    ends_s: float
    webhook: str | None
    fate: Fault | None
    stopped: bool = False

    def status(self, now_s: float) -> str:
        if self.stopped or now_s >= self.ends_s:
            return "COMPLETED"
        return "IN_PROGRESS" if now_s >= self.begins_s else "IN_QUEUE"


class Fal(Stand):
    """The vendor: its requests by id."""

    def __init__(self, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.options = options
        self.links = Links(options.links_dead)
        self.requests: dict[str, Request] = {}

    @property
    def api_key(self) -> str:
        return self.options.api_key

    def jobs_made(self) -> Iterable[Request]:
        return self.requests.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        below = "/{app:[^/]+/[^/]+}/requests/{id}"
        return [
            ("GET", "/files/{id}/{token}/out.mp4", "content", self._content),
            ("GET", below + "/status", "retrieve", self._status),
            ("GET", below, "result", self._result),
            ("PUT", below + "/cancel", "delete", self._cancel),
            ("POST", "/{path:.+}", "create", self._create),
            ("GET", "/{path:.+}", "retrieve", self._wrong_address),
            ("PUT", "/{path:.+}", "delete", self._wrong_address),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        if verb != "content":
            check_head(request.headers, self.api_key)
        elif "Authorization" in request.headers:
            raise Refusal(400, "A public file needs no key.")

    def worded(self, fault: Fault) -> VendorError:
        wait = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        if fault.status == 422:
            return Refusal(422, [complaint("prompt", fault.code or "value_error", fault.message)], headers=wait)
        return Refusal(fault.status, fault.message, error_type=fault.code, headers=wait)

    # --- answers -------------------------------------------------------------------------------------------------

    async def _wrong_address(self, request: web.Request) -> web.StreamResponse:
        raise Refusal(405, "Method Not Allowed")

    async def _create(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise Refusal(400, "The body is no JSON.") from None
        wanted = check_input(path, body)
        if set(request.query) - {"fal_webhook"}:
            raise Refusal(400, "Unknown query parameter")
        now_s = time.monotonic()
        ends = sorted(one.ends_s for one in self.requests.values() if one.ends_s > now_s and not one.stopped)
        busy = len(ends) - self.options.places
        begins_s = (ends[busy] if ends else now_s + 1e9) if busy >= 0 else now_s
        fate = self.book.take("create", Point.MAKING, str(body["prompt"]))
        ends_s = begins_s + (1e9 if fate is not None and fate.do == "never" else self.options.run_s)
        made = Request(
            id=str(uuid.uuid4()), app=_app(path), path=path, body=body, begins_s=begins_s, ends_s=ends_s, fate=fate,
            size=size_of(path, wanted, body, _picture_size(body)), webhook=request.query.get("fal_webhook"),
        )  # fmt: skip
        self.requests[made.id] = made
        self.counts["renders"] += 1
        if made.webhook is not None and self.options.calls_back:
            self.later(self._call_back(made))
        return say({"status": "IN_QUEUE", "queue_position": max(0, busy), "request_id": made.id, **self._urls(made)})

    def _urls(self, made: Request) -> dict[str, str]:
        address = f"{self.base_url}/{made.app}/requests/{made.id}"
        return {"response_url": address, "status_url": f"{address}/status", "cancel_url": f"{address}/cancel"}

    def _found(self, request: web.Request) -> Request:
        made = self.requests.get(request.match_info["id"])
        if made is None or made.app != request.match_info["app"] or (made.fate and made.fate.do == "forget"):
            raise Refusal(404, "Request not found")
        return made

    async def _status(self, request: web.Request) -> web.StreamResponse:
        made, now_s = self._found(request), time.monotonic()
        status = made.status(now_s)
        face: dict[str, Any] = {"status": status, "request_id": made.id, **self._urls(made)}
        if status == "IN_QUEUE":
            face["queue_position"] = 0
        if status == "COMPLETED":
            face["metrics"] = {"inference_time": 1.0}
            if made.stopped:
                face |= {"error": "Request was cancelled", "error_type": "client_cancelled"}
            elif made.fate is not None and made.fate.do == "complete_with_error":
                face |= {"error": made.fate.message, "error_type": made.fate.code or "runner_disconnected"}
        return say(face, 200 if status == "COMPLETED" else 202)

    async def _result(self, request: web.Request) -> web.StreamResponse:
        made = self._found(request)
        if made.status(time.monotonic()) != "COMPLETED":
            raise Refusal(400, "Request is still in progress")
        status, output = self._output(made)
        return say(output, status)

    def _output(self, made: Request) -> tuple[int, dict[str, Any]]:
        fate = made.fate
        if made.stopped:
            return 499, {"detail": "Request was cancelled", "error_type": "client_cancelled"}
        if fate is not None and fate.do == "fail":
            refusal = self.worded(fate)
            return refusal.status, refusal.body
        if fate is not None and fate.do == "complete_empty":
            return 200, {"seed": 1}
        token = self.links.give(made.id, time.monotonic() + self.options.link_s)
        video = {"url": f"{self.base_url}/files/{made.id}/{token}/out.mp4", "content_type": "video/mp4"}
        return 200, {"video": {**video, "file_name": "out.mp4", "file_size": 1}, "seed": 1234}

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        made = self._found(request)
        match made.status(time.monotonic()):
            case "COMPLETED":
                return say({"status": "ALREADY_COMPLETED"}, 400)
            case "IN_QUEUE":
                del self.requests[made.id]
                self.counts["renders"] -= 1
                return say({"status": "CANCELLATION_REQUESTED"}, 200)
            case _:
                made.stopped = self.options.stops
                return say({"status": "CANCELLATION_REQUESTED"}, 202)

    async def _content(self, request: web.Request) -> web.StreamResponse:
        made = self.requests.get(request.match_info["id"])
        if made is None or not self.links.works(made.id, request.match_info["token"], time.monotonic()):
            return web.Response(status=404, text="not found")
        return await self.serve_clip(request, made.size, int(str(made.body["duration"]).removesuffix("s")))

    # --- callbacks -----------------------------------------------------------------------------------------------

    async def _call_back(self, made: Request) -> None:
        await asyncio.sleep(max(0.0, made.ends_s - time.monotonic()))
        if made.id not in self.requests or made.webhook is None:
            return
        status, output = self._output(made)
        body = self.callback(made.id, "OK" if status == 200 else "ERROR", output)
        head = self.signature(body, made.id) if self.options.signs else {}
        await self.tell(made.webhook, body, head)

    def callback(self, ident: str, status: str, payload: object) -> bytes:
        face = {"request_id": ident, "gateway_request_id": ident, "status": status, "payload": payload, "error": None}
        return msgspec.json.encode(face)

    def signature(self, body: bytes, ident: str, *, at_s: float | None = None) -> dict[str, str]:
        """The head of a callback, names in lower case."""
        told = [ident, "user_1", str(int(time.time() if at_s is None else at_s))]
        message = "\n".join([*told, hashlib.sha256(body).hexdigest()]).encode()
        names = ("request-id", "user-id", "timestamp", "signature")
        return {
            f"x-fal-webhook-{name}": value
            for name, value in zip(names, [*told, SIGNER.sign(message).hex()], strict=True)
        }


def _app(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[: 3 if parts[0] in NAMESPACES else 2])


def _picture_size(body: dict[str, Any]) -> str | None:
    """Of a PNG that came as a data URI."""
    told = next((value for name, value in body.items() if name.endswith("_url")), "")
    head, comma, text = str(told).partition(";base64,")
    if not comma or not head.startswith("data:image/png"):
        return None
    data = base64.b64decode(text)[16:24]
    return f"{int.from_bytes(data[:4], 'big')}x{int.from_bytes(data[4:], 'big')}"


@asynccontextmanager
async def fal(**options: Any) -> AsyncIterator[Fal]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        async with standing(Fal(settings, Clips(Path(settings.clips or folder)))) as vendor:
            yield vendor
