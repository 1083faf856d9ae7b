"""/admin/videos/{id}: why a video is where it is. What its client wrote is not told."""

from __future__ import annotations

from gateway.admin.callers import administrator
from gateway.api.exchange import Answer, Exchange, of_json
from gateway.domain.explain import explain
from gateway.domain.ids import VIDEO_ID
from gateway.work.read import absent


async def explained(exchange: Exchange) -> Answer:
    """Of any project, deleted ones too while their record is kept. Absent."""
    await administrator(exchange)
    video_id: str = exchange.path_params["video_id"]
    store = exchange.tools.store
    video = await store.read(video_id) if VIDEO_ID.fullmatch(video_id) else None
    if video is None:
        raise absent(video_id)
    entries, whole = await store.entries_about(video_id, video.created_ms)
    return of_json(explain(video, entries) | {"entries_complete": whole})
