"""What a configuration says about the order of routes reaches the plan, and what makes no sense is refused."""

from __future__ import annotations

import pytest

from gateway.config.load import parse_config
from gateway.config.problems import ConfigError
from gateway.domain.routing import LateRule, Model
from gateway.domain.strategies import EXPLORE, Policy, Strategy, Weights
from gateway.snapshot import build_snapshot

TEXT = """\
providers:
  a: {adapter: mock}
  b: {adapter: mock}
models:
  m:
    routes:
      - a/sora-2
      - {route: b/sora-2, weight: 2.5}
"""


def models(text: str) -> Model:
    file = parse_config("config.yaml", text.encode(), {})
    return build_snapshot(file, sandbox_socket="/run/sandbox.sock").models["m"]


def policy(more: str = "") -> Policy:
    return models(TEXT + more).policy


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config("config.yaml", text.encode(), {})
    return str(caught.value)


def test_without_a_word_routes_are_asked_in_the_order_written() -> None:
    assert policy() == Policy(explore=EXPLORE, shares={"a/sora-2": 1, "b/sora-2": 2.5})


def test_strategy_weights_and_exploration_reach_the_plan() -> None:
    """A route's weight belongs to the model that names the route, so another model may give it another one."""
    found = policy("    strategy: balanced\n    weights: {cost: 2, failure: 0}\n    explore: 0\n")
    assert (found.strategy, found.explore) == (Strategy.BALANCED, 0)
    assert found.weights == Weights(cost=2, latency=1, failure=0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("    strategy: random\n", "config.yaml:9: models.m.strategy: "),
        ("    weights: {price: 1}\n", "config.yaml:9: models.m.weights.price: unknown key"),
        ("    weights: {cost: -1}\n", "greater than or equal to 0"),
        ("    weights: {cost: .inf}\n", "not a number"),
        ("    explore: 1.5\n", "less than or equal to 1"),
        ("    explore: true\n", "write a number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(more: str, said: str) -> None:
    assert said in complaint(TEXT + more)


def test_a_model_whose_routes_all_weigh_nothing_is_refused() -> None:
    text = TEXT.replace("      - a/sora-2\n", "").replace("2.5", "0")
    assert "models.m.routes: at least one route needs a weight above 0" in complaint(text)


def test_lateness_is_off_unless_a_route_says_when() -> None:
    assert models(TEXT).late == {}
    fixed = TEXT.replace("weight: 2.5", "late: {failover_after_s: 90}")
    assert models(fixed).late == {"b/sora-2": LateRule(after_s=90, p95=False)}
    learnt = TEXT.replace("weight: 2.5", "late: {failover_after: p95, times: 2, at_least_s: 30}")
    assert models(learnt).late == {"b/sora-2": LateRule(p95=True, times=2, at_least_s=30)}


@pytest.mark.parametrize("late", ["{}", "{failover_after: p95, failover_after_s: 90}", "{at_least_s: 30}"])
def test_lateness_has_one_measure(late: str) -> None:
    said = complaint(TEXT.replace("weight: 2.5", f"late: {late}"))
    assert "models.m.routes[1].late: needs one of failover_after_s and failover_after" in said
