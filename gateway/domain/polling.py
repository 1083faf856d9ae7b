"""When a client is to look at its video again: `openai-poll-after-ms`, from what is known of how long it will take.

Pure. OpenAI's SDKs read the header of the first pending answer only and keep its interval to the end, so an answer to a
look right after the create decides how late the end is noticed: a tenth of the time that is left, within bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.domain.forecast import forecast
from gateway.domain.observed import UNKNOWN, Observed

AFTER_MS_MIN: Final = 1_000
AFTER_MS_MAX: Final = 8_000
"""Go's SDK takes no more."""
PART: Final = 10
UNKNOWN_MS: Final = {"queued": 1_000, "in_progress": 2_000}
"""Where nothing was learnt of how long such a clip takes."""
PROGRESS_MIN: Final = 10
"""Percent from which on a vendor's figure says something of the rest."""


def usual_s(routes: Iterable[str], observed: Mapping[str, Observed], seconds: int) -> float | None:
    """How long a clip of so many seconds takes on the fastest of the routes, what is ahead there included, in s; None
    where nothing was seen. The fastest, for a clip that is noticed late is worse than a look too many."""
    known = (forecast(observed.get(one, UNKNOWN), seconds) for one in routes)
    return min((one.p50_s + _ahead_s(one.p50_s, one.latency_s, one.p95_s) for one in known if one.p50_s), default=None)


def _ahead_s(p50_s: float, latency_s: float | None, p95_s: float | None) -> float:
    """What waits before it at servers that tell their queues: what the forecast has beyond the usual time."""
    return max(0.0, (latency_s or 0.0) - (p50_s + (p95_s or p50_s)) / 2)


def after_ms(status: str, progress: int, age_s: float, usual: float | None, waiting: int = 0) -> int:
    """Milliseconds until the next look at a pending video is worth it. `age_s`: since it was created; `usual`: what
    such clips take, in s; `waiting`: how many videos wait for the same providers, counted as a second each."""
    if usual is None:
        most_ms = max(UNKNOWN_MS.get(status, AFTER_MS_MIN), round(1_000 * age_s / PART))
        return _within(most_ms + _line_ms(status, waiting))
    # What is overdue takes about as much longer as it is late.
    left_s = abs(usual - age_s)
    if PROGRESS_MIN <= progress < 100:
        left_s = min(left_s, age_s * (100 - progress) / progress)
    return _within(round(1_000 * left_s / PART) + _line_ms(status, waiting))


def _line_ms(status: str, waiting: int) -> int:
    return 1_000 * waiting // PART if status == "queued" else 0


def _within(ms: int) -> int:
    return max(AFTER_MS_MIN, min(AFTER_MS_MAX, ms))
