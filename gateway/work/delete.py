"""Deleting a finished video: it leaves the list at once, its files a moment later, its books never."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain.change import Change
from gateway.domain.errors import BadInput, Unavailable
from gateway.domain.videos import FINAL, Video
from gateway.store.outcomes import Committed
from gateway.work.caller import Caller
from gateway.work.read import own_video
from gateway.work.tools import Tools

TRIES_MAX = 8


async def delete_video(tools: Tools, caller: Caller, video_id: str) -> None:
    """Absent for another project's; BadInput while it is running, as OpenAI refuses it."""
    for _ in range(TRIES_MAX):
        video = await own_video(tools, caller, video_id)
        if video.state not in FINAL:
            raise BadInput(
                "The video is still being made. Wait until its status is `completed` or `failed`, then delete it.",
                code="video_not_finished",
                param="video_id",
            )
        change = _deletion(video, tools.clock.now_ms())
        outcome = await tools.store.commit(change, commit_id=tools.random(12).hex(), token=None)
        if isinstance(outcome, Committed):
            tools.due.set()
            return
    raise Unavailable("The video changed while it was being deleted. Try again.", retry_after_s=1)


def _deletion(video: Video, now_ms: int) -> Change:
    """Gone for the client; attempts that are still open are followed to their end all the same."""
    gone = replace(video, version=video.version + 1, deleted=True, sweep_ms=now_ms if video.sweep_ms else 0)
    pending = bool(gone.open_attempts) or gone.sweep_ms > 0
    return Change(label="delete", video=gone, unlist=True, due_ms=now_ms if pending else None)
