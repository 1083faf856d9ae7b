"""Sweeping: files of a video whose assets' life is over, or that was deleted, are removed, then the record says so."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.assets.store import StorageAway
from gateway.domain.assets import every_name
from gateway.domain.change import Change
from gateway.log import log
from gateway.store.outcomes import Committed
from gateway.work.book import Job
from gateway.work.tools import Tools

AGAIN_MS = 60_000


async def sweep(tools: Tools, job: Job) -> None:
    """Files first: a death in between sweeps again. A storage that is away is tried again later."""
    video = job.video
    try:
        for name in every_name(video.id):
            await tools.assets.delete(name)
    except StorageAway as error:
        log("storage_away", level="error", video=video.id, reason=str(error))
        await tools.store.rest_one(video.id, job.token, tools.clock.now_ms() + AGAIN_MS)
        return
    swept = replace(video, version=video.version + 1, assets=(), sweep_ms=0)
    change = Change(label="sweep", video=swept, due_ms=None)
    outcome = await tools.store.commit(change, commit_id=tools.random(12).hex(), token=job.token)
    if isinstance(outcome, Committed):
        job.video, job.token = swept, None
