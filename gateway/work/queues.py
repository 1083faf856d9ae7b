"""What one process knows of the queues of servers of one's own; `queueing` looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STALE_S: Final = 30.0
"""A figure that is older is none: what does not answer is the breaker's business."""


class Queues:
    """One per process: how many jobs are ahead at each provider that tells it, with what was sent there since."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}  # when, on the clock that runs during suspend, and how many

    def learn(self, provider: str, jobs: int, at_s: float) -> None:
        self._seen[provider] = (at_s, jobs)

    def sent(self, provider: str) -> None:
        """One more of ours, until the server is looked at again."""
        if provider in self._seen:
            at_s, jobs = self._seen[provider]
            self._seen[provider] = (at_s, jobs + 1)

    def keep(self, providers: frozenset[str]) -> None:
        self._seen = {name: seen for name, seen in self._seen.items() if name in providers}

    def ahead(self, now_s: float) -> Mapping[str, int]:
        return {name: jobs for name, (at_s, jobs) in self._seen.items() if now_s - at_s <= STALE_S}
