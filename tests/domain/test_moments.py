"""Moments that people write: one meaning, in UTC, or a refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.moments import Period, parse_loosely, parse_moment

_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_ZONES))  # noqa: DTZ001 - bounds are naive
def test_a_moment_is_read_in_any_zone(moment: datetime) -> None:
    """To the millisecond, what is finer cut off."""
    exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_moment(moment.isoformat()) == exact
    assert parse_moment(moment.isoformat().replace("T", " ")) == exact
    assert parse_loosely(moment.isoformat()) == exact


def test_a_date_is_its_beginning() -> None:
    """In UTC."""
    assert parse_moment("2026-11-21") == parse_moment("2026-11-21T00:00:00Z") == 1_795_219_200_000


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026", "20261121", "2026-W47-6", "2026-13-01", "2026-02-30", "2026-11-21T10:00:00",
     "2026-11-21T25:00:00Z", "2026-11-21T10:00Z", "1795219200", "\u0662026-11-21", "2026-11-21 ",
     "2026-11-21T10:00:00+24:00", "x" * 10_000],
)  # fmt: skip
def test_what_has_no_one_meaning_is_refused(text: str) -> None:
    """A local time above all; the sentence is short."""
    with pytest.raises(ValueError, match="is neither a date such as") as caught:
        parse_moment(text)
    assert len(str(caught.value)) < 150


def test_a_period_ends_before_its_end() -> None:
    """So that one month follows another."""
    assert [Period(5, 7).holds(at) for at in (4, 5, 6, 7)] == [False, True, True, False]
    assert Period().holds(-1)
