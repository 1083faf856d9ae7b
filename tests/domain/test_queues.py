"""Queues of servers that tell them: what is ahead there counts as time, and decides between equals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.forecast import forecast
from gateway.domain.observed import UNKNOWN, Observed, with_ahead
from gateway.domain.strategies import Policy, Strategy, candidate, rank

LEARNT = Observed(success=1.0, weight=100.0, latency_s={4: (10.0, 30.0, 50.0)})
ROUTES = {"a/wan": "a", "b/wan": "b"}
ADAPTIVE = (Strategy.CHEAPEST, Strategy.FASTEST, Strategy.HEALTHIEST, Strategy.BALANCED)


def first(strategy: Strategy, ahead: dict[str, int], observed: dict[str, Observed]) -> str:
    seen = with_ahead(observed, ROUTES.items(), ahead)
    found = [candidate(name, place, 1_000, seen.get(name, UNKNOWN), 4) for place, name in enumerate(ROUTES)]
    return rank(Policy(strategy=strategy, explore=0.0), found, now_ms=0, draw=0.5)[0].candidate.route


def test_a_queue_goes_to_every_route_of_its_provider_and_to_no_other() -> None:
    """Also to routes of which nothing was learnt; without queues nothing is copied."""
    seen = with_ahead({"a/wan": LEARNT}, {**ROUTES, "a/more": "a"}.items(), {"a": 3, "gone": 9})
    assert (seen["a/wan"].ahead, seen["a/more"].ahead) == (3, 3) and "b/wan" not in seen
    assert seen["a/wan"].latency_s == LEARNT.latency_s
    plain = {"a/wan": LEARNT}
    assert with_ahead(plain, ROUTES.items(), {"a": 0}) is plain


@given(ahead=st.integers(0, 1_000))
def test_each_job_ahead_is_waited_for(ahead: int) -> None:
    """As long as a usual clip; what is told of the route itself stays."""
    seen = with_ahead({"a/wan": LEARNT}, ROUTES.items(), {"a": ahead}).get("a/wan", LEARNT)
    expected = forecast(seen, 4)
    assert expected.latency_s == 20.0 + 10.0 * ahead
    assert (expected.p50_s, expected.p95_s) == (10.0, 30.0)


def test_between_equals_the_shorter_queue_is_asked_first() -> None:
    """Whatever is known of them, where the operator did not write the order down."""
    for strategy in ADAPTIVE:
        for observed in ({}, dict.fromkeys(ROUTES, LEARNT)):
            if strategy is Strategy.BALANCED and not observed:
                continue  # it weighs times, and knows none
            assert first(strategy, {"a": 2, "b": 1}, observed) == "b/wan", strategy
            assert first(strategy, {"a": 1, "b": 2}, observed) == "a/wan", strategy
    assert first(Strategy.ORDERED, {"a": 9}, {}) == "a/wan"
