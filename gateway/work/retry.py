"""Retrying: a new video of the record of an old one, for the same project and key, charged as any other.

What was decided then is decided anew: plan, prices, limits and caps are those of now. What its request said of its own
`routing` and `max_cost_usd` holds again, unless whoever retries leaves it out.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from gateway.assets.store import AssetMissing
from gateway.domain.errors import Absent, BadInput, Conflict, WrongKey
from gateway.domain.ids import RANDOM_BYTES, video_id
from gateway.domain.preferences import NO_PREFERENCES, preferences_of
from gateway.domain.references import FIRST_FRAME, LAST_FRAME, ImageBytes
from gateway.domain.requests import Asked, Hint
from gateway.domain.synonyms import Said
from gateway.domain.videos import FINAL, StoredImage, Video
from gateway.work.caller import Caller, identify
from gateway.work.create import Retry, create_video
from gateway.work.hand import Hand
from gateway.work.inputs import storage_needed
from gateway.work.read import absent
from gateway.work.spec import pictures_bytes
from gateway.work.tools import Tools

OLD: Final = "The video cannot be made again"


class Wish(Struct, frozen=True, kw_only=True):
    """`name`: what an operator names a wish by, None for one that stands by itself; `anew`: without the preferences of
    the first request."""

    of: str
    name: str | None = None
    anew: bool = False


async def retry(tools: Tools, wish: Wish, hand: Hand) -> str:
    """The id of the new video, or of the one that the same wish made before. The audit log has it from the commit that
    lets it in. Raises ClientError as any create does."""
    old = await tools.store.read(wish.of)
    if old is None or old.deleted:
        raise absent(wish.of)
    identity = video_id(tools.clock.now_ms(), tools.random(RANDOM_BYTES))
    # Not a client's own kind of key: no client's resend is answered with it, and it with no other's video.
    named = identity if wish.name is None else f"of {old.id} by {hand.actor} {wish.name}"
    deed = hand.deed("video.retry", f"video/{old.id}", {"state": old.state.value}, {"retry": identity})
    hint, again = Hint(idempotency_key=f"retry {named}"), Retry(of=old.id, identity=identity, deed=deed)
    with tools.incoming.share(old.project) as hold:
        hold(pictures_bytes(old))
        asked = await _asked(tools, old, wish)
        face = (await create_video(tools, await _caller(tools, old), asked, hint, retry=again)).face
    made: str = msgspec.json.decode(face)["id"]
    return made


async def _asked(tools: Tools, old: Video, wish: Wish) -> Asked:
    """What the old record asked for. Conflict, BadInput, Absent."""
    if old.state not in FINAL:
        raise Conflict("The video is still being made. Cancel it, or wait until it has ended.", param="video_id")
    request, source = old.request, old.request.source
    if source is not None and source.video is None:
        raise BadInput(f"{OLD}: it was made from an uploaded clip, which is not kept. Send it again.", param="video_id")
    size, seconds = request.asked_size or request.size, request.asked_seconds or request.seconds
    return Asked(
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
        preferences=NO_PREFERENCES if wish.anew else preferences_of(old.preferences),
    )


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
