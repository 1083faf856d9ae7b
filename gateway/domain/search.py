"""Looking for videos: what is asked, and whether a record fits. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gateway.domain.moments import moment_text
from gateway.domain.money import format_usd
from gateway.domain.videos import State, Video, public_status
from providers.contract import Json

SCANNED_MAX: Final = 500
"""Records that one search looks at. What lies behind is for the next one, which begins there."""

STATES: Final = frozenset({*(one.value for one in State), "in_progress"})
"""What may be sought: states, and public statuses."""


class Sought(Struct, frozen=True, kw_only=True):
    """None: any. `provider`: of any of its attempts. `tag`: a name, and a value or None for any."""

    state: str | None = None  # a state, or a public status
    model: str | None = None
    provider: str | None = None
    key: str | None = None
    tag: tuple[str, str | None] | None = None


class Span(Struct, frozen=True, kw_only=True):
    """Which ids: those created from `since_ms` on and before `until_ms`, the newest first, or last; from behind `after`
    on, in that order."""

    since_ms: int | None = None
    until_ms: int | None = None
    after: str | None = None
    ascending: bool = False

    @property
    def above(self) -> str:
        """Ids are above it. They begin with the time of their creation, and more follows."""
        first = f"video_{max(0, self.since_ms or 0):012x}"
        return max(first, self.after) if self.after and self.ascending else first

    @property
    def below(self) -> str:
        """Ids are below it."""
        ends = [] if self.until_ms is None else [f"video_{max(0, self.until_ms):012x}"]
        if self.after and not self.ascending:
            ends.append(self.after)
        return min(ends, default="video_g")


class Finding(Struct, frozen=True, kw_only=True):
    """Videos that fit, in the order asked for. `scanned_to`: the last that was looked at, None where none was;
    `complete`: there is nothing behind it."""

    videos: tuple[Video, ...]
    scanned_to: str | None
    complete: bool


def sought_tag(text: str | None) -> tuple[str, str | None] | None:
    """Of `NAME`, or `NAME=VALUE`."""
    if text is None:
        return None
    name, equals, value = text.partition("=")
    return name, value if equals else None


def told(video: Video) -> dict[str, Json]:
    """A video in a list: nothing of what the client wrote but its tags."""
    return {
        "id": video.id,
        "status": public_status(video),
        "state": video.state.value,
        "project": video.project,
        "key": video.key_id,
        "model": video.request.model,
        "seconds": video.request.seconds,
        "size": str(video.request.size),
        "tags": {**video.tags},
        "providers": [one.provider for one in video.attempts],
        "created_at": moment_text(video.created_ms),
        "completed_at": moment_text(video.completed_ms) if video.completed_ms else None,
        "error": video.error.code if video.error else None,
        "cost_usd": format_usd(sum(one.cost_micros for one in video.attempts)),
        "held_usd": format_usd(sum(one.price_micros for one in video.open_attempts)),
        "retry_of": video.retry_of,
    }


def fits(video: Video, sought: Sought) -> bool:
    tag = sought.tag
    return (
        sought.state in (None, video.state.value, public_status(video))
        and sought.model in (None, video.request.model)
        and sought.key in (None, video.key_id)
        and (sought.provider is None or any(one.provider == sought.provider for one in video.attempts))
        and (tag is None or (tag[0] in video.tags and tag[1] in (None, video.tags[tag[0]])))
    )
