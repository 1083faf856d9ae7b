"""Lateness: when an attempt is late, what is tried first, what leaving it costs, and when it stays after all."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import agenda as todo
from gateway.domain import moves
from gateway.domain.agenda import agenda
from gateway.domain.change import Kind
from gateway.domain.lateness import CANCEL_MS, STAY_MS
from gateway.domain.news import (
    Broke,
    CancelAsked,
    CancelConfirmed,
    CancelFailed,
    Declined,
    Late,
    Made,
    News,
    Progressed,
    Stored,
    Took,
)
from gateway.domain.observations import Sign, observations_of
from gateway.domain.observed import Observed
from gateway.domain.routing import LateRule, Model
from gateway.domain.videos import State
from gateway.domain.world import World
from providers.contract import Remote, Why
from tests.domain.test_moves import HOLD_1, HOLD_2, Life
from tests.support.videos import T0, model, route, world

LIMIT_MS = 90_000
CLIP = (Remote(link="https://a.test/clip"),)


def two(rule: LateRule | None = None, **abilities: Any) -> Model:
    late = {"a/m": rule or LateRule(after_s=LIMIT_MS / 1_000)}
    return model(route("a", **abilities), route("b"), late=late)


def running(config: Model) -> Life:
    return Life(config).asked().hears(Took(1, {"id": "x"}))


def after(life: Life, ms: int, *news: News) -> Life:
    life.now_ms = T0 + ms
    return life.hears(*news)


def next_up(life: Life, *, looked: bool = True, **changes: object) -> todo.Action:
    """After a look that brought nothing, or when it is due again."""
    around: World = replace(world(life.model, life.now_ms), **changes)
    return agenda(life.video, around, {1: life.now_ms + 5_000} if looked else {})


def test_an_attempt_is_late_from_its_limit_on_and_left_only_after_a_look() -> None:
    """The runner looks at the moment, polls, and only then decides."""
    life = running(two())
    assert next_up(after(life, LIMIT_MS - 1_000)) == todo.Rest(T0 + LIMIT_MS)
    assert next_up(after(life, LIMIT_MS), looked=False) == todo.Poll(1)
    assert next_up(life) == todo.Decide(Late(1))


def test_without_a_policy_nothing_is_late() -> None:
    life = after(running(model(route("a"), route("b"))), 3_000_000)
    assert next_up(life) == todo.Rest(life.now_ms + 5_000)
    assert (life.hears(Late(1)).state, life.video.current) == (State.RUNNING, 1)


def test_a_late_attempt_that_cannot_be_stopped_is_left_at_risk_and_keeps_its_hold() -> None:
    """The video goes on with a hold of its own; what the first one costs is booked when it is known."""
    life = after(running(two()), LIMIT_MS, Late(1))
    assert (life.state, life.video.current, life.kinds) == (State.QUEUED, 2, [HOLD_1, HOLD_2])
    assert life.video.attempt(1).abandoned
    life.asked(2).hears(Took(2, {"id": "y"}), Made(attempt=2, assets=CLIP), Stored(2, ()))
    assert life.state is State.COMPLETED
    life.hears(Made(attempt=1, assets=CLIP))
    assert life.kinds[2:] == [(Kind.SETTLE, "2", False), (Kind.SETTLE, "1", False)]
    assert (life.held_micros, life.video.open_attempts) == (0, ())


def test_a_late_attempt_that_finishes_before_the_next_was_sent_is_taken_back() -> None:
    life = after(running(two()), LIMIT_MS, Late(1), Made(attempt=1, assets=CLIP))
    assert (life.state, life.video.current) == (State.COLLECTING, 1)
    assert life.kinds[2:] == [(Kind.VOID, "2", False)]


def test_where_the_vendor_can_cancel_that_is_tried_first_and_a_free_one_costs_nothing() -> None:
    life = after(running(two(cancels=True)), LIMIT_MS, Late(1))
    assert (life.state, life.kinds) == (State.RUNNING, [HOLD_1])
    assert next_up(life, looked=False) == todo.Cancel(1)
    life.hears(CancelConfirmed(attempt=1, free=True))
    assert (life.state, life.video.current) == (State.QUEUED, 2)
    assert life.kinds == [HOLD_1, (Kind.VOID, "1", False), HOLD_2]


def test_a_cancel_that_is_not_free_is_paid_and_the_video_goes_on() -> None:
    life = after(running(two(cancels=True)), LIMIT_MS, Late(1), CancelConfirmed(attempt=1))
    assert (life.state, life.kinds) == (State.QUEUED, [HOLD_1, (Kind.SETTLE, "1", True), HOLD_2])


def test_after_a_cancel_that_failed_it_is_looked_at_once_more_and_then_left() -> None:
    """It may have failed because the clip is ready."""
    life = after(running(two(cancels=True)), LIMIT_MS, Late(1), CancelFailed(1))
    assert next_up(life, looked=False) == todo.Poll(1)
    assert next_up(life) == todo.Decide(Late(1))
    assert life.hears(Late(1)).kinds == [HOLD_1, HOLD_2]
    ready = after(running(two(cancels=True)), LIMIT_MS, Late(1), CancelFailed(1), Made(attempt=1, assets=CLIP))
    assert (ready.state, ready.video.current) == (State.COLLECTING, 1)


def test_a_cancel_that_nobody_answers_is_tried_for_a_minute() -> None:
    life = after(running(two(cancels=True)), LIMIT_MS, Late(1))
    assert next_up(life) == todo.Rest(life.now_ms + 5_000)
    after(life, LIMIT_MS + CANCEL_MS)
    assert next_up(life, looked=False) == todo.Poll(1)
    assert next_up(life) == todo.Decide(Late(1))


def test_a_late_attempt_stays_while_no_other_route_can_be_asked_now() -> None:
    """A running job is worth more than a wait."""
    alone = after(running(model(route("a"), late={"a/m": LateRule(after_s=90)})), LIMIT_MS)
    assert next_up(alone) == todo.Rest(alone.now_ms + 5_000)
    assert alone.hears(Late(1)).kinds == [HOLD_1]
    life = after(running(two()), LIMIT_MS)
    shut = {"b/m": Observed(open_until_ms=life.now_ms + 30_000)}
    assert next_up(life, observed=shut) == todo.Rest(life.now_ms + 5_000)


def test_a_late_attempt_that_no_budget_lets_go_is_asked_again_after_a_while() -> None:
    life = after(running(two()), LIMIT_MS)
    capped = replace(world(life.model, life.now_ms), over_budget={"b/m": "counter"})
    life.video = moves.apply(life.video, Late(1), capped).video
    assert next_up(life) == todo.Rest(life.now_ms + 5_000)
    assert next_up(after(life, LIMIT_MS + STAY_MS)) == todo.Decide(Late(1))


@pytest.mark.parametrize(
    ("rule", "limit_s"),
    [
        (LateRule(p95=True, at_least_s=10), 150),
        (LateRule(p95=False, at_least_s=10), 70),
        (LateRule(p95=False, times=3, at_least_s=10), 210),
        (LateRule(p95=False, at_least_s=100), 100),
    ],
)
def test_a_limit_may_be_learnt(rule: LateRule, limit_s: int) -> None:
    """A quantile for the clip's length, times a factor, with a floor; nothing learnt, nothing late."""
    life = running(two(rule))
    seen = {"a/m": Observed(latency_s={4: (70.0, 150.0, 9.0)})}
    assert next_up(after(life, (limit_s - 1) * 1_000), observed=seen) == todo.Rest(T0 + limit_s * 1_000)
    assert next_up(after(life, limit_s * 1_000), observed=seen) == todo.Decide(Late(1))
    assert next_up(after(life, 3_000_000)) == todo.Rest(life.now_ms + 5_000)


def test_a_client_that_cancels_is_not_sent_to_another_vendor() -> None:
    life = after(running(two(cancels=True)), LIMIT_MS, Late(1), CancelAsked(1))
    assert life.state is State.CANCELLING
    assert life.hears(CancelConfirmed(attempt=1, free=True)).state is State.CANCELLED


def test_lateness_is_over_when_the_job_ends() -> None:
    """Whatever comes first counts."""
    broken = after(running(two()), LIMIT_MS, Progressed(1, 50), Broke(attempt=1, why=Why.INTERNAL), Late(1))
    assert broken.kinds == [HOLD_1, (Kind.VOID, "1", False), HOLD_2]
    refused = after(Life(two()).asked(), LIMIT_MS, Late(1), Declined(attempt=1, why=Why.INTERNAL))
    assert refused.kinds == [HOLD_1, (Kind.VOID, "1", False), HOLD_2]


def test_being_late_speaks_against_the_route_once() -> None:
    life = after(running(two(cancels=True)), LIMIT_MS)
    before = life.video
    after(life, LIMIT_MS, Late(1))
    (seen,) = observations_of(before, life.video, Late(1), life.now_ms)
    assert (seen.sign, seen.latency_ms) == (Sign.LATE, LIMIT_MS)
    before = life.hears(CancelFailed(1)).video
    assert observations_of(before, life.hears(Late(1)).video, Late(1), life.now_ms) == ()
