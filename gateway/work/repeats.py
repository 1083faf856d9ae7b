"""Repeats: how a create is known again, and the first video for one that could not be made a second time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.domain.change import Repeat
from gateway.domain.errors import Absent
from gateway.domain.preferences import NO_PREFERENCES
from gateway.domain.references import ImageGiven, ImageLink
from gateway.domain.requests import Asked, AskedCharacter, Hint
from gateway.domain.videos import Video, encode_public
from gateway.store.outcomes import Repeated
from gateway.work.caller import Caller
from gateway.work.tools import Tools

# The SDK sends a create up to three times, each with its own read timeout, and waits between them (ECOSYSTEM: 240 s).
RESEND_SLACK_S: Final = 240
READ_TIMEOUT_S: Final = 600.0
READ_TIMEOUT_S_MAX: Final = 7_200.0


def repeat_of(caller: Caller, asked: Asked, hint: Hint) -> Repeat:
    """Equal parsed fields are equal requests: bytes differ at every resend, because the boundary does. A link counts by
    its text and a source by its id: what stands behind either may be gone when the request comes again."""
    return _repeat(_of_video(caller, asked), hint)


def repeat_of_character(caller: Caller, asked: AskedCharacter, hint: Hint) -> Repeat:
    return _repeat([caller.key_id, "character", asked.name, asked.model, asked.video.sha256], hint)


def _repeat(parts: Sequence[object], hint: Hint) -> Repeat:
    read_timeout_s = min(hint.read_timeout_s or READ_TIMEOUT_S, READ_TIMEOUT_S_MAX)
    key = hint.idempotency_key
    return Repeat(
        key_name=hashlib.sha256(key.encode()).hexdigest() if key else None,
        fingerprint=hashlib.sha256(msgspec.json.encode(parts)).hexdigest(),
        resend=hint.resend,
        resend_ttl_s=round(2 * read_timeout_s) + RESEND_SLACK_S,
    )


def known_until_ms(repeat: Repeat, video: Video) -> int:
    """How long repeats of the video's create are answered with it."""
    if repeat.key_name is None:
        return video.created_ms + repeat.resend_ttl_s * 1_000
    return video.deadline_ms + repeat.key_ttl_s * 1_000


async def made_before(tools: Tools, caller: Caller, repeat: Repeat) -> bytes | None:
    """The face of the video that an earlier sending of this request made; None if there was none."""
    match await tools.store.recall(caller.key_id, repeat):
        case Repeated(video):
            return await first_video(tools, video)
        case _:
            return None


async def first_video(tools: Tools, video: str) -> bytes:
    """The first video's face, also when it was deleted meanwhile."""
    record = await tools.store.read(video)
    if record is None:
        raise Absent("The video that this request created is gone.", code="video_not_found")
    return encode_public(record)


def _of_video(caller: Caller, asked: Asked) -> list[object]:
    """What was not said has no part in it where it came later than the rest: a request that is sent again while the
    gateway is replaced by a newer one stays the same request."""
    upload = asked.source_upload
    later: list[object] = [] if asked.preferences == NO_PREFERENCES else [asked.preferences]
    later += [] if asked.priority is None else [f"priority {asked.priority}"]
    later += [] if asked.reuse else ["no reuse"]
    later += [asked.extras] if asked.extras else []
    later += [["webhook", asked.webhook_url]] if asked.webhook_url is not None else []
    later += [["last frame", _image(asked.last_image)]] if asked.last_image else []
    later += [["audio", asked.audio]] if asked.audio is not None else []
    return [
        caller.key_id,
        asked.verb,
        asked.model,
        asked.prompt,
        asked.seconds.value if asked.seconds else None,
        str(asked.size.value) if asked.size else None,
        _image(asked.image),
        [asked.source_id, upload.sha256 if upload else None],
        asked.characters,
        asked.seed,
        asked.negative_prompt,
        sorted(asked.metadata.items()),
        *later,
    ]


def _image(image: ImageGiven | None) -> list[str] | str | None:
    return [image.url] if isinstance(image, ImageLink) else image.sha256 if image else None
