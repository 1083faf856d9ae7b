"""Reading: one video, a page of them, a finished file. What belongs to another project does not exist."""

from __future__ import annotations

from gateway.domain.errors import Absent
from gateway.domain.ids import VIDEO_ID
from gateway.domain.keys import admit_key
from gateway.domain.videos import State, StoredAsset, Video
from gateway.store.outcomes import Page
from gateway.work.caller import Caller
from gateway.work.tools import Tools
from providers.contract import AssetKind


async def video_face(tools: Tools, key_hash: str, video_id: str) -> bytes:
    """The public JSON of a video: key and video in one round trip to the store."""
    known = video_id if VIDEO_ID.fullmatch(video_id) else ""
    standing, face = await tools.store.face(key_hash, known)
    key = admit_key(standing, tools.clock.now_ms())
    if face is None or face.project != key.project:
        raise absent(video_id)
    return face.public


async def page(tools: Tools, caller: Caller, *, after: str | None, limit: int, descending: bool) -> Page:
    """A page of the project's videos by time, beginning after any id, a deleted one too."""
    return await tools.store.page(caller.project, after=after, limit=limit, descending=descending)


async def own_video(tools: Tools, caller: Caller, video_id: str, *, param: str = "video_id") -> Video:
    """The record of one of the caller's videos. `param`: where the client named it."""
    video = await tools.store.read(video_id) if VIDEO_ID.fullmatch(video_id) else None
    if video is None or video.deleted or video.project != caller.project:
        raise absent(video_id, param)
    return video


async def asset(tools: Tools, caller: Caller, video_id: str, kind: AssetKind) -> tuple[Video, StoredAsset]:
    """A finished file. Absent, with a code that says why, while there is none or when its time is over."""
    video = await own_video(tools, caller, video_id)
    if video.state is not State.COMPLETED:
        why = "failed" if video.state in (State.FAILED, State.CANCELLED) else "is not finished"
        raise Absent(f"The video {why}: it has no content.", code="video_not_ready", param="video_id")
    if not video.assets or tools.clock.now_ms() >= video.expires_ms:
        raise Absent("The video's content has expired.", code="video_expired", param="video_id")
    for stored in video.assets:
        if stored.kind is kind:
            return video, stored
    raise Absent(f"The video has no {kind}.", code="variant_not_available", param="variant")


def absent(video_id: str, param: str = "video_id") -> Absent:
    shown = video_id if VIDEO_ID.fullmatch(video_id) else "with this id"
    return Absent(f"Video {shown} was not found.", code="video_not_found", param=param)
