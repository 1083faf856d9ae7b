"""What is expected of a route, from much, little and nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.forecast import PRIOR_SUCCESS, SUCCESS_MIN, expected_micros, forecast, latency_s, success
from gateway.domain.observed import UNKNOWN, Observed

LINES = st.dictionaries(
    st.integers(1, 60), st.tuples(st.floats(0.1, 500), st.floats(0.1, 2_000), st.floats(0.1, 9)), min_size=1, max_size=6
)


def test_without_observations_nothing_speaks_against_a_route() -> None:
    assert success(UNKNOWN) == PRIOR_SUCCESS
    assert forecast(UNKNOWN, 8).latency_s is None


@given(st.floats(0, 1), st.floats(0, 10**6))
def test_a_chance_is_a_share_that_can_be_divided_by(share: float, weight: float) -> None:
    """And lies between what was seen and the benefit of the doubt."""
    chance = success(Observed(success=share, weight=weight))
    assert SUCCESS_MIN <= chance <= 1
    assert min(share, PRIOR_SUCCESS) - 1e-9 <= max(chance, SUCCESS_MIN)
    assert chance <= max(share, PRIOR_SUCCESS, SUCCESS_MIN) + 1e-9


def test_one_failure_says_little_and_a_hundred_say_all() -> None:
    assert success(Observed(success=0, weight=1)) == pytest.approx(0.633, abs=0.001)
    assert success(Observed(success=0, weight=100)) == SUCCESS_MIN
    assert expected_micros(400_000, SUCCESS_MIN) == 20_000_000


def test_latency_between_two_lengths_lies_on_a_straight_line() -> None:
    learnt = {4: (20.0, 40.0, 9.0), 12: (60.0, 200.0, 9.0), 8: (0.0, 0.0, 0.0)}
    assert latency_s(learnt, 8) == (40.0, 120.0)  # nothing stands behind the line for 8
    assert latency_s(learnt, 12) == (60.0, 200.0)


def test_beyond_what_was_seen_a_longer_clip_takes_longer_and_a_shorter_one_as_long() -> None:
    learnt = {4: (20.0, 40.0, 9.0)}
    assert latency_s(learnt, 8) == (40.0, 80.0)
    assert latency_s(learnt, 2) == (20.0, 40.0)
    assert latency_s({}, 8) is None


@given(LINES, st.integers(1, 120))
def test_no_latency_lies_outside_what_was_seen_in_proportion(
    learnt: dict[int, tuple[float, float, float]], seconds: int
) -> None:
    found = latency_s(learnt, seconds)
    assert found is not None
    stretch = max(1.0, seconds / max(learnt))
    for at in (0, 1):
        seen = [line[at] for line in learnt.values()]
        assert min(seen) - 1e-6 <= found[at] <= max(seen) * stretch + 1e-6
