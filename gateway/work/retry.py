"""Retrying: a new video of the record of an old one, for the same project and key, charged as any other.

What was decided then is decided anew: plan, prices, limits and caps are those of now. What a record does not keep, the
`routing` of its request and `max_cost_usd`, has no part in it.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from gateway.assets.store import AssetMissing
from gateway.domain.errors import Absent, BadInput, Conflict, WrongKey
from gateway.domain.ids import RANDOM_BYTES, video_id
from gateway.domain.references import FIRST_FRAME, LAST_FRAME, ImageBytes
from gateway.domain.requests import Asked, Hint
from gateway.domain.synonyms import Said
from gateway.domain.videos import FINAL, StoredImage, Video
from gateway.work.caller import Caller, identify
from gateway.work.create import Retry, create_video
from gateway.work.inputs import storage_needed
from gateway.work.read import absent
from gateway.work.tools import Tools

OLD: Final = "The video cannot be made again"


class Retried(Struct, frozen=True):
    """A new video that is to be made: nothing of it exists yet."""

    identity: str
    old: Video
    caller: Caller
    asked: Asked


async def prepare(tools: Tools, old_id: str) -> Retried:
    """Everything that can refuse it before anything is written. Absent, Conflict, BadInput."""
    old = await tools.store.read(old_id)
    if old is None or old.deleted:
        raise absent(old_id)
    if old.state not in FINAL:
        raise Conflict("The video is still being made. Cancel it, or wait until it has ended.", param="video_id")
    request, source = old.request, old.request.source
    if source is not None and source.video is None:
        raise BadInput(f"{OLD}: it was made from an uploaded clip, which is not kept. Send it again.", param="video_id")
    size, seconds = request.asked_size or request.size, request.asked_seconds or request.seconds
    asked = Asked(
        verb=request.verb,
        model=request.model,
        prompt=request.prompt,
        seconds=Said(seconds, "seconds", f"Invalid value: the video lasts {seconds} seconds."),
        size=None if source is not None else Said(size, "size", f"Invalid value: the video is {size}."),
        seed=request.seed,
        negative_prompt=request.negative_prompt,
        audio=request.audio,
        metadata=request.metadata,
        extras=request.extras,
        priority=None,
        reuse=False,  # whoever retries wants another clip
        image=await _image(tools, FIRST_FRAME, request.image),
        last_image=await _image(tools, LAST_FRAME, request.last_image),
        characters=tuple(one.id for one in request.characters),
        source_id=source.video if source is not None else None,
        webhook_url=old.webhook_url,
    )
    identity = video_id(tools.clock.now_ms(), tools.random(RANDOM_BYTES))
    return Retried(identity, old, await _caller(tools, old), asked)


async def make(tools: Tools, retried: Retried, again: str | None = None) -> str:
    """The id of the new video, or of the one that the same wish made before. `again`: what an operator names a wish by,
    None for one that stands by itself. Raises ClientError as any create does."""
    # Not a client's own kind of key: no client's resend is answered with it, and it with no other's video.
    named = retried.identity if again is None else f"of {retried.old.id} by {again}"
    hint = Hint(idempotency_key=f"retry {named}")
    retry = Retry(of=retried.old.id, identity=retried.identity)
    face = (await create_video(tools, retried.caller, retried.asked, hint, retry=retry)).face
    made: str = msgspec.json.decode(face)["id"]
    return made


async def _caller(tools: Tools, old: Video) -> Caller:
    key_hash = await tools.store.secret_of(old.key_id)
    try:
        if key_hash is None:
            raise WrongKey("unknown")
        return await identify(tools, key_hash, admits=True)
    except WrongKey:
        raise Conflict(f"{OLD}: its key or its project may not ask any more.", param="video_id") from None


async def _image(tools: Tools, param: str, image: StoredImage | None) -> ImageBytes | None:
    if image is None:
        return None
    with storage_needed():
        try:
            data = b"".join([chunk async for chunk in tools.assets.read(image.name)])
        except AssetMissing:
            raise Absent(
                f"{OLD}: its '{param}' is gone, as files are when their time is over. Send it again.",
                code="input_expired",
                param=param,
            ) from None
    return ImageBytes(
        data=data, media_type=image.media_type, width=image.width, height=image.height, sha256=image.sha256
    )
