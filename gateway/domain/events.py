"""What the gateway tells of: the closed list of events, and what others hear of each. Pure.

`video.completed` and `video.failed` are OpenAI's, in its envelope; the others are the gateway's own in the same one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


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


OF_VIDEOS: Final = frozenset({Event.VIDEO_STARTED, Event.VIDEO_COMPLETED, Event.VIDEO_FAILED})
"""Written by the commit of the video; the others travel through the stream of events."""
