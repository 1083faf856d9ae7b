"""How long to wait: poll intervals and backoff. Pure; `jitter` is a number in [0, 1) from the caller."""

from __future__ import annotations

from typing import Final

BACKOFF_FIRST_MS: Final = 1_000
BACKOFF_MAX_MS: Final = 120_000
# A job is looked at about ten times over its life whatever that is, inside the route's bounds.
LOOKS_PER_LIFE: Final = 10
JITTER: Final = 0.2


def poll_interval_ms(age_ms: int, *, min_s: float, max_s: float, jitter: float) -> int:
    """Until the next poll of a job accepted `age_ms` ago: a share of its age, within bounds, spread by ± JITTER / 2."""
    plain = min(max(age_ms / LOOKS_PER_LIFE, min_s * 1_000), max_s * 1_000)
    return max(1, round(plain * (1 - JITTER / 2 + JITTER * jitter)))


def backoff_ms(tries: int, *, jitter: float) -> int:
    """Full jitter above a floor: between half and the whole of an interval that doubles from BACKOFF_FIRST_MS."""
    ceiling = min(BACKOFF_FIRST_MS << min(max(tries - 1, 0), 10), BACKOFF_MAX_MS)
    return round(ceiling * (0.5 + 0.5 * jitter))
