"""Observations for tests of what is learnt of routes."""

from __future__ import annotations

from gateway.domain.observations import Observation, Sign
from providers.contract import Why
from tests.support.videos import T0


def seen(
    sign: Sign = Sign.CLIP,
    why: Why | None = None,
    at_ms: int = T0,
    *,
    sent_ms: int | None = None,
    attempt: str = "video_1.1",
    seconds: int = 4,
    latency_ms: int = 0,
    retry_after_ms: int = 0,
) -> Observation:
    """Of one route of one provider. A failure is the vendor's own unless it says otherwise."""
    if why is None and sign in (Sign.REFUSED, Sign.BROKE):
        why = Why.INTERNAL
    return Observation(
        route="a/m", provider="a", attempt=attempt, sign=sign, why=why, at_ms=at_ms, seconds=seconds,
        sent_ms=at_ms if sent_ms is None else sent_ms, latency_ms=latency_ms, retry_after_ms=retry_after_ms,
    )  # fmt: skip
