"""Taking an operator's word about money: the record as it is now, the entry, and one commit beside the video's life."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from gateway.domain.ids import VIDEO_ID
from gateway.domain.rulings import Misruled, Ruling
from gateway.domain.videos import Attempt, Video, attempt_id
from gateway.store.outcomes import Committed
from gateway.store.store import Store

TRIES_MAX: Final = 20
PAUSE_S: Final = 0.05

_NAME: Final = re.compile(rf"({VIDEO_ID.pattern})\.([1-9][0-9]?)", re.ASCII)


class Ruled(Struct, frozen=True):
    before: Attempt
    after: Attempt
    project: str


async def rule(store: Store, name: str, ruling: Ruling, *, random: Callable[[int], bytes]) -> Ruled:
    """`name`: of the attempt, as the ledger has it. Misruled with a sentence when there is none, or it cannot be."""
    for _ in range(TRIES_MAX):
        video, attempt = await find_attempt(store, name)
        change = ruling(video, attempt)
        outcome = await store.commit(change, commit_id=f"ruled:{random(12).hex()}", token=None)
        if isinstance(outcome, Committed):
            return Ruled(attempt, change.video.attempt(attempt.ordinal), video.project)
        # Whoever works on the video has just written: what counts is the record as it is now.
        await asyncio.sleep(PAUSE_S)
    raise Misruled(f"{name} moved on {TRIES_MAX} times meanwhile; try again")


async def find_attempt(store: Store, name: str) -> tuple[Video, Attempt]:
    """The attempt with its video. Misruled if there is none."""
    match = _NAME.fullmatch(name)
    video = await store.read(match[1]) if match is not None else None
    for attempt in video.attempts if video is not None else ():
        if video is not None and attempt_id(video.id, attempt.ordinal) == name:
            return video, attempt
    raise Misruled(f'no attempt is called "{name}"; telecine ledger export shows them, such as video_….1')
