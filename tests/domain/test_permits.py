"""What is in flight at a provider, what closes it, and how urgent a video may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.errors import BadInput, Forbidden
from gateway.domain.limits import Limits, Owned
from gateway.domain.news import Ask, AskAgain, Declined, GiveUp, Lined
from gateway.domain.permits import PAUSE_MS_MAX, at_providers, in_flight
from gateway.domain.priorities import (
    PRIORITIES,
    PRIORITY_MAX,
    STANDARD,
    parse_priority,
    priority_of,
    settled_priority,
    told_priority,
)
from gateway.domain.videos import AttemptState, State, Video
from providers.contract import Remote, Why
from tests.store.samples import T0, attempt, video

IN_FLIGHT = (AttemptState.SENT, AttemptState.DOUBTFUL, AttemptState.RUNNING)


def at(state: AttemptState, **changes: object) -> Video:
    made = video()
    return replace(made, attempts=(replace(attempt(), state=state, **changes),))


@pytest.mark.parametrize("state", list(AttemptState))
def test_an_attempt_is_in_flight_while_its_vendor_may_work_on_it(state: AttemptState) -> None:
    """One of unknown outcome too; not one that is only planned, nor one whose clip is ready."""
    assert in_flight(at(state).attempt(1)) == (state in IN_FLIGHT)
    assert not in_flight(at(state, assets=(Remote(),)).attempt(1))
    left = at(state, abandoned=True).attempt(1)
    assert in_flight(left) == (state in (AttemptState.SENT, AttemptState.RUNNING)), "a doubt is looked for much longer"


@pytest.mark.parametrize("before", list(AttemptState))
@pytest.mark.parametrize("after", list(AttemptState))
def test_a_change_tells_what_began_and_what_ended(before: AttemptState, after: AttemptState) -> None:
    one, name = at(before), f"{video().id}.1"
    found = at_providers(one, at(after), GiveUp(1), T0)
    assert found.begin == (((name, "mock"),) if after in IN_FLIGHT and before not in IN_FLIGHT else ())
    assert found.done == ((name,) if before in IN_FLIGHT and after not in IN_FLIGHT else ())


def test_a_submission_asks_its_provider_and_leaves_the_lines() -> None:
    waits = replace(at(AttemptState.PLANNED), lined=("mock", "b"))
    asks = at_providers(waits, replace(at(AttemptState.SENT), state=State.SUBMITTING), Ask(1, T0), T0)
    assert (asks.ask, asks.again, asks.lines, asks.waits) == ("mock", "", ("mock", "b"), False)
    again = at_providers(at(AttemptState.DOUBTFUL), at(AttemptState.DOUBTFUL), AskAgain(1, T0), T0)
    assert (again.ask, again.again, again.begin) == ("", "mock", ())
    joins = at_providers(at(AttemptState.PLANNED), waits, Lined(1, ("mock", "b")), T0)
    assert (joins.lines, joins.waits) == (("mock", "b"), True)


@given(st.none() | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e12))
def test_a_throttling_vendor_is_left_alone_as_long_as_it_says_and_never_for_ever(seconds: float | None) -> None:
    news = Declined(attempt=1, why=Why.THROTTLED, retry_after_s=seconds)
    paused = at_providers(at(AttemptState.SENT), at(AttemptState.CLOSED), news, T0).paused
    assert paused is not None
    assert paused[0] == "mock"
    assert T0 <= paused[1] <= T0 + PAUSE_MS_MAX
    if seconds is not None and 0 <= seconds * 1_000 <= PAUSE_MS_MAX:
        assert paused[1] == T0 + round(seconds * 1_000)


@pytest.mark.parametrize("why", [one for one in Why if one is not Why.THROTTLED])
def test_no_other_refusal_closes_a_provider(why: Why) -> None:
    news = Declined(attempt=1, why=why, retry_after_s=5)
    assert at_providers(at(AttemptState.SENT), at(AttemptState.CLOSED), news, T0).paused is None


# --- priorities --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "number"), [*PRIORITIES.items(), (0, 0), (9, 9), ("7", 7), (4.0, 4)])
def test_words_and_numbers_are_priorities(value: str | float, number: int) -> None:
    assert priority_of("priority", value) == number


@pytest.mark.parametrize("value", ["urgent", "", -1, 10, "10", 1.5, "Batch"])
def test_another_is_refused_and_told_what_there_is(value: str | float) -> None:
    with pytest.raises(BadInput, match="'batch', 'standard', 'interactive', or a number from 0 to 9"):
        priority_of("priority", value)


@pytest.mark.parametrize("value", [True, [], {}])
def test_another_type_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="expected an integer"):
        priority_of("priority", value)  # type: ignore[arg-type] # what JSON can hold


@given(st.integers(0, PRIORITY_MAX))
def test_what_is_told_can_be_said(number: int) -> None:
    assert parse_priority(told_priority(number)) == number


levels = st.none() | st.integers(0, PRIORITY_MAX)


@given(asked=levels, of_key=st.tuples(levels, levels), of_project=st.tuples(levels, levels))
def test_the_request_then_the_key_then_the_project_and_never_above_a_bound(
    asked: int | None, of_key: tuple[int | None, int | None], of_project: tuple[int | None, int | None]
) -> None:
    owned = [
        Owned("this API key", Limits(priority=of_key[0], priority_max=of_key[1])),
        Owned("this project", Limits(priority=of_project[0], priority_max=of_project[1])),
    ]
    bound = min(one for one in (of_key[1], of_project[1], PRIORITY_MAX) if one is not None)
    wanted = next(one for one in (asked, of_key[0], of_project[0], STANDARD) if one is not None)
    if asked is not None and asked > bound:
        with pytest.raises(Forbidden, match="may not ask for priority"):
            settled_priority(asked, owned)
    else:
        assert settled_priority(asked, owned) == min(wanted, bound)
