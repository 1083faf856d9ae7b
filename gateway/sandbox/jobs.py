"""A job and its id. The id carries everything: what was asked, its seed, its fate and when it began.

So a job outlives any process, and how it stands is a pure function of its id and the time. Only what happens to a job
later (a cancel) is remembered elsewhere, in `memory`. What an id carries is read by whoever has the key: see `seal`.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

from gateway.sandbox.fates import Fate, without_directives
from gateway.sandbox.orders import Order
from gateway.sandbox.seal import Seal, Unsealed

JOB_PREFIX: Final = "mock_"
CHARACTER_PREFIX: Final = "mockchar_"
PROMPT_BYTES_MAX: Final = 600  # of a longer prompt the id holds the beginning, enough for the picture
FILE_LIFE_MS: Final = 24 * 3_600 * 1_000

Verb = Literal["create", "remix", "edit", "extend"]
Status = Literal["queued", "rendering", "completed", "failed", "cancelled"]


class Job(Struct, frozen=True, kw_only=True, array_like=True):
    edition: int = 1
    nonce: str  # two jobs asked for in one millisecond still differ
    model: str
    verb: Verb
    prompt: str
    width: int
    height: int
    seconds: int
    seed: int
    image: str | None = None  # name of an upload
    source: str | None = None
    source_seconds: int = 0
    names: tuple[str, ...] = ()  # of characters
    stills: bool = False
    start_ms: int
    queue_ms: int
    render_ms: int
    fate: dict[str, str] = {}
    last_image: str | None = None
    silent: bool = False

    @property
    def done_ms(self) -> int:
        return self.start_ms + self.queue_ms + self.render_ms

    @property
    def halfway_ms(self) -> int:
        return self.start_ms + self.queue_ms + self.render_ms // 2


class Character(Struct, frozen=True, array_like=True):
    name: str
    video: str
    nonce: str


class Look(Struct, frozen=True):
    """How a job stands. `error` is a class of CLASSES."""

    status: Status
    progress: int = 0
    error: str | None = None


class UnknownJob(Exception):
    """No id of ours."""


def job_id(job: Job, seal: Seal) -> str:
    return seal.close(JOB_PREFIX, msgspec.msgpack.encode(job))


def read_job(text: str, seal: Seal) -> Job:
    try:
        return msgspec.msgpack.decode(seal.open(JOB_PREFIX, text), type=Job)
    except (Unsealed, msgspec.DecodeError) as error:
        raise UnknownJob("not an id of a job") from error


def character_id(character: Character, seal: Seal) -> str:
    return seal.close(CHARACTER_PREFIX, msgspec.msgpack.encode(character))


def read_character(text: str, seal: Seal) -> Character:
    try:
        return msgspec.msgpack.decode(seal.open(CHARACTER_PREFIX, text), type=Character)
    except (Unsealed, msgspec.DecodeError) as error:
        raise UnknownJob("not an id of a character") from error


def shortened(prompt: str) -> str:
    return prompt.encode("utf-8", "replace")[:PROMPT_BYTES_MAX].decode("utf-8", "ignore")


def look(job: Job, now_ms: int, cancelled: bool) -> Look | None:
    """How the job stands by the clock; None once the vendor has forgotten it."""
    if cancelled:
        return Look("cancelled")
    if now_ms >= job.halfway_ms:
        if "forget" in job.fate:
            return None
        if broken := job.fate.get("break"):
            return Look("failed", error=broken)
    if now_ms >= job.done_ms:
        return Look("completed", 100)
    rendered_ms = now_ms - job.start_ms - job.queue_ms
    if rendered_ms < 0:
        return Look("queued")
    return Look("rendering", min(99, 100 * rendered_ms // max(1, job.render_ms)))


def order_of(job: Job) -> Order:
    """What is to be rendered, the wrong thing if that is the job's fate."""
    shrink = 2 if "wrong-size" in job.fate else 1
    return Order(
        caption=without_directives(job.prompt),
        label=f"mock · {job.model}" if job.verb == "create" else f"mock · {job.model} · {job.verb}",
        seed=job.seed,
        width=max(16, job.width // shrink // 2 * 2),
        height=max(16, job.height // shrink // 2 * 2),
        seconds=job.seconds + (1 if "wrong-seconds" in job.fate else 0),
        image=job.image,
        source=job.source,
        source_seconds=job.source_seconds,
        stitched=job.verb == "extend",
        names=job.names,
        last_image=job.last_image,
        silent=job.silent,
    )


def needs_file(fate: Fate) -> bool:
    """Whether anybody will ever download the clip: what breaks on the way need not be rendered."""
    return not ({"break", "forget", "silent-finish", "garbage"} & fate.keys())
