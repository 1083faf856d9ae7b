"""When a client is told to look again: seldom while the end is far, often when it is near, always within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.observed import Observed
from gateway.domain.polling import AFTER_MS_MAX, AFTER_MS_MIN, after_ms, usual_s

TIMES = st.floats(0, 1e7)
USUAL = st.none() | st.floats(0.001, 1e7)
STATUS = st.sampled_from(["queued", "in_progress"])


@given(STATUS, st.integers(0, 100), TIMES, USUAL, st.integers(0, 10**6))
def test_it_is_always_a_whole_number_that_every_sdk_takes(
    status: str, progress: int, age_s: float, usual: float | None, waiting: int
) -> None:
    """Python's parses it as an integer; Go's takes no more than 8000."""
    told = after_ms(status, progress, age_s, usual, waiting)
    assert isinstance(told, int)
    assert AFTER_MS_MIN <= told <= AFTER_MS_MAX


@given(st.floats(0.001, 1e4), st.floats(0.001, 1e4))
def test_right_after_the_create_a_longer_clip_is_looked_at_less_often(one: float, other: float) -> None:
    """That look decides for the SDKs, which keep the first interval they are told."""
    short, long = sorted((one, other))
    assert after_ms("queued", 0, 0.0, short) <= after_ms("queued", 0, 0.0, long)


@pytest.mark.parametrize(
    ("status", "progress", "age_s", "usual", "waiting", "told"),
    [
        ("queued", 0, 0, None, 0, 1_000),
        ("in_progress", 0, 0, None, 0, 2_000),
        ("in_progress", 0, 60, None, 0, 6_000),  # nothing was learnt, but it takes its time
        ("queued", 0, 0, 40, 0, 4_000),  # a tenth of what such clips take
        ("in_progress", 0, 30, 40, 0, 1_000),
        ("in_progress", 0, 90, 40, 0, 5_000),  # late by 50 s
        ("in_progress", 75, 60, 400, 0, 2_000),  # the vendor says that a quarter is left
        ("in_progress", 5, 60, 80, 0, 2_000),  # its first percents say nothing
        ("queued", 0, 0, 30, 20, 5_000),  # twenty wait for the same providers
        ("in_progress", 0, 0, 30, 20, 3_000),  # it waits no more
        ("queued", 0, 0, 3_600, 0, 8_000),
    ],
)
def test_what_is_known_decides(  # noqa: PLR0917 - a row of the table
    status: str, progress: int, age_s: float, usual: float | None, waiting: int, told: int
) -> None:
    assert after_ms(status, progress, age_s, usual, waiting) == told


def test_the_fastest_route_that_is_known_counts() -> None:
    """With what waits before it."""
    observed = {
        "a/m": Observed(latency_s={4: (20.0, 30.0, 9.0)}, ahead=2),
        "b/m": Observed(latency_s={4: (40.0, 90.0, 9.0)}),
    }
    assert usual_s(["a/m"], observed, 4) == pytest.approx(60.0)
    assert usual_s(["a/m", "b/m", "c/m"], observed, 4) == pytest.approx(40.0)
    assert usual_s(["c/m"], observed, 4) is None
    assert usual_s([], observed, 4) is None
