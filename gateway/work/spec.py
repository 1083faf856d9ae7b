"""What an attempt asks of its vendor, put together from the record and the files it names."""

from __future__ import annotations

from gateway.assets.store import AssetMissing
from gateway.domain.pricing import with_sound
from gateway.domain.routing import Route
from gateway.domain.signing import callback_name
from gateway.domain.videos import Attempt, StoredImage, Video, attempt_id
from gateway.work.tools import Tools
from providers.contract import Blob, Image, Source, Spec


async def spec_of(tools: Tools, video: Video, attempt: Attempt, route: Route, *, with_files: bool = True) -> Spec:
    """The same for every sending of an attempt, so that a resend under its key is the same request. StorageAway or
    AssetMissing where a file cannot be had."""
    request = video.request
    source = request.source
    ref = source.ref if source is not None and source.account == attempt.account else None
    if source is not None and ref is None and with_files and await tools.assets.size(source.asset) is None:
        raise AssetMissing(f"no file named {source.asset}")
    return Spec(
        verb=request.verb,
        model=attempt.model,
        prompt=request.prompt,
        seconds=request.seconds,
        size=request.size,
        # What decides the price is never left to a vendor's default.
        audio=with_sound(route.abilities, request.audio) if route.abilities.audio is None else None,
        image=await _image(tools, request.image) if with_files else None,
        last_image=await _image(tools, request.last_image) if with_files else None,
        source=Source(
            asset=Blob(source.asset, source.media_type, source.size_bytes),
            account=source.account,
            ref=ref,
            prompt=source.prompt,
            seconds=source.seconds,
            size=source.size,
        )
        if source is not None
        else None,
        characters=tuple(one.ref for one in request.characters),
        seed=request.seed,
        negative_prompt=request.negative_prompt,
        extras=request.extras,
        callback_url=await _callback_url(tools, video, attempt) if route.abilities.calls_back else None,
    )


def pictures_bytes(video: Video) -> int:
    """What the pictures of a submission take."""
    first, last = video.request.image, video.request.last_image
    return (first.size_bytes if first is not None else 0) + (last.size_bytes if last is not None else 0)


async def _callback_url(tools: Tools, video: Video, attempt: Attempt) -> str | None:
    base = tools.snapshot().settings.gateway.public_url
    if base is None:
        return None
    name = callback_name(await tools.store.hook_secret(), attempt.provider, attempt_id(video.id, attempt.ordinal))
    return f"{base}/hooks/{attempt.provider}/{name}"


async def _image(tools: Tools, image: StoredImage | None) -> Image | None:
    if image is None:
        return None
    data = b"".join([chunk async for chunk in tools.assets.read(image.name)])
    return Image(data, image.media_type, image.width, image.height)
