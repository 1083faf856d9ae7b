"""The clock that follows the store's."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import SystemClock

NOW_MS = 1_800_000_000_000


@dataclass
class Machine:
    """A machine whose clock is off by `off_ms`, and time that passes when told to."""

    off_ms: int = 0
    passed_ms: int = 0

    def clock(self) -> SystemClock:
        return SystemClock(lambda: (NOW_MS + self.passed_ms + self.off_ms) * 1_000_000, lambda: self.passed_ms / 1_000)


def ask(machine: Machine, clock: SystemClock, there_ms: int, back_ms: int) -> None:
    """Ask the store, whose clock is right, for the time: the question takes `there_ms`, the answer `back_ms`."""
    asked_s = clock.boot_s()
    machine.passed_ms += there_ms
    store_ms = NOW_MS + machine.passed_ms
    machine.passed_ms += back_ms
    clock.correct(store_ms, asked_s)


waits = st.integers(0, 5_000)


@given(st.lists(st.tuples(waits, waits)))
def test_two_clocks_that_agree_stay_still_however_late_answers_are(answers: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = machine.clock()
    for there_ms, back_ms in answers:
        before = clock.now_ms()
        ask(machine, clock, there_ms, back_ms)
        assert clock.now_ms() == before + there_ms + back_ms


@given(st.integers(-(10**9), 10**9), st.lists(st.tuples(waits, waits), min_size=1))
def test_a_clock_that_is_off_comes_as_near_as_the_best_answer_tells(
    off_ms: int, answers: list[tuple[int, int]]
) -> None:
    """Off by no more than the quickest answer took, whatever the others said."""
    machine = Machine(off_ms)
    clock = machine.clock()
    for there_ms, back_ms in answers:
        ask(machine, clock, there_ms, back_ms)
    error_ms = clock.now_ms() - NOW_MS - machine.passed_ms
    assert abs(error_ms) <= min(there_ms + back_ms for there_ms, back_ms in answers) + 2


def test_a_clock_that_was_set_back_is_corrected_by_the_next_answer() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.off_ms = -3_600_000
    ask(machine, clock, 1, 1)
    assert abs(clock.now_ms() - NOW_MS - machine.passed_ms) <= 2
