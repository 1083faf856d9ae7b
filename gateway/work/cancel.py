"""Cancelling: the wish is written beside whoever works on the video, who looks again as soon as they let go.

The answer says what is known at that moment; what the vendor says comes later, and stands in the video's face.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.domain import moves
from gateway.domain.change import Change
from gateway.domain.errors import Unavailable
from gateway.domain.news import CancelAsked
from gateway.domain.observations import observations_of
from gateway.domain.videos import FINAL, Video, cancel_face, public_video
from gateway.store.errors import StoreAway
from gateway.store.outcomes import Committed
from gateway.store.store import Store
from gateway.work.book import Job, change_of, tell_crossed, tell_moved
from gateway.work.caller import Caller
from gateway.work.hand import Hand
from gateway.work.read import own_video
from gateway.work.telling import with_messages
from gateway.work.tools import Tools

TRIES_MAX: Final = 8
PAUSE_S: Final = 0.05


async def cancel_video(tools: Tools, caller: Caller, video_id: str) -> bytes:
    """The video's public JSON with `cancel` in it. Absent for another project's; asked again, it answers alike."""
    snapshot = tools.snapshot()
    for _ in range(TRIES_MAX):
        video = await own_video(tools, caller, video_id)
        news, world = CancelAsked(video.current), tools.world(snapshot, video)
        moved = moves.apply(video, news, world)
        if moved.video is video:
            return _answer(video, world.now_ms)
        change = change_of(Job(video, None, snapshot, lease_ms=snapshot.lease_ms), moved, news, world)
        change = await with_messages(tools, snapshot, video, change)
        outcome = await tools.store.commit(change, commit_id=tools.random(12).hex(), token=None)
        if isinstance(outcome, Committed):
            tell_crossed(outcome.crossed)
            tell_moved(snapshot, video, change, news, outcome.now_ms)
            tools.observer.note(observations_of(video, change.video, news, outcome.now_ms))
            tools.due.set()
            tools.told.set()
            return _answer(change.video, world.now_ms)
    raise Unavailable("The video changed while it was being cancelled. Try again.", retry_after_s=1)


async def note_cancel(store: Store, video_id: str, hand: Hand) -> Video | None:
    """An operator's wish, for the gateway to act on as soon as it runs; the audit log has it from the same commit. None
    if there is no such video; as it stands where it is over, or was asked to end before."""
    for _ in range(TRIES_MAX):
        video = await store.read(video_id)
        if video is None or video.state in FINAL or video.cancel_ms:
            return video
        wished = replace(video, version=video.version + 1, cancel_ms=hand.now_ms)
        deed = hand.deed("video.cancel", f"video/{video_id}", {"state": video.state.value}, {"cancel": "asked"})
        change = Change(label="cancel", video=wished, due_ms=hand.now_ms, deed=deed)
        if isinstance(await store.commit(change, commit_id=f"cancel:{deed.id}", token=None), Committed):
            return wished
        await asyncio.sleep(PAUSE_S)
    raise StoreAway("cancel", "the video changed while it was being cancelled; try again")


def _answer(video: Video, now_ms: int) -> bytes:
    """A video that was over before has no trace of the wish; its answer says so all the same."""
    return msgspec.json.encode(public_video(video) | {"cancel": cancel_face(video, video.cancel_ms or now_ms)})
