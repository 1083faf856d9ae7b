"""Routes that take nothing now: their turn comes later, another's first, and no video ends for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import failover
from gateway.domain.observed import SHUT_LOOK_MS, Observed
from gateway.domain.videos import Video
from tests.support.videos import T0, admitted, model, route, world

ONE, TWO = route("a"), route("b")
BOTH = model(ONE, TWO)


def fresh() -> Video:
    """Before its first attempt."""
    return replace(admitted(BOTH).video, attempts=(), current=1)


def chosen(video: Video, **observed: Observed) -> tuple[str, int]:
    seen = {f"{name}/m": one for name, one in observed.items()}
    found = failover.next_route(video, replace(world(BOTH), observed=seen))
    assert found is not None
    return found.route.name, found.not_before_ms


def test_a_route_that_is_shut_is_passed_over_for_one_that_is_not() -> None:
    shut = Observed(open_until_ms=T0 + 5_000)
    assert chosen(fresh(), a=shut) == ("b/m", T0)
    assert chosen(fresh(), b=shut) == ("a/m", T0)


def test_where_all_are_shut_the_first_to_open_is_waited_for() -> None:
    assert chosen(fresh(), a=Observed(open_until_ms=T0 + 9_000), b=Observed(open_until_ms=T0 + 4_000)) == (
        "b/m", T0 + 4_000,
    )  # fmt: skip


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_no_breaker_ends_a_video(one: int, other: int) -> None:
    """However long it says to stay open: somebody looks again soon, and the deadline ends what it must."""
    name, at_ms = chosen(fresh(), a=Observed(open_until_ms=one), b=Observed(open_until_ms=other))
    assert name in ("a/m", "b/m") and T0 <= at_ms <= T0 + SHUT_LOOK_MS


def test_a_short_deadline_is_no_reason_to_give_up() -> None:
    video = replace(fresh(), deadline_ms=T0 + 1_000)
    assert chosen(video, a=Observed(open_until_ms=T0 + 9_000), b=Observed(open_until_ms=T0 + 9_000))[1] == T0 + 999
