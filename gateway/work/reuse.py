"""Using a clip again: an identical create gets a finished video at once, with a copy of the files of its own.

Nothing here refuses a create. Whatever is missing or in the way, a clip that was swept a moment ago or a disk that is
away, the video is made as if there had been none.
"""

from __future__ import annotations

from msgspec import DecodeError, Struct
from msgspec.structs import replace

from gateway.assets.store import AssetMissing, StorageAway
from gateway.domain import reuse
from gateway.domain.assets import copy_name
from gateway.domain.requests import Asked
from gateway.domain.videos import State, StoredAsset, Video
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.work.caller import Caller
from gateway.work.inputs import Inputs
from gateway.work.tools import Tools
from gateway.work.weigh import Weighed


class Found(Struct, frozen=True):
    """A finished video, and copies of its files under the new video's name."""

    first: Video
    assets: tuple[StoredAsset, ...]


def life_ms(caller: Caller, asked: Asked) -> int:
    """For how long its clip may answer others, and theirs it; 0: not at all."""
    return reuse.life_ms(caller.owned, wanted=asked.reuse)


async def find(tools: Tools, caller: Caller, asked: Asked, weighed: Weighed, inputs: Inputs) -> Found | None:
    """A clip that answers the request; its files are copied already, and go again if the video is not admitted."""
    life = life_ms(caller, asked)
    if not life:
        return None
    like = reuse.likeness(caller.project, weighed.request, weighed.choices)
    first = await _offered(tools, caller.project, like)
    now_ms = tools.clock.now_ms()
    if first is None or not reuse.may_serve(first, caller.project, like, life_ms=life, now_ms=now_ms):
        return None
    try:
        names = {one.kind: copy_name(inputs.video_id, one.kind) for one in first.assets}
        for one in first.assets:
            await inputs.copy(one.name, names[one.kind])
    except (AssetMissing, StorageAway) as error:
        log("clip_not_reused", level="warning", video=first.id, reason=str(error))
        await inputs.drop()
        return None
    return Found(first, tuple(replace(one, name=names[one.kind]) for one in first.assets))


async def offer(tools: Tools, before: Video, video: Video) -> None:
    """Let a video that is about to be finished be found. Before its commit: a client that has seen it finished and asks
    again finds it. A store that cannot take it only costs a render."""
    if video.state is not State.COMPLETED or before.state is State.COMPLETED or not video.reuse_ms:
        return
    life = min(video.reuse_ms, video.expires_ms - video.completed_ms)
    try:
        await tools.store.offer_clip(video.project, reuse.likeness_of(video), video.id, life_ms=max(1, life))
    except StoreAway as error:
        log("clip_not_offered", level="warning", video=video.id, reason=str(error))


async def _offered(tools: Tools, project: str, like: str) -> Video | None:
    video_id = await tools.store.offered_clip(project, like)
    try:
        return None if video_id is None else await tools.store.read(video_id)
    except DecodeError:
        log("record_unreadable", level="error", video=video_id)
        return None
