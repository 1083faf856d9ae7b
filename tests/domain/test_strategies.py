"""Ranking: each strategy's promise, what an open breaker does to it, and how much may be explored."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.forecast import ENOUGH
from gateway.domain.observed import UNKNOWN, Observed
from gateway.domain.routing import plan, ranked
from gateway.domain.strategies import EXPLORING, Candidate, Policy, Ranked, Strategy, Weights, candidate, rank
from gateway.domain.videos import Choice, Request
from providers.contract import Price
from tests.support.videos import SIZE, T0, model, route

DRAWS = st.floats(0, 1, exclude_max=True)
LATENCIES = st.dictionaries(
    st.sampled_from([4, 8, 12]),
    st.tuples(st.floats(0, 500), st.floats(0, 2_000), st.floats(0, 50)),
    max_size=3,
)
OBSERVED = st.builds(
    Observed,
    success=st.floats(0, 1),
    weight=st.floats(0, 500),
    latency_s=LATENCIES,
    open_until_ms=st.sampled_from([0, T0 - 1, T0 + 12_000]),
    half_open=st.booleans(),
)
POLICIES = st.builds(
    Policy,
    strategy=st.sampled_from(list(Strategy)),
    weights=st.builds(Weights, cost=st.floats(0, 10), latency=st.floats(0, 10), failure=st.floats(0, 10)),
    explore=st.floats(0, 1),
    shares=st.dictionaries(st.sampled_from(["r0", "r1", "r2"]), st.floats(0, 100)),
)
FIELDS = st.lists(st.tuples(st.integers(0, 10**9), OBSERVED), max_size=8).map(
    lambda found: [candidate(f"r{at}", at, price, seen, 8) for at, (price, seen) in enumerate(found)]
)
DRAWN = [(step + 0.5) / 4_000 for step in range(4_000)]


def one(name: str, place: int, price: int, *, success: float = 1.0, weight: float = 100.0, s: float = 60) -> Candidate:
    return candidate(name, place, price, Observed(success=success, weight=weight, latency_s={8: (s, s, 50)}), 8)


def order(policy: Policy, candidates: Sequence[Candidate], draw: float = 0.999) -> list[str]:
    return [found.candidate.route for found in rank(policy, candidates, now_ms=T0, draw=draw)]


def by(strategy: Strategy, *candidates: Candidate) -> list[str]:
    return order(Policy(strategy=strategy), candidates)


@given(POLICIES, FIELDS, DRAWS)
def test_every_candidate_is_ranked_exactly_once(policy: Policy, field: list[Candidate], draw: float) -> None:
    """A rank is a permutation, whatever was observed; the same again for the same draw; scores are finite numbers."""
    found = rank(policy, field, now_ms=T0, draw=draw)
    assert sorted(each.candidate.place for each in found) == list(range(len(field)))
    assert found == rank(policy, field, now_ms=T0, draw=draw)
    assert all(each.score is None or math.isfinite(each.score) for each in found)


@given(POLICIES, FIELDS, DRAWS)
def test_a_route_whose_breaker_is_open_stands_last_and_says_so(
    policy: Policy, field: list[Candidate], draw: float
) -> None:
    """It is kept, because the breaker may close in time."""
    shut = [each.candidate.observed.open_until_ms > T0 for each in rank(policy, field, now_ms=T0, draw=draw)]
    assert shut == sorted(shut)
    for each in rank(policy, field, now_ms=T0, draw=draw):
        if each.candidate.observed.open_until_ms > T0:
            assert each.note == "its breaker is open for 12 s more"


@given(FIELDS, DRAWS, st.floats(0, 1))
def test_ordered_keeps_the_order_that_was_written(field: list[Candidate], draw: float, explore: float) -> None:
    """No observation and no chance moves it; only an open breaker does."""
    found = rank(Policy(explore=explore), field, now_ms=T0, draw=draw)
    places = [each.candidate.place for each in found if each.candidate.observed.open_until_ms <= T0]
    assert places == sorted(places)


@given(FIELDS, st.sampled_from([Strategy.CHEAPEST, Strategy.HEALTHIEST, Strategy.BALANCED]), st.data())
def test_to_be_cheaper_or_healthier_never_costs_a_rank(
    field: list[Candidate], strategy: Strategy, data: st.DataObject
) -> None:
    """Monotone: one route better in price and success, all else equal, stands no later than before."""
    if not field:
        return
    policy, draw = Policy(strategy=strategy, explore=0), 0.5
    at = data.draw(st.integers(0, len(field) - 1))
    old = field[at]
    seen = replace(old.observed, success=data.draw(st.floats(old.observed.success, 1)))
    better = candidate(old.route, at, data.draw(st.integers(0, old.price_micros)), seen, 8)
    after = [*field[:at], better, *field[at + 1 :]]
    assert order(policy, after, draw).index(old.route) <= order(policy, field, draw).index(old.route)


@given(FIELDS)
def test_cheapest_is_sorted_by_what_a_clip_comes_to(field: list[Candidate]) -> None:
    """Price by chance of success: a route that is a tenth cheaper and fails half of the time is no bargain."""
    usable = [replace(each, observed=replace(each.observed, open_until_ms=0)) for each in field]
    found = rank(Policy(strategy=Strategy.CHEAPEST, explore=0), usable, now_ms=T0, draw=0.5)
    assert [each.candidate.cost_micros for each in found] == sorted(each.cost_micros for each in usable)
    assert by(Strategy.CHEAPEST, one("cheap", 0, 90, success=0.5), one("sound", 1, 100)) == ["sound", "cheap"]


def test_fastest_counts_failures_and_breaks_ties_by_price() -> None:
    """Within five percent two times are one; unknown times stand behind known ones."""
    quick, slow = one("quick", 0, 900, s=30), one("slow", 1, 100, s=90)
    assert by(Strategy.FASTEST, slow, quick) == ["quick", "slow"]
    assert by(Strategy.FASTEST, one("quick", 0, 900, s=30, success=0.2), slow) == ["slow", "quick"]
    assert by(Strategy.FASTEST, quick, one("as-quick", 1, 100, s=30.1)) == ["as-quick", "quick"]
    assert by(Strategy.FASTEST, candidate("new", 0, 1, UNKNOWN, 8), quick) == ["quick", "new"]


def test_healthiest_breaks_ties_by_cost() -> None:
    assert by(Strategy.HEALTHIEST, one("a", 0, 1, success=0.9), one("b", 1, 9)) == ["b", "a"]
    assert by(Strategy.HEALTHIEST, one("a", 0, 9), one("b", 1, 1)) == ["b", "a"]


def test_balanced_weighs_what_the_operator_weighs() -> None:
    """The same three routes, three opinions."""
    field = [
        one("cheap", 0, 20_000, s=100, success=0.8),
        one("quick", 1, 80_000, s=25, success=0.7),
        one("sound", 2, 60_000, s=80),
    ]
    for weights, first in (
        (Weights(latency=0, failure=0), "cheap"),
        (Weights(cost=0, failure=0), "quick"),
        (Weights(cost=0.1, latency=0.1, failure=10), "sound"),
    ):
        assert order(Policy(strategy=Strategy.BALANCED, weights=weights, explore=0), field)[0] == first, weights


def test_weighted_is_first_as_often_as_its_share_says() -> None:
    """Shares 3 to 1 to 0; a route without a share of its own counts 1; the rest is drawn by the same shares."""
    field = [one("a", 0, 1), one("b", 1, 1), one("none", 2, 1), one("c", 3, 1)]
    policy = Policy(strategy=Strategy.WEIGHTED, shares={"a": 6, "b": 2, "none": 0, "c": 2})
    orders = [order(policy, field, draw) for draw in DRAWN]
    first, second = Counter(found[0] for found in orders), Counter(found[1] for found in orders if found[0] == "a")
    assert abs(first["a"] / len(DRAWN) - 0.6) < 0.03 and abs(first["b"] / len(DRAWN) - 0.2) < 0.03
    assert abs(second["b"] / second.total() - 0.5) < 0.05
    assert {found[-1] for found in orders} == {"none"}


@settings(max_examples=40)
@given(FIELDS, st.sampled_from(sorted(EXPLORING)), st.sampled_from([0.0, 0.05, 0.3]))
def test_no_more_than_the_share_explores(field: list[Candidate], strategy: Strategy, explore: float) -> None:
    """Over all draws, whatever is known of whom."""
    policy = Policy(strategy=strategy, explore=explore)
    told = [explored(rank(policy, field, now_ms=T0, draw=draw)) for draw in DRAWN[::10]]
    assert sum(name is not None for name in told) <= explore * len(told) + 1


def test_new_routes_are_found_out_about_and_known_ones_are_not() -> None:
    """Every route that could still be the best gets its equal part of the share; less, the more is known of it."""
    half = one("half", 3, 10, weight=ENOUGH / 2, success=0.5)
    field = [one("best", 0, 20), candidate("new", 1, 10, UNKNOWN, 8), one("known", 2, 10, success=0.4), half]
    policy = Policy(strategy=Strategy.CHEAPEST, explore=0.2)
    counts = Counter(explored(rank(policy, field, now_ms=T0, draw=draw)) for draw in DRAWN)
    assert order(policy, field)[0] == "new"  # by its score alone: a new route has the benefit of the doubt
    assert set(counts) == {None, "half"}
    assert abs(counts["half"] / len(DRAWN) - 0.1) < 0.01


def test_a_route_that_cannot_be_the_best_is_not_explored() -> None:
    """A dearer route is no cheaper for being sound, and a shut one waits for its breaker."""
    policy = Policy(strategy=Strategy.CHEAPEST, explore=1.0)
    dear = candidate("dear", 1, 30, UNKNOWN, 8)
    shut = candidate("shut", 2, 1, Observed(open_until_ms=T0 + 12_000), 8)
    for draw in DRAWN[::50]:
        assert order(policy, [one("best", 0, 20), dear, shut], draw) == ["best", "dear", "shut"]


@given(st.sampled_from([Strategy.ORDERED, Strategy.WEIGHTED]), FIELDS, DRAWS)
def test_what_the_operator_wrote_is_never_explored(strategy: Strategy, field: list[Candidate], draw: float) -> None:
    policy = Policy(strategy=strategy, explore=1.0)
    assert explored(rank(policy, field, now_ms=T0, draw=draw)) is None


@given(POLICIES, st.lists(st.tuples(st.booleans(), OBSERVED), max_size=8), DRAWS)
def test_what_was_dropped_stays_dropped_behind_everything_that_was_kept(
    policy: Policy, facts: list[tuple[bool, Observed]], draw: float
) -> None:
    """The choices are the same ones in another order, those that were dropped untouched."""
    choices = [
        Choice(route=f"r{at}", price_micros=at) if kept else Choice(route=f"r{at}", dropped="cannot")
        for at, (kept, _) in enumerate(facts)
    ]
    seen = {f"r{at}": observed for at, (_, observed) in enumerate(facts)}
    asked = Request(model="sora-2", prompt="x", seconds=8, size=SIZE)
    found = ranked(choices, policy, asked, observed=seen, now_ms=T0, draw=draw)
    kept = [one for one in choices if one.dropped is None]
    assert sorted(one.route for one in found[: len(kept)]) == sorted(one.route for one in kept)
    assert list(found[len(kept) :]) == [one for one in choices if one.dropped is not None]


def test_a_plan_never_ranks_what_it_dropped_and_tells_what_it_knew() -> None:
    """Dropped routes stand behind, whatever was observed of them; a guess from nothing is not told."""
    dear = replace(route("b"), prices=(Price(per_second_micros=200_000, as_of="2026-11-01", source="test"),))
    config = model(route("small", seconds=(4,)), route("a"), dear, policy=Policy(strategy=Strategy.CHEAPEST))
    asked = Request(model="sora-2", prompt="x", seconds=8, size=SIZE)
    seen = {"a/m": Observed(success=0.25, weight=98, latency_s={4: (10, 20, 5), 12: (30, 60, 5)})}
    first, second, third = plan(config, asked, "2026-11-21", observed=seen)
    assert (first.route, first.expected_micros, first.success, first.p50_s) == ("b/m", None, None, None)
    assert (second.route, second.success, second.p50_s, second.p95_s) == ("a/m", 0.264, 20.0, 40.0)
    assert (second.expected_micros, second.score) == (round(800_000 / 0.264), 3_030_300)
    assert (third.route, third.dropped, third.score) == ("small/m", "cannot render 8 seconds", None)


def explored(found: Sequence[Ranked]) -> str | None:
    return next((each.candidate.route for each in found if "learn more" in (each.note or "")), None)
