"""What is said over the wire: requests read strictly, answers as plain JSON, refusals as one exception.

Pure but for reading the parts of a request. The contract itself stands in the package's docstring.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from aiohttp import BodyPartReader, web
from msgspec import Struct

from gateway.sandbox.fates import CLASSES, WrongDirective
from gateway.sandbox.jobs import FILE_LIFE_MS, Job, Look, Verb
from gateway.sandbox.orders import MEDIA_TYPE, Kind
from gateway.sandbox.shelf import Shelf

SPEC_BYTES_MAX: Final = 512 * 1024
FILE_BYTES_MAX: Final = {
    "image": 20 * 1024 * 1024,
    "last_image": 20 * 1024 * 1024,
    "source": 256 * 1024 * 1024,
    "video": 256 * 1024 * 1024,
}
PARTS_MAX: Final = 4
CHUNK_BYTES: Final = 256 * 1024
MODELS: Final = ("sora-2", "sora-2-pro", "mock-video")
RETRY_AFTER_S: Final = 1


class Wanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A submission, as the client writes it."""

    model: str
    verb: Verb = "create"
    prompt: str
    seconds: int
    width: int
    height: int
    seed: int | None = None
    negative_prompt: str | None = None
    audio: bool = True
    characters: list[str] = []
    source_seconds: int = 0
    stills: bool = False
    name: str = ""  # for `[mock@NAME:…]`
    queue_s: float | None = None
    render_s: float | None = None
    fate: str = ""
    callback_url: str = ""  # is told the job's id when it is made and when it has ended


class Portrait(Struct, frozen=True, forbid_unknown_fields=True):
    """A character, as the client asks for it."""

    name: str = ""
    aim: str = ""  # for `[mock@NAME:…]`: the name that the request gives itself


class Refusal(Exception):
    """Nothing was made. `kind` is a class of CLASSES."""

    def __init__(self, kind: str, message: str = "", *, status: int | None = None, code: str | None = None) -> None:
        self.status, self.code, standard = CLASSES[kind]
        self.status = status or self.status
        self.code = code or self.code
        self.message = message or standard
        super().__init__(self.message)

    def answer(self) -> web.Response:
        if self.status == 200:
            return page()
        headers = {"Retry-After": str(RETRY_AFTER_S)} if self.status in (429, 503) else {}
        return json({"error": {"code": self.code, "message": self.message}}, self.status, headers)


class Misdirected(Refusal):
    """The prompt orders what does not exist. Whoever wrote it must learn that, and a client may never see the answer of
    a vendor, so the server notes it, without a word of the prompt."""

    def __init__(self, wrong: WrongDirective) -> None:
        super().__init__("invalid", str(wrong))
        self.logged = wrong.logged


def json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, headers=headers, content_type="application/json"
    )


def page() -> web.Response:
    """Not what anybody asked for."""
    return web.Response(text="<html><body>Scheduled maintenance</body></html>", content_type="text/html")


def check(wanted: Wanted, files: dict[str, str]) -> None:
    """Refusal if this vendor cannot render it, whatever the fate."""
    if wanted.model not in MODELS:
        raise Refusal("not_found", f"models are {', '.join(MODELS)}")
    sides_fit = all(64 <= side <= 2048 and side % 2 == 0 for side in (wanted.width, wanted.height))
    lacks = (
        (not wanted.prompt.strip(), "a prompt is needed"),
        (not sides_fit, "width and height are even numbers from 64 to 2048"),
        (not 1 <= wanted.seconds <= 20, "seconds are 1 to 20"),
        (wanted.verb != "create" and "source" not in files, f"{wanted.verb} needs a source clip"),
        (not 0 <= wanted.source_seconds <= 120, "source_seconds are 0 to 120"),
        (wanted.verb == "extend" and wanted.source_seconds + wanted.seconds > 120, "a clip has at most 120 seconds"),
        (len(wanted.characters) > 2, "a clip has at most two characters"),
    )
    for missing, message in lacks:
        if missing:
            raise Refusal("invalid", message)


def digest(wanted: Wanted, files: dict[str, str]) -> str:
    """Tells whether two submissions with the same key are the same submission."""
    return hashlib.sha256(msgspec.json.encode([wanted, sorted(files.items())])).hexdigest()[:32]


def listed(identity: str, key: str, job: Job) -> dict[str, object]:
    """A job as the list shows it: what was asked for, not how it stands."""
    return {
        "id": identity,
        "key": key or None,
        "model": job.model,
        "prompt": job.prompt,
        "seconds": job.seconds,
        "width": job.width,
        "height": job.height,
        "created_ms": job.start_ms,
    }


def face(identity: str, job: Job, look: Look, link: str) -> dict[str, object]:
    """A job as a client sees it."""
    charge = job.fate.get("charge")
    answer: dict[str, object] = {
        "id": identity,
        "status": look.status,
        "model": job.model,
        "seconds": job.seconds,
        "progress": look.progress,
        "charged_usd": charge if look.status in ("completed", "failed") else None,
    }
    if look.error:
        _, code, message = CLASSES[look.error]
        answer["error"] = {"code": code, "message": message, "billed": charge is not None}
    if look.status == "completed" and "silent-finish" not in job.fate:
        kinds: tuple[Kind, ...] = ("video", "thumbnail", "spritesheet") if job.stills else ("video",)
        answer["files"] = [
            {
                "kind": kind,
                "path": f"/jobs/{identity}/files/{kind}{link}",
                "media_type": MEDIA_TYPE[kind],
                "expires_ms": job.done_ms + FILE_LIFE_MS,
            }
            for kind in kinds
        ]
    return answer


async def read_form(request: web.Request, uploads: Shelf) -> tuple[bytes, dict[str, str]]:
    """The text of the part `spec` and the names of the uploads, kept by content. Refusal for anything else."""
    if not request.content_type.startswith("multipart/"):
        return await request.read(), {}
    spec = b""
    files: dict[str, str] = {}
    reader = await request.multipart()
    for _ in range(PARTS_MAX):
        part = await reader.next()
        if part is None:
            return spec, files
        if not isinstance(part, BodyPartReader):
            raise Refusal("invalid", "a part within a part")
        if part.name == "spec":
            spec = await _text(part)
        elif part.name in FILE_BYTES_MAX:
            files[part.name] = await _keep(part, uploads, FILE_BYTES_MAX[part.name])
        else:
            raise Refusal("invalid", f"unknown part {part.name!r}")
    raise Refusal("invalid", "too many parts")


async def _text(part: BodyPartReader) -> bytes:
    text = bytearray()
    while chunk := await part.read_chunk():
        text += chunk
        if len(text) > SPEC_BYTES_MAX:
            raise Refusal("invalid", "the part spec is too long")
    return bytes(text)


async def _keep(part: BodyPartReader, uploads: Shelf, bytes_max: int) -> str:
    """Write an upload aside while it comes, and name it by its content."""
    aside, size, sha = uploads.aside(), 0, hashlib.sha256()
    try:
        with aside.open("wb") as file:
            while chunk := await part.read_chunk(CHUNK_BYTES):
                size += len(chunk)
                if size > bytes_max:
                    raise Refusal("invalid", "the file is too large")
                sha.update(chunk)
                file.write(chunk)
        name = sha.hexdigest()[:32]
        uploads.put(aside, name)
        return name
    finally:
        aside.unlink(missing_ok=True)
