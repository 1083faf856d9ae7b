"""The record of a video and of its attempts, and the face of it that a client sees.

A video is what the client asked for; an attempt is one submission of it to one route. Attempts have a life of their
own: a video may be final in public while an attempt is still followed. Records are frozen: `moves` makes new ones.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from gateway.domain.money import format_usd
from providers.contract import AssetKind, Charge, Json, Ref, Remote, Size, Verb, Why

ATTEMPTS_MAX: Final = 64
PROMPT_CHARS_MAX: Final = 32_000


class State(StrEnum):
    QUEUED = "queued"
    SUBMITTING = "submitting"
    IN_DOUBT = "in_doubt"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COLLECTING = "collecting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL: Final = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


class AttemptState(StrEnum):
    PLANNED = "planned"  # the route is chosen and its price held; nothing was said to the vendor
    SENT = "sent"  # a call is, or may be, in the air
    DOUBTFUL = "doubtful"  # it may have arrived; nobody knows
    RUNNING = "running"  # the vendor has it
    CLOSED = "closed"  # the vendor owes nothing more and the money is booked


class CancelSaid(StrEnum):
    """What came of asking a vendor to stop an attempt."""

    CONFIRMED = "confirmed"
    TOO_LATE = "too_late"  # it had ended, or its clip was there already
    CANNOT = "cannot"  # the vendor stops nothing
    UNANSWERED = "unanswered"  # no usable answer came for so long that waiting for the clip is better


class Word(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator found out about a doubtful attempt, and who said so when."""

    received: bool
    ref: Ref | None = None  # the vendor's handle on the job, where it was received
    by: str
    at_ms: int
    reason: str = ""


class StoredImage(Struct, frozen=True, kw_only=True):
    """An input image in our asset store."""

    name: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str


class SourceVideo(Struct, frozen=True, kw_only=True):
    """The clip that a remix, an edit or an extension starts from; `video` is None for an uploaded one."""

    video: str | None
    asset: str
    size_bytes: int
    sha256: str = ""  # of an upload
    media_type: str = "video/mp4"
    account: str | None = None
    ref: Ref | None = None
    prompt: str = ""
    seconds: int
    size: Size


class CharacterUse(Struct, frozen=True, kw_only=True):
    id: str
    account: str
    ref: Ref


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the client asked for, normalised and checked. `model` is the name it used."""

    verb: Verb = Verb.CREATE
    model: str
    prompt: str
    seconds: int
    size: Size
    image: StoredImage | None = None
    last_image: StoredImage | None = None  # the clip ends with it
    source: SourceVideo | None = None
    characters: tuple[CharacterUse, ...] = ()
    seed: int | None = None
    negative_prompt: str | None = None
    audio: bool | None = None  # with or without sound; None: as each route makes them, with it where that can be chosen
    metadata: dict[str, str] = {}
    extras: dict[str, Json] = {}
    asked_size: Size | None = None  # where another one, the nearest, is rendered
    asked_seconds: int | None = None

    @property
    def images(self) -> tuple[StoredImage, ...]:
        """The given ones, at most two."""
        return tuple(one for one in (self.image, self.last_image) if one is not None)


class StoredAsset(Struct, frozen=True, kw_only=True):
    """A rendered file in our storage."""

    kind: AssetKind
    name: str
    media_type: str
    size_bytes: int
    etag: str


class VideoError(Struct, frozen=True):
    code: str
    message: str


class Choice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One route as the plan saw it: kept with its rank, or dropped with the reason."""

    route: str
    price_micros: int | None = None
    credit_usd_billionths: int | None = None  # of the price line: what a credit is worth there
    dropped: str | None = None
    skipped: str | None = None  # kept, but not allowed when the video was admitted
    expected_micros: int | None = None  # what a clip comes to there: price by chance of success
    success: float | None = None  # that chance, from what was observed
    p50_s: float | None = None  # how long it takes there, for clips of this length
    p95_s: float | None = None
    score: float | None = None  # what it was ranked by; lower is better
    note: str | None = None  # why it does not stand where its score would put it


class Attempt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    ordinal: int  # from 1
    route: str
    provider: str
    account: str  # pins provider, base URL and account
    model: str  # the vendor's name
    state: AttemptState = AttemptState.PLANNED
    key: str  # idempotency key, the same for every sending of this attempt
    price_micros: int
    credit_usd_billionths: int | None = None  # a charge in credits is booked at this
    counters: tuple[str, ...]  # what its hold touched
    planned_ms: int
    sent_ms: int = 0
    send_by_ms: int = 0  # no first byte leaves after this
    sendings: int = 0
    accepted_ms: int = 0
    closed_ms: int = 0
    ref: Ref | None = None
    named: Ref | None = None  # what a callback says its job is; not bound before it was looked at
    assets: tuple[Remote, ...] = ()  # as the vendor reported them when finished
    charged: Charge | None = None
    due_ms: int = 0  # when to look at it again
    lost_in_a_row: int = 0  # polls that said "no such job"
    empty_finds: int = 0  # complete, empty finds after it should have been visible
    candidates: tuple[Ref, ...] = ()  # jobs that a find took for probably this one
    word: Word | None = None
    abandoned: bool = False  # the video went on without it: followed for the books, its clip not shown
    follow_until_ms: int = 0  # an abandoned attempt is booked as presumed then
    cancel_tried: bool = False
    cancel_said: CancelSaid | None = None
    late_ms: int = 0  # when it was found to be late
    stay_until_ms: int = 0  # late, but no budget allowed another attempt: not left before
    cost_micros: int = 0  # what was settled and adjusted
    presumed: bool = False  # the settle was for want of a proof that it is free
    disputed_micros: int = 0  # charged beyond belief, until an operator decides
    spared: int = 0  # so many of its first counters do not bear what it cost
    adjusts: int = 0  # how often that was corrected
    why: Why | None = None  # the class it ended with
    message: str = ""
    retry_at_ms: int = 0  # the vendor asked not to be tried before


class Origin(Struct, frozen=True, kw_only=True):
    """The video whose clip another one got, and the vendor's job that made it."""

    video: str
    account: str
    ref: Ref | None = None


class Video(Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    project: str
    key_id: str
    version: int = 1
    state: State = State.QUEUED
    request: Request
    project_class: str = ""  # of its key or project when it was admitted: what its figures are told apart by
    default_tags: dict[str, str] = {}  # of its key and project when it was admitted; none that its metadata names
    created_ms: int
    deadline_ms: int
    priority: int = 5  # 0 to 9, more is more urgent: who has to wait for a provider goes by it
    lined: tuple[str, ...] = ()  # the providers that it waits for, while it is queued and none takes it
    plan: tuple[Choice, ...] = ()
    strategy: str = ""  # that the plan was ranked by
    attempts: tuple[Attempt, ...] = ()  # at least one, unless its clip is another's
    reused_from: Origin | None = None
    reuse_ms: int = 0  # for how long after its completion its clip may answer identical creates
    retry_of: str | None = None  # the video of whose record an operator made it
    preferences: dict[str, Json] = {}  # `routing` and `max_cost_usd` of its request, for who makes it again
    current: int = 1  # ordinal of the attempt whose clip the client will get
    shown_in_progress: bool = False
    progress: int = 0
    cancel_asked: bool = False  # no further attempt is made
    cancel_ms: int = 0  # when that was asked first
    collect_failures: int = 0
    assets: tuple[StoredAsset, ...] = ()
    error: VideoError | None = None
    completed_ms: int = 0
    expires_ms: int = 0  # when the assets go, as the client is told
    sweep_ms: int = 0  # when its files are removed; 0: it has none
    deleted: bool = False
    webhook_url: str | None = None  # where its end is told beside the targets of its key and project
    repeats_until_ms: int = 0  # a repeat of its create is answered with it until then
    request_id: str = ""  # of the create
    trace: str = ""  # the span of that request as a W3C `traceparent`, where it is traced

    @property
    def tags(self) -> dict[str, str]:
        """What every entry about it carries."""
        return {**self.default_tags, **self.request.metadata}

    @property
    def current_attempt(self) -> Attempt:
        return self.attempts[self.current - 1]

    @property
    def rendered(self) -> tuple[str, Ref | None]:
        """Account and handle of the job that made, or is to make, its clip."""
        made = self.reused_from or self.current_attempt
        return made.account, made.ref

    def attempt(self, ordinal: int) -> Attempt:
        return self.attempts[ordinal - 1]

    @property
    def open_attempts(self) -> tuple[Attempt, ...]:
        return tuple(attempt for attempt in self.attempts if attempt.state is not AttemptState.CLOSED)


def attempt_id(video_id: str, ordinal: int) -> str:
    """The name of an attempt in keys, callbacks and the ledger."""
    return f"{video_id}.{ordinal}"


def public_status(video: Video) -> str:
    """One of OpenAI's four words. Never goes back: once `in_progress` was shown, `queued` is not."""
    match video.state:
        case State.COMPLETED:
            return "completed"
        case State.FAILED | State.CANCELLED:
            return "failed"
        case State.QUEUED | State.SUBMITTING:
            return "in_progress" if video.shown_in_progress else "queued"
        case _:
            return "in_progress"


def public_video(video: Video) -> dict[str, Json]:
    """The thirteen keys of OpenAI's video object, in the order real answers showed, and `metadata` as an extra."""
    request = video.request
    source = request.source
    error = video.error
    status = public_status(video)
    face: dict[str, Json] = {
        "id": video.id,
        "object": "video",
        "created_at": video.created_ms // 1000,
        "status": status,
        "completed_at": video.completed_ms // 1000 if video.completed_ms else None,
        "error": {"code": error.code, "message": error.message} if error else None,
        "expires_at": video.expires_ms // 1000 if video.expires_ms else None,
        "model": request.model,
        "progress": 0 if status == "queued" else video.progress,
        "prompt": request.prompt,
        "remixed_from_video_id": source.video if source and request.verb is not Verb.CREATE else None,
        "seconds": str(public_seconds(request)),
        "size": str(request.size),
    }
    if request.metadata:
        face["metadata"] = dict(request.metadata)
    if changes := adjusted(request):
        face["adjusted"] = {name: {"asked": asked, "rendered": made} for name, (asked, made) in changes.items()}
    if video.reused_from is not None:
        face["reused_from"] = video.reused_from.video
    if video.cancel_ms:
        face["cancel"] = cancel_face(video, video.cancel_ms)
    return face


def adjusted(request: Request) -> dict[str, tuple[str, str]]:
    """By field, what was asked for and what is rendered instead, as texts; empty where both are the same."""
    changes = {}
    if request.asked_size is not None:
        changes["size"] = (str(request.asked_size), str(request.size))
    if request.asked_seconds is not None:
        changes["seconds"] = (str(request.asked_seconds), str(request.seconds))
    return changes


def cancel_face(video: Video, asked_ms: int) -> dict[str, Json]:
    """What is known of a cancel, and of what the project pays. `confirmed`: certainly nothing is rendered any more;
    dollars are texts, exact: what is booked by now, and the most that it can come to with what is still held."""
    mine = [one for one in video.attempts if not one.spared]
    cost = sum(one.cost_micros for one in mine)
    more = sum(one.price_micros for one in video.open_attempts) + sum(one.disputed_micros for one in mine)
    certain = (not one.presumed or one.cancel_said is CancelSaid.CONFIRMED for one in video.attempts)
    state = _cancel_state(video)
    return {
        "state": state,
        "asked_at": asked_ms // 1000,
        "confirmed": state == "cancelled" and not video.open_attempts and all(certain),
        "cost_usd": format_usd(cost),
        "may_cost_usd": format_usd(cost + more),
    }


def _cancel_state(video: Video) -> str:
    """`asked`, `cancelled`, `too_late` or `cannot`."""
    said = video.current_attempt.cancel_said if video.attempts else None
    if video.state is State.CANCELLED:
        return "cancelled"
    if said in (CancelSaid.CANNOT, CancelSaid.UNANSWERED):
        return "cannot"
    over = video.state in FINAL and not video.open_attempts
    return "too_late" if over or said is CancelSaid.TOO_LATE or video.state is State.COMPLETED else "asked"


def public_seconds(request: Request) -> int:
    """Length of the finished clip: an extension's is the stitched total."""
    if request.verb is Verb.EXTEND and request.source is not None:
        return request.source.seconds + request.seconds
    return request.seconds


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Video).decode


def encode_video(video: Video) -> bytes:
    return _encode(video)


def decode_video(data: bytes) -> Video:
    """msgspec.ValidationError or DecodeError if this is no record of ours."""
    return _decode(data)


def encode_public(video: Video) -> bytes:
    return _encode(public_video(video))
