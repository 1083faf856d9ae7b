"""`Prefer: wait=N` as clients write it; what cannot be read is no preference, never an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.prefer import wait_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("wait=10", 10),
        ("WAIT = 10", 10),
        ('wait="10"', 10),
        ("wait=10; foo=bar", 10),
        ("respond-async, wait=10", 10),
        ("wait=10, wait=20", 10),
        ("wait=1000000", 50),
        ("wait=0", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=\u0663", 0),
        ("wait", 0),
        ("wait=99999999999", 0),
        ("await=5", 0),
        ("wait=5," + "x" * 2_000, 0),
    ],
)
def test_the_first_wait_counts_up_to_the_bound(header: str | None, seconds: int) -> None:
    assert wait_s(header, 50) == seconds


@given(st.text(max_size=200), st.integers(0, 600))
def test_whatever_is_sent_is_a_wait_within_the_bound(header: str, most_s: int) -> None:
    assert 0 <= wait_s(header, most_s) <= most_s


@given(st.integers(0, 10**8), st.integers(0, 600))
def test_any_number_of_seconds_is_read(seconds: int, most_s: int) -> None:
    assert wait_s(f"handling=lenient, wait={seconds}", most_s) == min(seconds, most_s)
