"""Collecting: the rendered clip copied into our storage, checked, and given its thumbnail and spritesheet.

The lease is renewed while bytes come in. Failing to store is our trouble and is tried again; only a file that arrived
whole and is wrong, twice over, is the vendor's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gateway.assets.media import MediaAway, Sound, WrongFile
from gateway.assets.names import StorageAway, asset_name
from gateway.domain import news as told
from gateway.domain.videos import Attempt, StoredAsset, Video, public_seconds
from gateway.domain.world import World
from gateway.log import log
from gateway.store.store import StoreAway
from gateway.upstream.driver import Downloaded, Endpoint, LinkStale
from gateway.work.act import Result, Wait
from gateway.work.book import Job
from gateway.work.tools import Tools
from providers.contract import AssetKind, Remote

CLIP_BYTES_MAX = 2 * 1024**3
PICTURE_BYTES_MAX = 32 * 1024**2
COLLECT_S_MAX = 900.0
MEDIA_TYPES = {
    AssetKind.VIDEO: "video/mp4",
    AssetKind.THUMBNAIL: "image/webp",
    AssetKind.SPRITESHEET: "image/jpeg",
}


async def collect(tools: Tools, job: Job, attempt: Attempt, world: World) -> Result:
    """Fetch, check and keep the clip of a finished attempt."""
    endpoint = job.snapshot.endpoints.get(attempt.provider)
    remote = next((one for one in attempt.assets if one.kind is AssetKind.VIDEO), None)
    if endpoint is None or remote is None:
        return told.LinkStale(attempt.ordinal)
    async with _lease_renewed(tools, job):
        try:
            return await _collect(tools, job, attempt, endpoint, remote)
        except (StorageAway, MediaAway) as error:
            log("storage_away", level="error", video=job.video.id, reason=str(error))
            return Wait()


async def _collect(tools: Tools, job: Job, attempt: Attempt, endpoint: Endpoint, remote: Remote) -> Result:
    video = job.video
    for last in (False, True):
        clip = await _fetch(tools, video, attempt, endpoint, remote)
        if not isinstance(clip, StoredAsset):
            return clip
        seen = await _inspect(tools, video)
        if not isinstance(seen, WrongFile):
            return told.Stored(attempt.ordinal, (clip, *seen))
        log("wrong_file", level="warning", video=video.id, attempt=attempt.ordinal, reason=seen.reason, again=not last)
        await tools.assets.delete(clip.name)
    # A body cut on the way looks like a wrong file; one that is wrong twice is.
    return told.WrongFile(attempt.ordinal, seen.reason)


async def _fetch(
    tools: Tools, video: Video, attempt: Attempt, endpoint: Endpoint, remote: Remote
) -> StoredAsset | Result:
    name = asset_name(video.id, AssetKind.VIDEO)
    assert attempt.ref is not None
    call = endpoint.adapter.download(attempt.ref, remote)
    async with tools.assets.writer(name) as writer:
        got = await tools.driver.download(
            endpoint, call, writer.write, bytes_max=CLIP_BYTES_MAX, timeout_s=COLLECT_S_MAX
        )
        if isinstance(got, LinkStale):
            return told.LinkStale(attempt.ordinal)
        if not isinstance(got, Downloaded) or got.truncated:
            return Wait()
        stored = await writer.commit()
    return StoredAsset(
        kind=AssetKind.VIDEO,
        name=name,
        media_type=MEDIA_TYPES[AssetKind.VIDEO],
        size_bytes=stored.size_bytes,
        etag=stored.sha256[:32],
    )


async def _inspect(tools: Tools, video: Video) -> tuple[StoredAsset, ...] | WrongFile:
    """The clip opened and measured; its thumbnail and spritesheet made from it."""
    request = video.request
    pictures = {kind: asset_name(video.id, kind) for kind in (AssetKind.THUMBNAIL, AssetKind.SPRITESHEET)}
    clip = tools.assets.path(asset_name(video.id, AssetKind.VIDEO))
    verdict = await tools.media.inspect(
        clip,
        seconds=public_seconds(request),
        size=request.size,
        thumbnail=tools.assets.path(pictures[AssetKind.THUMBNAIL]),
        spritesheet=tools.assets.path(pictures[AssetKind.SPRITESHEET]),
    )
    if not isinstance(verdict, Sound):
        return verdict
    stored = []
    for kind, name in pictures.items():
        size = await tools.assets.size(name)
        if size is not None:
            stored.append(
                StoredAsset(
                    kind=kind,
                    name=name,
                    media_type=MEDIA_TYPES[kind],
                    size_bytes=size,
                    etag=f"{video.id[-16:]}-{size:x}",
                )
            )
    return tuple(stored)


@asynccontextmanager
async def _lease_renewed(tools: Tools, job: Job) -> AsyncIterator[None]:
    """Renew the lease at a third of its life. If it cannot be, the fence still keeps a late commit out."""
    task = asyncio.create_task(_renew(tools, job))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _renew(tools: Tools, job: Job) -> None:
    for _ in range(round(COLLECT_S_MAX * 2)):
        await asyncio.sleep(job.lease_ms / 3_000)
        if job.token is not None:
            with suppress(StoreAway):
                await tools.store.renew(job.video.id, job.token, lease_ms=job.lease_ms)
