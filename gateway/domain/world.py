"""What a decision may look at beside the record: the time, the routes as configured now, the model's policies, chance.

And the one shape in which a decision answers: the record as it should be, with the postings that go with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.change import Binding, Posting
from gateway.domain.observed import NOTHING_OBSERVED, Observed
from gateway.domain.routing import Model, Route
from gateway.domain.videos import Attempt, Video

FOLLOW_MS: Final = 24 * 3_600_000
FOLLOW_DOUBT_MS: Final = 3_600_000
"""How long an abandoned attempt is followed before it is booked as presumed."""


class World(Struct, frozen=True, kw_only=True):
    now_ms: int
    model: Model
    routes: Mapping[str, Route]  # by name; a route of an open attempt may be missing after a reload
    left: Mapping[str, Route] = {}  # of those that are missing, as far as they can still be followed
    jitter: float = 0.5  # in [0, 1)
    over_budget: Mapping[str, str] = {}  # routes that a cap does not allow now, and which counter it is
    observed: Mapping[str, Observed] = NOTHING_OBSERVED  # by route, what was learnt of it
    doubts_until_ms: int = 0  # what was written up to then may have been forgotten by the store; 0: nothing
    ledger_ms: int = 0  # the ledger's time where it was told: it never goes back, and may be ahead of any clock

    @property
    def books_ms(self) -> int:
        """When a posting made now counts."""
        return max(self.now_ms, self.ledger_ms)

    def forgets(self, video: Video) -> bool:
        """Whether the store may have forgotten commits of it: then what reads as never sent may have been, and on any
        of its routes. A policy that went on at risk takes that risk as well."""
        at_risk = any(attempt.abandoned for attempt in video.attempts)
        return video.created_ms <= self.doubts_until_ms and not at_risk

    def route_of(self, attempt: Attempt) -> Route | None:
        """The attempt's route, if it still leads to the account that the attempt pins."""
        route = self.routes.get(attempt.route) or self.left.get(attempt.route)
        return route if route is not None and route.account == attempt.account else None


class Moved(Struct, frozen=True, kw_only=True):
    """The answer of every move. `video` is the record as it was where the news changed nothing."""

    video: Video
    postings: tuple[Posting, ...] = ()
    binding: Binding | None = None


def with_attempt(video: Video, attempt: Attempt, /, **changes: object) -> Video:
    """The video with one attempt replaced, and with fields of its own changed."""
    position = attempt.ordinal - 1
    attempts = (*video.attempts[:position], attempt, *video.attempts[position + 1 :])
    return replace(video, attempts=attempts, **changes)
