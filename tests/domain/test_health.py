"""Health: shares and quantiles that fade, are bounded, and survive clocks that are wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import health as healths
from gateway.domain.health import (
    AGE_MS_MAX,
    BUCKET_MAX,
    CLIP_CLASSES,
    HALF_LIFE_MS,
    LATENCY_HALF_LIFE_MS,
    LATENCY_MS_MAX,
    LATENCY_MS_MIN,
    RETRY_MS_MAX,
    WEIGHT_MAX,
    Health,
    clip_class,
    decayed,
    fold,
    latencies,
)
from gateway.domain.observations import Observation, Sign
from providers.contract import Why
from tests.support.seeing import seen
from tests.support.videos import T0

moments = st.one_of(st.integers(0, 2**52), st.integers(T0 - 10**9, T0 + 10**9))
observations = st.builds(
    Observation,
    route=st.just("a/m"),
    provider=st.just("a"),
    attempt=st.sampled_from(["v.1", "v.2"]),
    sign=st.sampled_from(Sign),
    why=st.sampled_from([None, *Why]),
    at_ms=moments,
    sent_ms=moments,
    seconds=st.integers(0, 10**6),
    latency_ms=st.integers(0, 2**53),
    retry_after_ms=st.integers(0, 2**53),
)


def test_the_share_is_that_of_clips() -> None:
    health = Health()
    for sign in (Sign.CLIP, Sign.CLIP, Sign.CLIP, Sign.BROKE, Sign.NEUTRAL, Sign.ACCEPTED, Sign.RENDERED):
        health = fold(health, seen(sign), T0)
    assert (health.success, health.weight) == (0.75, 4)
    assert Health().success == 1.0


def test_half_is_left_after_a_half_life() -> None:
    """Of the weight, not of the share."""
    health = fold(fold(Health(), seen(Sign.CLIP), T0), seen(Sign.REFUSED), T0)
    later = decayed(health, T0 + HALF_LIFE_MS)
    assert (later.success, later.weight) == (0.5, 1.0)
    assert decayed(health, T0 + 100 * HALF_LIFE_MS).weight == 0


def test_under_much_traffic_the_last_ones_count() -> None:
    """A thousand good ones are not a debt that takes a thousand bad ones to pay."""
    health = Health()
    for _ in range(1_000):
        health = fold(health, seen(Sign.CLIP), T0)
    assert health.weight == pytest.approx(WEIGHT_MAX)
    for _ in range(round(WEIGHT_MAX)):
        health = fold(health, seen(Sign.BROKE), T0)
    assert health.success < 0.4


def test_quantiles_are_told_by_length_of_clip_and_within_a_bucket() -> None:
    health = Health()
    for seconds, base in ((4, 30_000), (12, 90_000)):
        for step in range(100):
            health = fold(health, seen(Sign.RENDERED, seconds=seconds, latency_ms=base + base * step // 100), T0)
    told = latencies(health, T0)
    assert sorted(told) == [4, 12]
    for seconds, base in ((4, 30), (12, 90)):
        p50, p95, weight = told[seconds]
        assert p50 == pytest.approx(1.5 * base, rel=0.12) and p95 == pytest.approx(1.95 * base, rel=0.12)
        assert weight == pytest.approx(100, rel=0.01)


def test_a_vendor_that_became_slower_is_known_for_it_in_time() -> None:
    """What is old fades from the quantiles too."""
    health = Health()
    for _ in range(50):
        health = fold(health, seen(Sign.RENDERED, latency_ms=20_000), T0)
    later = T0 + 3 * LATENCY_HALF_LIFE_MS
    for _ in range(20):
        health = fold(health, seen(Sign.RENDERED, at_ms=later, latency_ms=80_000), later)
    assert latencies(health, later)[4][0] == pytest.approx(80, rel=0.1)


def test_a_throttle_is_kept_until_its_time_and_not_for_ever() -> None:
    health = fold(Health(), seen(Sign.NEUTRAL, retry_after_ms=30_000), T0)
    assert fold(health, seen(Sign.NEUTRAL, retry_after_ms=1_000), T0).retry_until_ms == T0 + 30_000
    assert decayed(health, T0 + 30_000).retry_until_ms == 0
    assert fold(Health(), seen(Sign.NEUTRAL, retry_after_ms=10**12), T0).retry_until_ms == T0 + RETRY_MS_MAX


def test_the_future_and_the_far_past_count_like_now_and_like_some_time_ago() -> None:
    for at_ms, weight in ((T0 + 10**9, 1.0), (0, 0.5 ** (AGE_MS_MAX / HALF_LIFE_MS)), (-1, 0.5)):
        assert fold(Health(), seen(Sign.CLIP, at_ms=at_ms), T0).weight == pytest.approx(weight, abs=0.001)


def test_a_record_from_the_future_fades_like_any_other() -> None:
    """A replica whose clock runs a year ahead wrote it."""
    year = T0 + 365 * 86_400_000
    ahead = fold(Health(), seen(Sign.REFUSED, at_ms=year, retry_after_ms=10**9), year)
    found = decayed(decayed(ahead, T0), T0 + HALF_LIFE_MS)
    assert found.weight == pytest.approx(0.5, abs=0.01)
    assert found.retry_until_ms <= T0 + RETRY_MS_MAX


@pytest.mark.parametrize(("seconds", "found"), [(0, 4), (4, 4), (5, 6), (12, 12), (13, 16), (10**6, 120)])
def test_clips_are_told_apart_by_length(seconds: int, found: int) -> None:
    assert clip_class(seconds) == found


@given(st.lists(st.tuples(observations, moments), max_size=30))
def test_whatever_comes_the_record_stays_small_and_sane(stories: list[tuple[Observation, int]]) -> None:
    """Weights and shares in bounds, times never ahead of the last folder's by more than a retry, few buckets."""
    health, now_ms = Health(), T0
    for one, now_ms in stories:
        health = fold(health, one, now_ms)
        assert 0 <= health.success <= 1 and 0 <= health.weight <= WEIGHT_MAX + 0.01
        assert health.at_ms == now_ms and health.retry_until_ms <= now_ms + RETRY_MS_MAX
        assert set(health.latency) <= set(CLIP_CLASSES)
        for latency in health.latency.values():
            assert all(0 <= bucket <= BUCKET_MAX for bucket in latency.buckets)
            assert latency.weight <= WEIGHT_MAX + 1
        for p50, p95, weight in latencies(health, now_ms).values():
            assert LATENCY_MS_MIN / 1_300 <= p50 <= p95 <= LATENCY_MS_MAX / 1_000 * 1.2
            assert math.isfinite(weight) and weight > 0


@given(st.lists(st.integers(1, LATENCY_MS_MAX), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_a_quantile_lies_within_a_bucket_of_the_true_one(times: list[int], part: float) -> None:
    health = Health()
    for one in times:
        health = fold(health, seen(Sign.RENDERED, latency_ms=one), T0)
    buckets = health.latency[4].buckets
    true_ms = max(sorted(times)[max(0, math.ceil(part * len(times)) - 1)], LATENCY_MS_MIN)
    near = [max(sorted(times)[at], LATENCY_MS_MIN) for at in range(len(times))]
    found_ms = healths.quantile_s(buckets, part) * 1_000
    assert found_ms == pytest.approx(true_ms, rel=0.2) or any(found_ms == pytest.approx(one, rel=0.2) for one in near)
