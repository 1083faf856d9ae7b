"""When each attempt of a video is to be looked at again, where several of them are open at once.

The store keeps one due time for a video, that of the attempt that is due first. The others' are remembered here, by the
process that looked last; whoever knows nothing of them looks once too early. An entry is of one version of the record.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from gateway.domain.videos import Video

KEPT_MAX: Final = 10_000


class Looks:
    """One per process. `of` and `note` take a moment for most videos: they have one open attempt."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, dict[int, int]]] = OrderedDict()

    def of(self, video: Video) -> dict[int, int]:
        """By ordinal, in ms; a copy."""
        kept = self._kept.get(video.id)
        return {} if kept is None or kept[0] != video.version else dict(kept[1])

    def note(self, video: Video, waits: Mapping[int, int]) -> None:
        """What a step that ends has learnt."""
        if self._kept:
            self._kept.pop(video.id, None)
        if len(video.attempts) > 1 and len(video.open_attempts) > 1:
            self._kept[video.id] = (video.version, dict(waits))
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
