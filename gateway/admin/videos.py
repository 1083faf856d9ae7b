"""/admin/videos: why a video is where it is. What its client wrote is not told."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import get
from litestar.params import Parameter

from gateway.admin.desk import REFUSALS, AtDesk
from gateway.domain.explain import explain
from gateway.domain.ids import VIDEO_ID
from gateway.work.read import absent


@get("/videos/{video_id:str}", name="admin_video", responses=REFUSALS, tags=["videos"])
async def explained(desk: AtDesk, video_id: Annotated[str, Parameter(description="The video's id.")]) -> dict[str, Any]:
    """Why a video of any project is where it is: plan, attempts, money, entries of the ledger. Deleted ones too, while
    their record is kept."""
    store = desk.tools.store
    video = await store.read(video_id) if VIDEO_ID.fullmatch(video_id) else None
    if video is None:
        raise absent(video_id)
    entries, whole = await store.entries_about(video_id, video.created_ms)
    return explain(video, entries) | {"entries_complete": whole}


HANDLERS: Final = (explained,)
