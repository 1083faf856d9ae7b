"""Small worlds searched exhaustively: no state with two renders that no policy forced, and none without an end.

Whatever vendors, wire, workers, callbacks and the store can do happens there in every order; what is modelled stands in
`tests.support.small_world`. A worker that dies is one that never goes on.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.domain.routing import Doubt
from tests.support.search import Found, search
from tests.support.small_state import Kind, State
from tests.support.small_world import SmallWorld, Wrong

STATES_MAX = 400_000
HOLD, FAILOVER = Doubt.HOLD, Doubt.FAILOVER

VENDORS = {
    "can do nothing": Kind(cancels=True),
    "honours keys": Kind(keys=True, cancels=True),
    "can list": Kind(finds=True, cancels=True),
    "calls back": Kind(calls_back=True),
}
FORGETFUL = {name: replace(kind, cancels=False, rewinds=1) for name, kind in VENDORS.items()}


def explored(kind: Kind) -> Found[State]:
    world = SmallWorld(kind)
    return search(world.begin(), world.steps, world.over, wrong=Wrong, states_max=STATES_MAX)


def assert_sound(kind: Kind) -> None:
    found = explored(kind)
    assert found.wrong is None, (found.wrong, *found.way)
    assert found.stuck is None, found.stuck
    assert found.ends > 0


@pytest.mark.parametrize("doubt", [HOLD, FAILOVER])
@pytest.mark.parametrize("name", VENDORS)
def test_nothing_is_rendered_twice_unforced_and_everything_ends(name: str, doubt: Doubt) -> None:
    """Lost replies, refusals, suspends past the lease, callbacks before the create's reply, jobs cancelled too late."""
    assert_sound(replace(VENDORS[name], doubt=doubt))


@pytest.mark.parametrize("name", ["can do nothing", "honours keys"])
def test_a_store_that_forgets_changes_nothing_of_that(name: str) -> None:
    """One or two commits, at any moment of the first two strides."""
    assert_sound(FORGETFUL[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "doubt"),
    [("can list", HOLD), ("calls back", HOLD), ("can do nothing", FAILOVER), ("honours keys", FAILOVER)],
)
def test_a_store_that_forgets_changes_nothing_for_any_vendor(name: str, doubt: Doubt) -> None:
    """The other two under `failover` have more states than are searched in a test."""
    assert_sound(replace(FORGETFUL[name], doubt=doubt))


@pytest.mark.slow
@pytest.mark.parametrize("name", VENDORS)
def test_jobs_that_break_and_a_client_that_cancels_change_nothing(name: str) -> None:
    assert_sound(replace(VENDORS[name], breaks=True, cancel=True))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(replace(VENDORS["can do nothing"], fenced=False), id="a fence"),
        pytest.param(replace(VENDORS["can list"], keeps_send_by=False), id="send_by"),
        pytest.param(replace(VENDORS["honours keys"], keys_are_true=False), id="keys that are honoured"),
        pytest.param(replace(FORGETFUL["can do nothing"], remembers=False), id="a memory of the sequence"),
    ],
)
def test_the_search_finds_a_world_without(kind: Kind) -> None:
    """The rules that hold worlds together, each left out once."""
    found = explored(kind)
    assert found.wrong is not None
    assert found.way


def test_the_search_finds_a_world_that_ends_nowhere() -> None:
    """Only what leads to an end is alive."""
    ways = {0: [("on", 1)], 1: [("on", 2), ("aside", 9)], 2: [], 9: [("on", 9)]}
    found = search(0, lambda at: ways[at], lambda at: at == 2, wrong=Wrong, states_max=10)
    assert found.stuck == ("on", "aside")
