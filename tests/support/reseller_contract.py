"""What simulated resellers take and say: a table per dialect, from the contract's pages and not from the adapter.

A field that is not named here, or of another type, is refused as the vendor would; `extent` reads what a clip must be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

Check: TypeAlias = Callable[[Any], bool]
Body: TypeAlias = dict[str, Any]
WIDTHS: Final = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1), "4:3": (4, 3), "3:4": (3, 4)}
LINES: Final = {"480p": 480, "720p": 720, "1080p": 1080, "std": 720, "pro": 1080, "4k": 2160}
LINK: Final = re.compile(r"https?://[^ ]+")


def text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def digits(value: Any) -> bool:
    return isinstance(value, str) and value.isdigit()


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def link(value: Any) -> bool:
    return isinstance(value, str) and LINK.fullmatch(value) is not None


def tls_link(value: Any) -> bool:
    return link(value) and value.startswith("https://")


def links(value: Any) -> bool:
    return isinstance(value, list) and all(map(link, value)) and 1 <= len(value) <= 2


def pictures(value: Any) -> bool:
    return isinstance(value, list) and all(text(one) for one in value)


def pixels(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{2,4}x[0-9]{2,4}", value) is not None


def among(*words: str) -> Check:
    return lambda value: isinstance(value, str) and value in words


ratio = among(*WIDTHS)
resolution = among("480p", "720p", "1080p")


class Job(Struct):
    id: str
    body: Body  # by dotted names
    model: str
    size: str
    seconds: int
    made_s: float
    begins_s: float
    ends_s: float
    fate: Any
    key: str = ""
    kind: str = ""  # of task, where the path names one: elsewhere it is not known
    deleted: bool = False


Seen: TypeAlias = Callable[[Job, str, str], Any]
"""A job, its state's word and the link to its clip ("" before it is done): the body of a poll."""


Signed: TypeAlias = Callable[[str, Job, bytes], dict[str, str]]
"""The secret, a job and the body of a callback: the headers that show whose it is."""


class Dialect(Struct, frozen=True, kw_only=True):
    create: str
    poll: str  # where `{id}` is not in the path, it is in the query under `id_in`
    fields: Mapping[str, Check]
    words: tuple[str, str, str, str]  # queued, running, done, failed
    made: Callable[[Job], Any]
    seen: Seen
    error: Callable[[int, str, str], tuple[int, Any]]
    gone: tuple[int, str, str] = (404, "not_found", "Task not found")
    id_in: str = ""
    second: str = ""
    seen_second: Seen | None = None
    called: Seen | None = None  # the body of a callback, where it is not a poll's
    signed: Signed = lambda secret, job, body: {}
    result: str = ""  # the clip is told here, and not by the poll
    header: str = "Authorization"
    scheme: str = "Bearer "
    form: str = ""  # `always`, or with `files` only; else JSON
    unwrap: Callable[[Body], Body] = lambda body: body  # what is wrapped once more, told by plain names
    seconds: int = 4  # a length that it makes
    content: str = ""
    upload: tuple[str, str, Callable[[str], Any]] | None = None  # path, field and reply
    reads: Mapping[str, Any] = {}  # what costs nothing, by path
    wallet: Mapping[str, Any] = {}  # likewise, for the user's own token and number
    listing: tuple[str, Callable[[list[Job]], Any]] | None = None  # of what is charged: of jobs that are done
    cancel: str = ""
    callback: str = ""  # a dotted field, or `?name` of the query
    failed_status: int = 200


def flat(value: Any, name: str = "") -> Body:
    """Objects by dotted names; lists as they are."""
    if isinstance(value, dict):
        return {
            key: one
            for inner, held in value.items()
            for key, one in flat(held, f"{name}.{inner}" if name else inner).items()
        }
    return {name: value}


def extent(body: Body) -> tuple[str, int]:
    """Size and seconds, wherever this dialect says them."""
    by_end = {name.rpartition(".")[2]: value for name, value in body.items()}
    seconds = int(by_end.get("seconds") or by_end["duration"])
    size = str(by_end.get("size", ""))
    if pixels(size):
        return size, seconds
    lines = LINES.get(str(by_end.get("resolution") or by_end.get("quality") or by_end.get("mode") or size).lower(), 720)
    wide, high = WIDTHS[str(by_end.get("aspect_ratio") or by_end.get("ratio") or size)]
    unit = lines / min(wide, high)
    return f"{round(wide * unit)}x{round(high * unit)}", seconds


def nested(status: int, code: str, message: str) -> tuple[int, Any]:
    return status, {"error": {"message": f"{message} (request id: 2026)", "type": "new_api_error", "code": code}}


def task_form(status: int, code: str, message: str) -> tuple[int, Any]:
    """new-api: nested from the front, flat from tasks, also where an upstream's 401 is passed on."""
    return (
        nested(status, code, message)
        if status in (401, 503) and code != "fail_to_fetch_task"
        else (status, {"code": code, "message": message, "data": None})
    )


def enveloped(name: str, message: str) -> Callable[[Any], Any]:
    return lambda data: {"code": 200, name: message, "data": data}


def failure(job: Job, word: str) -> dict[str, Any]:
    return (
        {"code": job.fate.code or "", "message": job.fate.message}
        if word.lower() in ("failed", "fail", "error")
        else {}
    )


# --- new-api -------------------------------------------------------------------------------------------------------

NEWAPI_FIELDS: Final[Mapping[str, Check]] = {
    "model": text, "prompt": text, "seconds": digits, "duration": whole, "size": pixels, "image": text,
    "images": pictures, "metadata.aspect_ratio": ratio, "metadata.negative_prompt": text, "metadata.seed": whole,
    "metadata.mode": text,
}  # fmt: skip
OPENAI_WORD: Final = {"NOT_START": "unknown", "IN_PROGRESS": "in_progress", "SUCCESS": "completed", "FAILURE": "failed"}


def video_object(job: Job, word: str, link: str) -> Any:
    face = {"id": job.id, "task_id": job.id, "object": "video", "model": job.model, "status": OPENAI_WORD[word],
            "progress": 30, "created_at": 1795200000000, "completed_at": 1795200151}  # fmt: skip
    if word == "FAILURE":
        face["error"] = {"message": job.fate.message, "code": ""}
    return {**face, "metadata": {"url": link}} if link else face


def record(job: Job, word: str, link: str) -> Any:
    reason = job.fate.message if word == "FAILURE" else ""
    data: dict[str, Any] = {
        "id": 88121, "task_id": job.id, "platform": "50", "quota": 100_000 * job.seconds, "status": word,
        "fail_reason": reason, "result_url": link, "progress": "100%" if link else "30%", "data": {},
    }  # fmt: skip
    return {"code": "success", "message": "", "data": data}


def queued_object(job: Job) -> Any:
    return {"id": job.id, "task_id": job.id, "object": "video", "model": job.model, "status": "queued", "progress": 0}


NEWAPI: Final = Dialect(
    create="/v1/videos",
    poll="/v1/videos/{id}",
    second="/v1/video/generations/{id}",
    content="/v1/videos/{id}/content",
    fields=NEWAPI_FIELDS,
    words=("NOT_START", "IN_PROGRESS", "SUCCESS", "FAILURE"),
    made=queued_object,
    seen=video_object,
    seen_second=record,
    error=task_form,
    gone=(400, "task_not_exist", "task_not_exist"),
    reads={
        "/v1/models": {"success": True, "object": "list", "data": [{"id": "kling-v2-6", "object": "model"}]},
        "/v1/dashboard/billing/subscription": {"object": "billing_subscription", "hard_limit_usd": 20.5},
        "/v1/dashboard/billing/usage": {"object": "list", "total_usage": 525.5},
    },
)
GENERATIONS: Final = msgspec.structs.replace(
    NEWAPI, create="/v1/video/generations", poll="/v1/video/generations/{id}", second="", seen=record, seen_second=None
)


def crazy(job: Job, word: str, link: str) -> Any:
    data = {"task_id": job.id, "status": word, "error": failure(job, word) or None, "format": "mp4", "metadata": None,
            "result_url": link, "artifact_url": link}  # fmt: skip
    return {"code": "success", "message": "", "data": data}


def crazy_upload(link: str) -> Any:
    return {"id": "file_1", "url": link, "mime_type": "image/png", "size": 1, "expires_at": 1}


CRAZY_UNIFIED: Final = Dialect(
    create="/v1/video/create",
    poll="/v1/video/query",
    id_in="id",
    fields={"model": text, "prompt": text, "aspect_ratio": among("16:9", "9:16", "1:1"), "size": among("720P", "1080P"),
            "duration": whole, "images": links},
    words=("queued", "processing", "SUCCESS", "failed"),
    made=lambda job: {"task_id": job.id, "status": "processing"},
    seen=crazy,
    error=nested,
    gone=(400, "task_not_exist", "task_not_exist"),
    upload=("/v1/files/uploads", "file", crazy_upload),
)  # fmt: skip
