"""Courtesy between requests and steps: who waits, how long, and never for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.work.courtesy import CALM, CROWD_PER_S, LAG_S, WINDOW_S, Courtesy, claims_per_tick, gives_way

MOST = 128
SECONDS = st.floats(0, 1e6)


class Day:
    """A courtesy that lives through windows of so many requests and such a lag."""

    def __init__(self) -> None:
        self.arrived = 0
        self.now_s = 0.0
        self.courtesy = Courtesy(lambda: self.arrived)
        self.courtesy.quota(MOST, self.now_s)

    def window(self, *, requests: int, lag_s: float, late_s: float = 0.0) -> int:
        for _ in range(40):
            self.courtesy.lagged(lag_s)
        self.courtesy.late(late_s)
        self.now_s += 2 * WINDOW_S
        self.arrived += requests
        return self.courtesy.quota(MOST, self.now_s)


CROWD = round(4 * CROWD_PER_S * WINDOW_S)
BUSY = 3 * LAG_S


def test_nobody_waits_where_there_is_time_for_all() -> None:
    """Many requests on an idle loop, or a busy loop without requests, take nothing from the steps."""
    day = Day()
    assert day.window(requests=CROWD, lag_s=0.0) == MOST
    assert day.window(requests=0, lag_s=BUSY) == MOST


def test_in_a_crowd_steps_wait() -> None:
    """Requests come first from the first window in which the loop is late."""
    day = Day()
    assert day.window(requests=0, lag_s=0.0) == MOST
    assert day.window(requests=CROWD, lag_s=BUSY) < 4


def test_giving_way_does_not_end_because_it_helped() -> None:
    """The lag falls when steps wait. What began it must be well over before it ends, or both would swing."""
    day = Day()
    assert day.window(requests=CROWD, lag_s=BUSY) < MOST
    assert day.window(requests=CROWD, lag_s=LAG_S / 2) < MOST
    assert day.window(requests=CROWD, lag_s=LAG_S * CALM / 2) == MOST
    assert day.window(requests=CROWD, lag_s=BUSY) < MOST
    assert day.window(requests=0, lag_s=BUSY) == MOST


def test_steps_never_wait_for_good() -> None:
    """A crowd that stays is shared with: ten seconds late, the work takes what it wants."""
    day = Day()
    assert day.window(requests=CROWD, lag_s=BUSY, late_s=1) < 8
    assert day.window(requests=CROWD, lag_s=BUSY, late_s=11) == MOST


@given(SECONDS, SECONDS)
def test_the_later_the_more(one_s: float, other_s: float) -> None:
    """Also for a clock that went back: at least one in every tick."""
    less, more = claims_per_tick(min(one_s, other_s)), claims_per_tick(max(one_s, other_s))
    assert 1 <= less <= more
    assert claims_per_tick(-one_s) == claims_per_tick(0)


@given(SECONDS, st.floats(0, 1e6))
def test_who_gives_way_goes_on_where_another_would_begin(lag_s: float, arrived_per_s: float) -> None:
    """Hysteresis in one direction only."""
    assert gives_way(True, lag_s, arrived_per_s) or not gives_way(False, lag_s, arrived_per_s)
