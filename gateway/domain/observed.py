"""What was learnt of a route, as a plan and a decision may look at it: numbers that were folded elsewhere.

Pure. Shared by all replicas through the store; each process holds a copy that is at most a few seconds old, so what it
says is a good guess and never a fence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace


class Observed(Struct, frozen=True, kw_only=True):
    """One route. Without observations: nothing speaks against it, and nothing is known."""

    success: float = 1.0  # decayed share of attempts that gave a clip, of those that a provider could spoil
    weight: float = 0.0  # how many observations stand behind `success`, decayed
    latency_s: Mapping[int, tuple[float, float, float]] = {}  # by clip length in s: p50, p95 in s, and their weight
    open_until_ms: int = 0  # a breaker, the route's or its provider's, lets nothing through before
    ahead: int = 0  # jobs that wait or run there now, of whoever asked, where the server tells
    half_open: bool = False  # only probes are let through, a few at a time
    drained: bool = False  # an operator lets it get no new work; what runs there goes on


SHUT_LOOK_MS: Final = 30_000
"""Who waits for a breaker looks again this soon at the latest: an operator may have closed it."""

UNKNOWN: Final = Observed()


def drained(observed: Observed, now_ms: int) -> Observed:
    """For whoever asks when it may be sent to, it is as a breaker that stays open."""
    return replace(observed, drained=True, open_until_ms=max(observed.open_until_ms, now_ms + SHUT_LOOK_MS))


NOTHING_OBSERVED: Final[Mapping[str, Observed]] = {}


def with_ahead(
    observed: Mapping[str, Observed], provider_of: Iterable[tuple[str, str]], ahead: Mapping[str, int]
) -> Mapping[str, Observed]:
    """What was learnt of the routes, with the queues before them. `provider_of`: each route with its provider, not read
    where no queue is; `ahead`: by provider."""
    if not any(ahead.values()):
        return observed
    queued = {route: ahead[provider] for route, provider in provider_of if ahead.get(provider)}
    return {**observed, **{route: replace(observed.get(route, UNKNOWN), ahead=jobs) for route, jobs in queued.items()}}
