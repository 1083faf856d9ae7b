"""What is known of a route or a provider: a decayed share of successes, decayed latencies, and the last throttle.

Pure. Everything fades with a half-life, has a bound, and is clamped to the time of whoever folds: an observation from
the future or the far past, or a record that a replica with a wrong clock wrote, moves little and blocks nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.observations import BAD, GOOD, Observation

HALF_LIFE_MS: Final = 600_000
"""Of successes and failures."""
LATENCY_HALF_LIFE_MS: Final = 3_600_000
"""Of latencies: vendors change slowly, and a quantile needs more observations than a share."""
WEIGHT_MAX: Final = 200.0
"""As many observations as are remembered at once: under much traffic the last ones count."""
AGE_MS_MAX: Final = 600_000
"""An observation counts as at most so old."""
RETRY_MS_MAX: Final = 3_600_000
FAINT: Final = 0.01
"""What has faded below this is forgotten."""

CLIP_CLASSES: Final = (4, 6, 8, 10, 12, 16, 20, 30, 60, 120)
"""Lengths of clips in seconds that are told apart: a clip belongs to the first that is not shorter."""
LATENCY_MS_MIN: Final = 50
LATENCY_MS_MAX: Final = 4 * 3_600_000
BUCKETS_PER_DOUBLING: Final = 4
"""Neighbours differ by 19 %, so a quantile is off by at most 9 %."""
BUCKET_MAX: Final = math.ceil(math.log2(LATENCY_MS_MAX / LATENCY_MS_MIN) * BUCKETS_PER_DOUBLING)


class Latency(Struct, frozen=True, array_like=True):
    """Of one class of clips: decayed counts by logarithmic bucket."""

    at_ms: int = 0
    buckets: dict[int, float] = {}

    @property
    def weight(self) -> float:
        return sum(self.buckets.values())


class Health(Struct, frozen=True, array_like=True):
    """Of one route, or of one provider over all its routes."""

    at_ms: int = 0  # what the weights are decayed to
    good: float = 0.0
    bad: float = 0.0
    latency: dict[int, Latency] = {}  # by class of clip length
    retry_until_ms: int = 0  # a throttle asked for patience until then

    @property
    def weight(self) -> float:
        return self.good + self.bad

    @property
    def success(self) -> float:
        """1 where nothing is known."""
        return self.good / self.weight if self.weight > 0 else 1.0


def fold(health: Health, seen: Observation, now_ms: int) -> Health:
    """The record after one more observation."""
    health = decayed(health, now_ms)
    at_ms = min(max(seen.at_ms, now_ms - AGE_MS_MAX), now_ms)
    weight = _fade(now_ms - at_ms, HALF_LIFE_MS)
    good = health.good + (weight if seen.sign in GOOD else 0.0)
    bad = health.bad + (weight if seen.sign in BAD else 0.0)
    part = min(1.0, WEIGHT_MAX / (good + bad)) if good + bad else 1.0
    retry_ms = at_ms + min(seen.retry_after_ms, RETRY_MS_MAX) if seen.retry_after_ms > 0 else 0
    health = replace(
        health,
        good=_kept(good * part),
        bad=_kept(bad * part),
        retry_until_ms=max(health.retry_until_ms, retry_ms),
    )
    return _timed(health, seen, now_ms) if seen.latency_ms > 0 else health


def decayed(health: Health, now_ms: int) -> Health:
    """The record as it stands at a moment. Times ahead of it are taken for it."""
    part = _fade(now_ms - health.at_ms, HALF_LIFE_MS)
    return replace(
        health,
        at_ms=now_ms,
        good=_kept(min(health.good, WEIGHT_MAX) * part),
        bad=_kept(min(health.bad, WEIGHT_MAX) * part),
        retry_until_ms=min(health.retry_until_ms, now_ms + RETRY_MS_MAX) if health.retry_until_ms > now_ms else 0,
    )


def clip_class(seconds: int) -> int:
    return next((one for one in CLIP_CLASSES if seconds <= one), CLIP_CLASSES[-1])


def latencies(health: Health, now_ms: int) -> dict[int, tuple[float, float, float]]:
    """By class of clip length: p50 and p95 in seconds, and the weight behind them."""
    found = {}
    for seconds, latency in sorted(health.latency.items()):
        buckets = _at(latency, now_ms).buckets
        weight = sum(buckets.values())
        if weight > 0:
            found[seconds] = (quantile_s(buckets, 0.5), quantile_s(buckets, 0.95), weight)
    return found


def quantile_s(buckets: Mapping[int, float], part: float) -> float:
    """The middle, by logarithm, of the bucket that holds the quantile. There is at least one bucket."""
    wanted = part * sum(buckets.values())
    seen = 0.0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return _middle_s(bucket)
    return _middle_s(max(buckets))


def _timed(health: Health, seen: Observation, now_ms: int) -> Health:
    seconds = clip_class(seen.seconds)
    latency = _at(health.latency.get(seconds, Latency()), now_ms)
    bucket = _bucket(seen.latency_ms)
    buckets = {**latency.buckets, bucket: latency.buckets.get(bucket, 0.0) + 1.0}
    part = min(1.0, WEIGHT_MAX / sum(buckets.values()))
    kept = {one: _kept(weight * part) for one, weight in buckets.items()}
    # What has lost a class by other means than time is not ours to keep: the classes are a closed list.
    classes = {one: old for one, old in health.latency.items() if one in CLIP_CLASSES}
    return replace(health, latency={**classes, seconds: Latency(now_ms, kept)})


def _at(latency: Latency, now_ms: int) -> Latency:
    """Decayed to a moment, without buckets that cannot be."""
    part = _fade(now_ms - latency.at_ms, LATENCY_HALF_LIFE_MS)
    weights = {one: min(weight, WEIGHT_MAX) * part for one, weight in latency.buckets.items() if weight > 0}
    return Latency(
        now_ms, {one: weight for one, weight in weights.items() if weight >= FAINT and 0 <= one <= BUCKET_MAX}
    )


def _bucket(latency_ms: int) -> int:
    bounded = min(max(latency_ms, LATENCY_MS_MIN), LATENCY_MS_MAX)
    return min(int(math.log2(bounded / LATENCY_MS_MIN) * BUCKETS_PER_DOUBLING), BUCKET_MAX)


def _middle_s(bucket: int) -> float:
    return float(round(LATENCY_MS_MIN * 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING) / 1_000, 3))


def _fade(age_ms: int, half_life_ms: int) -> float:
    """What is left after a time. A time ahead of now counts as now."""
    return float(0.5 ** (max(0, age_ms) / half_life_ms))


def _kept(weight: float) -> float:
    """Few digits, since it is kept as text; nothing below what is faint or is no number."""
    return round(weight, 3) if weight >= FAINT else 0.0
