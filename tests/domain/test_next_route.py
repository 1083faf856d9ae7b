"""Which route next: not one whose breaker is open while another may be asked, and never none because of breakers alone;
and where a queued video that finds no room may go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import failover, moves
from gateway.domain.change import Kind
from gateway.domain.news import Ask, CancelAsked, Declined, GiveUp, Lined, Rerouted
from gateway.domain.observed import SHUT_LOOK_MS, Observed
from gateway.domain.videos import AttemptState, State
from gateway.domain.world import World
from providers.contract import Why
from tests.support.videos import T0, admitted, model, route, world

TWO = model(route("a"), route("b"))
HOUR = 3_600_000


def shut(world: World, **until_ms: int) -> World:
    """With breakers that let nothing through before."""
    return replace(world, observed={f"{name}/m": Observed(open_until_ms=at) for name, at in until_ms.items()})


def test_an_open_breaker_sends_the_next_attempt_elsewhere() -> None:
    made = replace(admitted(TWO).video, attempts=())
    found = failover.next_route(made, shut(world(TWO), a=T0 + 1))
    assert found is not None
    assert found.route.name == "b/m"


@given(a=st.integers(0, 10 * HOUR), b=st.integers(0, 10 * HOUR))
def test_breakers_alone_never_leave_a_video_without_a_route(a: int, b: int) -> None:
    """It waits for the one that may close first, and may be asked before its deadline; but an operator may close one by
    hand, so it looks again before long."""
    made = replace(admitted(TWO).video, attempts=())
    found = failover.next_route(made, shut(world(TWO), a=T0 + a, b=T0 + b))
    assert found is not None
    assert T0 <= found.not_before_ms < made.deadline_ms
    assert found.not_before_ms == min(T0 + a, T0 + b, T0 + SHUT_LOOK_MS)


def test_a_video_that_finds_no_room_joins_lines_and_leaves_them_when_it_is_sent() -> None:
    made = admitted(TWO).video
    waits = moves.apply(made, Lined(1, ("a",)), world(TWO)).video
    more = moves.apply(waits, Lined(1, ("b", "a")), world(TWO)).video
    assert (waits.lined, more.lined, more.state) == (("a",), ("a", "b"), State.QUEUED)
    assert moves.apply(more, Lined(1, ("b",)), world(TWO)).video is more
    for news, state in (
        (Ask(1, T0), State.SUBMITTING), (CancelAsked(1), State.CANCELLED), (GiveUp(1), State.FAILED),
    ):  # fmt: skip
        left = moves.apply(more, news, world(TWO)).video
        assert (left.state, left.lined) == (state, ())


def test_another_route_takes_over_with_a_hold_of_its_own_and_the_first_is_free() -> None:
    made = admitted(TWO).video
    moved = moves.apply(made, Rerouted(1, "b/m"), world(TWO))
    first, second = moved.video.attempts
    assert (first.state, second.state, second.route) == (AttemptState.CLOSED, AttemptState.PLANNED, "b/m")
    assert [one.kind for one in moved.postings] == [Kind.VOID, Kind.HOLD]
    assert moved.video.state is State.QUEUED


def test_no_route_is_taken_that_may_not_be_asked() -> None:
    """Its own, one that a cap forbids, one that is unknown, one whose breaker is open."""
    made = admitted(TWO).video
    for name, here in (
        ("a/m", world(TWO)),
        ("b/m", replace(world(TWO), over_budget={"b/m": "provider/b/total"})),
        ("c/m", world(TWO)),
        ("b/m", shut(world(TWO), b=T0 + 5)),
    ):
        assert moves.apply(made, Rerouted(1, name), here).video is made


def test_who_waits_until_the_deadline_is_told_that_all_were_busy() -> None:
    waits = moves.apply(admitted(TWO).video, Lined(1, ("a", "b")), world(TWO)).video
    ended = moves.apply(waits, GiveUp(1), world(TWO, T0 + HOUR)).video
    assert ended.error == failover.WAITED


def test_a_route_that_was_never_asked_is_no_judgement_on_the_request() -> None:
    """One said `invalid`; the other's breaker was open until the deadline."""
    sent = moves.apply(admitted(TWO).video, Ask(1, T0), world(TWO)).video
    refused = moves.apply(sent, Declined(attempt=1, why=Why.INVALID), world(TWO)).video
    assert refused.current_attempt.route == "b/m"
    ended = moves.apply(refused, GiveUp(2), world(TWO, T0 + HOUR)).video
    assert ended.error == failover.failed_for(None)


def test_a_video_that_no_provider_could_take_is_told_so() -> None:
    ended = moves.apply(admitted(TWO).video, GiveUp(1), world(TWO, T0 + HOUR)).video
    assert ended.error == failover.WAITED
