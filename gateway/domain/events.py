"""What the gateway tells of: the closed list of events, which of them a video's change is, and their envelope. Pure.

`video.completed` and `video.failed` are OpenAI's, in its envelope; the others are the gateway's own in the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.videos import State, Video, public_status, public_video
from providers.contract import Json

BODY_BYTES_MAX: Final = 65_536


class Event(StrEnum):
    VIDEO_STARTED = "video.started"
    VIDEO_COMPLETED = "video.completed"
    VIDEO_FAILED = "video.failed"
    BUDGET_THRESHOLD = "budget.threshold"
    BUDGET_OVERRUN = "budget.overrun"
    CHARGE_DISPUTED = "charge.disputed"
    PROVIDER_DOWN = "provider.down"
    PROVIDER_UP = "provider.up"
    PROVIDER_DRAINED = "provider.drained"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_REFUSED = "config.refused"
    WEBHOOK_DISABLED = "webhook.disabled"


ENDS: Final = (Event.VIDEO_COMPLETED, Event.VIDEO_FAILED)
"""What OpenAI sends, and what a target hears that names no events."""
OF_VIDEOS: Final = frozenset({Event.VIDEO_STARTED, *ENDS})
"""Written by the commit of the video; the others travel through the stream of events."""

_ENDED: Final = {
    State.COMPLETED: Event.VIDEO_COMPLETED,
    State.FAILED: Event.VIDEO_FAILED,
    State.CANCELLED: Event.VIDEO_FAILED,
}


def of_change(before: Video | None, after: Video) -> Event | None:
    """What is told of a video's change; None, as for most: nothing. `before`: None of a new one."""
    if before is not None and before.state is after.state:
        return None
    ended = _ENDED.get(after.state)
    if ended is not None:
        return ended if before is None or before.state not in _ENDED else None
    began = public_status(after) == "in_progress"
    return Event.VIDEO_STARTED if began and (before is None or public_status(before) == "queued") else None


def of_end(video: Video) -> Event | None:
    """What was told of a video that has ended."""
    return _ENDED.get(video.state)


def event_id(event: Event, about: str) -> str:
    """The same for the same happening, however often it is written: receivers know it again. `about`: of what there is
    one such event only."""
    return "evt_" + hashlib.sha256(f"{event.value}\n{about}".encode()).hexdigest()[:48]


def envelope(event: Event, identity: str, at_ms: int, data: Mapping[str, Json]) -> str:
    """As OpenAI's events look: JSON."""
    whole = {"id": identity, "object": "event", "created_at": at_ms // 1_000, "type": event.value, "data": dict(data)}
    return msgspec.json.encode(whole).decode()


def of_video(event: Event, video: Video, at_ms: int, *, whole: bool) -> str:
    """The envelope of a video's event. `whole`: with all that a client sees of it, its prompt included, unless that is
    larger than a webhook may be; else with its id alone, as OpenAI sends it."""
    identity = event_id(event, video.id)
    if whole:
        body = envelope(event, identity, at_ms, public_video(video))
        if len(body.encode()) <= BODY_BYTES_MAX:
            return body
    return envelope(event, identity, at_ms, {"id": video.id})
