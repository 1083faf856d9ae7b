"""Collecting: the rendered clip copied into our storage, checked, and given its thumbnail and spritesheet.

The lease is renewed while bytes come in. Failing to store is our trouble and is tried again; only a file that arrived
whole and is wrong, twice over, is the vendor's. A page in its place says as much as a dead link.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from gateway.assets.store import StorageAway, StoredFile
from gateway.domain import news as told
from gateway.domain.assets import MEDIA_TYPES, asset_name
from gateway.domain.mp4 import WrongFile
from gateway.domain.videos import Attempt, StoredAsset, Video, public_seconds
from gateway.domain.world import World
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.tracing import spans
from gateway.upstream.download import Downloaded, LinkStale
from gateway.upstream.endpoints import Endpoint
from gateway.work.act import Result, Wait
from gateway.work.book import Job
from gateway.work.tools import Tools
from providers.contract import AssetKind, Remote

CLIP_BYTES_MAX = 2 * 1024**3
COLLECT_S_MAX = 900.0


async def collect(tools: Tools, job: Job, attempt: Attempt, world: World) -> Result:
    """Fetch, check and keep the clip of a finished attempt."""
    endpoint = job.snapshot.endpoints.get(attempt.provider)
    remote = next((one for one in attempt.assets if one.kind is AssetKind.VIDEO), None)
    if endpoint is None or remote is None:
        return told.LinkStale(attempt.ordinal)
    async with _lease_renewed(tools, job):
        try:
            with spans.span("collect", {"telecine.video": job.video.id, "telecine.attempt": attempt.ordinal}):
                return await _collect(tools, job, attempt, endpoint, remote)
        except StorageAway as error:  # a media child that cannot be had is one
            log("storage_away", level="error", video=job.video.id, reason=str(error))
            return Wait()


async def _collect(tools: Tools, job: Job, attempt: Attempt, endpoint: Endpoint, remote: Remote) -> Result:
    reason = ""
    # A body cut on the way looks like a wrong file; one that is wrong twice is.
    for _ in range(2):
        got = await _once(tools, job.video, attempt, endpoint, remote)
        if not isinstance(got, WrongFile):
            return got
        reason = got.reason
        log("wrong_file", level="warning", video=job.video.id, attempt=attempt.ordinal, reason=reason)
        if got.other:
            return told.LinkStale(attempt.ordinal)
    return told.WrongFile(attempt.ordinal, reason)


async def _once(tools: Tools, video: Video, attempt: Attempt, endpoint: Endpoint, remote: Remote) -> Result | WrongFile:
    """Everything is written aside first; the files get their names only when all of them are good."""
    async with AsyncExitStack() as stack:
        writers = {
            kind: await stack.enter_async_context(tools.assets.writer(asset_name(video.id, kind))) for kind in AssetKind
        }
        clip = writers[AssetKind.VIDEO]
        call = endpoint.adapter.download(attempt.ref or {}, remote)
        got = await tools.driver.download(endpoint, call, clip.write, bytes_max=CLIP_BYTES_MAX, timeout_s=COLLECT_S_MAX)
        if isinstance(got, LinkStale):
            return told.LinkStale(attempt.ordinal)
        if not isinstance(got, Downloaded) or got.truncated:
            return Wait()
        verdict = await tools.media.inspect(
            await clip.aside(),
            seconds=public_seconds(video.request),
            size=video.request.size,
            thumbnail=await writers[AssetKind.THUMBNAIL].aside(),
            spritesheet=await writers[AssetKind.SPRITESHEET].aside(),
        )
        if isinstance(verdict, WrongFile):
            return verdict
        return told.Stored(
            attempt.ordinal, tuple([_keep(kind, await writer.commit()) for kind, writer in writers.items()])
        )


def _keep(kind: AssetKind, file: StoredFile) -> StoredAsset:
    return StoredAsset(
        kind=kind,
        name=file.name,
        media_type=MEDIA_TYPES[kind],
        size_bytes=file.size_bytes,
        etag=file.sha256[:32],
    )


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
