"""Looking for videos: what is asked, and whether a record fits. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gateway.domain.videos import Video, public_status

SCANNED_MAX: Final = 500
"""Records that one search looks at. What lies behind is for the next one, which begins there."""


class Sought(Struct, frozen=True, kw_only=True):
    """None: any. `provider`: of any of its attempts. `tag`: a name, and a value or None for any."""

    state: str | None = None  # a state, or a public status
    model: str | None = None
    provider: str | None = None
    key: str | None = None
    tag: tuple[str, str | None] | None = None


class Span(Struct, frozen=True, kw_only=True):
    """Which ids: those created from `since_ms` on, before `until_ms`, and older than `after`; the newest first."""

    since_ms: int | None = None
    until_ms: int | None = None
    after: str | None = None

    @property
    def above(self) -> str:
        """Ids are not below it. They begin with the time of their creation."""
        return f"video_{max(0, self.since_ms or 0):012x}"

    @property
    def below(self) -> str:
        """Ids are below it."""
        ends = [] if self.until_ms is None else [f"video_{max(0, self.until_ms):012x}"]
        return min([*ends, *([self.after] if self.after else [])], default="video_g")


class Finding(Struct, frozen=True, kw_only=True):
    """Videos that fit, newest first. `scanned_to`: the oldest that was looked at, None where none was; `complete`:
    there is nothing behind it."""

    videos: tuple[Video, ...]
    scanned_to: str | None
    complete: bool


def fits(video: Video, sought: Sought) -> bool:
    tag = sought.tag
    return (
        sought.state in (None, video.state.value, public_status(video))
        and sought.model in (None, video.request.model)
        and sought.key in (None, video.key_id)
        and (sought.provider is None or any(one.provider == sought.provider for one in video.attempts))
        and (tag is None or (tag[0] in video.tags and tag[1] in (None, video.tags[tag[0]])))
    )
