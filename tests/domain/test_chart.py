"""Charts: what a route's and its provider's come to for a decision, and that they survive being kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import chart as charts
from gateway.domain.breaker import Rules, Scope, Turn, take_probe
from gateway.domain.chart import BLANK, IDLE_MS_MAX, PROBE_WAIT_MS, Chart
from gateway.domain.observations import Observation, Sign
from providers.contract import Why
from tests.domain.test_health import observations
from tests.support.seeing import seen
from tests.support.videos import T0, route

RULES = Rules(probes=1)


def told(*stories: Observation, scope: Scope = Scope.ROUTE) -> Chart:
    chart = BLANK
    for one in stories:
        chart = charts.after(chart, scope, Turn(one, one.at_ms, RULES, 0.5))
    return chart


def test_a_route_is_closed_by_its_own_breaker_and_by_its_providers() -> None:
    broken = told(*[seen(Sign.BROKE)] * 5)
    barred = told(seen(Sign.REFUSED, Why.NO_CREDIT), scope=Scope.PROVIDER)
    for one, provider, by in ((broken, BLANK, broken), (BLANK, barred, barred)):
        found = charts.observed(one, provider, RULES, T0)
        assert found.open_until_ms == by.breaker.until_ms > T0 and not found.half_open
        later = charts.observed(one, provider, RULES, by.breaker.until_ms)
        assert (later.open_until_ms, later.half_open) == (0, True)


def test_a_half_open_breaker_without_a_probe_left_lets_nothing_through_for_a_moment() -> None:
    chart = told(*[seen(Sign.BROKE)] * 5)
    now_ms = chart.breaker.until_ms
    taken = take_probe(chart.breaker, "v.1", now_ms, probes=1, lease_ms=60_000)
    assert taken is not None
    found = charts.observed(Chart(chart.health, taken), BLANK, RULES, now_ms)
    assert (found.open_until_ms, found.half_open) == (now_ms + PROBE_WAIT_MS, True)


def test_only_routes_that_something_is_known_of_are_told() -> None:
    routes = {one.name: one for one in (route("a"), route("b"), route("c"))}
    known = {"route/a/m": told(seen(Sign.CLIP, latency_ms=5_000)), "provider/b": told(seen()), "route/x/m": BLANK}
    found = charts.observed_by_route(known, routes, {"a": RULES, "b": RULES}, T0)
    assert sorted(found) == ["a/m", "b/m"]
    assert found["a/m"].weight == 1 and found["a/m"].latency_s[4][2] == 1


def test_a_chart_of_what_left_the_configuration_goes_in_time() -> None:
    """Also one that a clock ahead wrote: it counts as of now, and goes as soon as that is long ago."""
    chart, known = told(seen()), frozenset({"route/a/m"})
    assert not charts.forgotten("route/a/m", chart, known, T0 + 10 * IDLE_MS_MAX)
    assert not charts.forgotten("route/b/m", chart, known, T0 + IDLE_MS_MAX)
    assert charts.forgotten("route/b/m", chart, known, T0 + IDLE_MS_MAX + 1)


@given(st.lists(observations, max_size=20), st.sampled_from(Scope))
def test_what_is_kept_is_what_is_read(stories: list[Observation], scope: Scope) -> None:
    chart = told(*stories, scope=scope)
    assert charts.decode_chart(charts.encode_chart(chart)) == chart


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"[[],[],[]", b'[["x"],[]]', b"\xff"])
def test_what_is_no_chart_is_none(text: bytes) -> None:
    assert charts.decode_chart(text) is None


def test_operators_see_state_reason_and_quantiles() -> None:
    chart = told(seen(Sign.RENDERED, latency_ms=40_000), seen(Sign.REFUSED, Why.UNAUTHORISED), scope=Scope.PROVIDER)
    row = charts.row("provider/a", chart, T0)
    assert (row["scope"], row["name"], row["state"], row["reason"]) == ("provider", "a", "open", "unauthorised")
    assert row["success"] == 0.0 and row["opens_for_s"] == 22
    closed = charts.row("provider/a", charts.closed(chart, T0), T0)
    assert (closed["state"], closed["reason"], closed["success"]) == ("closed", None, 0.0)
