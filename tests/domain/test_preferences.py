"""What a request says about its own routing: read, refused in words that help, and kept to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import preferences as prefs
from gateway.domain.errors import BadInput
from gateway.domain.money import MICROS
from gateway.domain.observed import Observed
from gateway.domain.preferences import Preferences, preferences_of
from gateway.domain.routing import sift
from gateway.domain.strategies import Strategy
from gateway.domain.videos import Request
from providers.contract import Price
from tests.support.videos import SIZE, model, route

DAY = "2026-11-21"
DEAR = replace(route("dear"), prices=(Price(per_second_micros=200_000, as_of="2026-11-01", source="test"),))
MODEL = model(route("cheap"), DEAR, route("spare", seconds=(4,)))
REQUEST = Request(model="sora-2", prompt="x", seconds=8, size=SIZE)


def refused(**given: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        preferences_of(given)
    return caught.value


def dropped(preferences: Preferences, **observed: Observed) -> dict[str, str | None]:
    seen = {f"{name}/m": one for name, one in observed.items()}
    found = prefs.held_to(preferences, sift(MODEL, REQUEST, DAY), MODEL, REQUEST, seen)
    return {one.route.removesuffix("/m"): one.dropped for one in found}


def test_everything_that_can_be_said_is_read() -> None:
    """From JSON, and from a form, where everything is text."""
    said: dict[str, Any] = {
        "strategy": "fastest",
        "only": ["a", "b", "a"],
        "except": "c",
        "max_cost_usd": "0.30",
        "deadline_s": "60",
    }
    wanted = Preferences(
        steers=True,
        strategy=Strategy.FASTEST,
        only=("a", "b"),
        without=("c",),
        max_cost_micros=300_000,
        deadline_s=60,
    )
    assert preferences_of({"routing": said}) == wanted
    assert preferences_of({"routing": {**said, "only": ["a", "b"], "deadline_s": 60, "max_cost_usd": 0.3}}) == wanted
    assert preferences_of(prefs.said_of(wanted)) == wanted


def test_the_highest_price_may_stand_beside_routing() -> None:
    assert preferences_of(prefs.said_of(Preferences(steers=True))) == Preferences(steers=True)
    assert prefs.said_of(preferences_of({})) == {}
    assert preferences_of({"max_cost_usd": 1}) == Preferences(max_cost_micros=MICROS)
    both: dict[str, Any] = {"max_cost_usd": "0.5", "routing": {"max_cost_usd": 0.50}}
    assert preferences_of(both) == Preferences(steers=True, max_cost_micros=500_000)
    assert "disagree" in refused(max_cost_usd="0.4", routing={"max_cost_usd": "0.5"}).message


@given(st.integers(0, 10**10 * MICROS - 1))
def test_a_price_is_read_to_the_micro_dollar(micros: int) -> None:
    """As text always; as a JSON number as long as a double has its digits."""
    text = f"{micros // MICROS}.{micros % MICROS:06d}"
    if micros <= 2**53 - 1:
        assert preferences_of({"max_cost_usd": text}).max_cost_micros == micros
    if len(str(micros)) <= 15:
        assert preferences_of({"max_cost_usd": json.loads(text)}).max_cost_micros == micros


@pytest.mark.parametrize(
    ("given", "param", "said"),
    [
        ({"routing": "cheapest"}, "routing", "expected an object"),
        ({"routing": {"strategie": "x"}}, "routing.strategie", "Unknown parameter"),
        ({"routing": {"strategy": "best"}}, "routing.strategy", "'balanced'"),
        ({"routing": {"strategy": 1}}, "routing.strategy", "expected a string"),
        ({"routing": {"only": []}}, "routing.only", "1 to 64"),
        ({"routing": {"only": ["a"] * 65}}, "routing.only", "1 to 64"),
        ({"routing": {"only": {"a": 1}}}, "routing.only", "expected an array"),
        ({"routing": {"except": ["a", 1]}}, "routing.except", "expected a string"),
        ({"routing": {"except": ["\x1b[2J"]}}, "routing.except", "U+001B"),
        ({"routing": {"deadline_s": "soon"}}, "routing.deadline_s", "whole number"),
        ({"max_cost_usd": "$1"}, "max_cost_usd", "such as '0.10'"),
        ({"max_cost_usd": ""}, "max_cost_usd", "Invalid value: ''."),
        ({"max_cost_usd": -1}, "max_cost_usd", "such as '0.10'"),
        ({"max_cost_usd": 10**5_000}, "max_cost_usd", "such as '0.10'"),
        ({"max_cost_usd": 1e300}, "max_cost_usd", "such as '0.10'"),
        ({"max_cost_usd": 0.0000001}, "max_cost_usd", "six digits"),
        ({"max_cost_usd": True}, "max_cost_usd", "an amount of dollars"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(given: dict[str, Any], param: str, said: str) -> None:
    error = refused(**given)
    assert error.param == param
    assert said in error.message


def test_only_the_models_own_providers_can_be_named() -> None:
    """An unknown one is told the known ones, and a choice that leaves none as well."""
    for wrong in (Preferences(only=("acme",)), Preferences(without=("acme",))):
        with pytest.raises(BadInput, match="'cheap', 'dear', and 'spare'"):
            prefs.within(wrong, MODEL)
    with pytest.raises(BadInput, match="leaves no provider"):
        prefs.within(Preferences(only=("cheap",), without=("cheap",)), MODEL)
    left = prefs.within(Preferences(without=("dear",)), MODEL)
    assert [one.provider for one in left.routes] == ["cheap", "spare"]


def test_what_the_request_does_not_want_is_dropped_and_says_why() -> None:
    cannot = "cannot render 8 seconds"
    assert dropped(Preferences(only=("cheap",))) == {
        "cheap": None,
        "dear": "is not among the request's providers",
        "spare": "is not among the request's providers",
    }
    assert dropped(Preferences(without=("cheap",)))["cheap"] == "is excluded by the request"
    assert dropped(Preferences(max_cost_micros=800_000)) == {
        "cheap": None,
        "dear": "costs $1.60, and the request allows $0.80",
        "spare": cannot,
    }
    assert dropped(Preferences(max_cost_micros=799_999))["cheap"] == "costs $0.80, and the request allows $0.799999"


def test_a_route_that_is_known_to_take_longer_than_the_request_waits_is_dropped() -> None:
    """Not for a few observations, and not for its slow times: the usual one counts."""
    in_a_minute = Preferences(deadline_s=60)
    slow, quick = {8: (90.0, 200.0, 9.0)}, {8: (50.0, 200.0, 9.0)}
    assert dropped(in_a_minute, cheap=Observed(latency_s=slow), dear=Observed(latency_s=quick)) == {
        "cheap": "usually takes 90 s, and the request allows 60 s",
        "dear": None,
        "spare": "cannot render 8 seconds",
    }
    assert dropped(in_a_minute, cheap=Observed(latency_s={8: (90.0, 200.0, 4.0)}))["cheap"] is None
    assert dropped(Preferences(), cheap=Observed(latency_s=slow))["cheap"] is None


def test_when_every_route_is_too_dear_the_cheapest_is_named() -> None:
    thrifty = Preferences(max_cost_micros=500_000)
    choices = prefs.held_to(thrifty, sift(MODEL, REQUEST, DAY), MODEL, REQUEST, {})
    error = prefs.unmet(thrifty, choices, MODEL)
    assert (error.status, error.error_code, error.param) == (400, "max_cost_exceeded", "max_cost_usd")
    assert "at most $0.50; the cheapest costs $0.80" in error.message


def test_a_deadline_can_be_shortened_and_not_lengthened() -> None:
    assert prefs.deadline_s(Preferences(), MODEL) == MODEL.deadline_s
    assert prefs.deadline_s(Preferences(deadline_s=60), MODEL) == 60
    for wrong in (0, 9, MODEL.deadline_s + 1):
        with pytest.raises(BadInput, match=r"'routing.deadline_s' must be between 10 and 3600"):
            prefs.deadline_s(Preferences(deadline_s=wrong), MODEL)
    assert prefs.deadline_s(Preferences(deadline_s=5), replace(MODEL, deadline_s=5)) == 5


def test_a_strategy_that_is_asked_for_keeps_the_models_weights() -> None:
    policy = prefs.policy_of(Preferences(strategy=Strategy.CHEAPEST), MODEL)
    assert policy == replace(MODEL.policy, strategy=Strategy.CHEAPEST)
