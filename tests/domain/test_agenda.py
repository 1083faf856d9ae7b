"""What is due next, and when a video may rest."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.domain import agenda as todo
from gateway.domain.agenda import agenda
from gateway.domain.news import Ask, Doubted, FailOver, GiveUp, Made, Took
from gateway.domain.routing import Doubt, Model
from gateway.domain.videos import State
from providers.contract import Remote
from tests.domain.test_moves import Life, one_route, two_routes
from tests.support.videos import T0, model, route, world

CLIP = (Remote(link="https://a.test/clip"),)


def due(life: Life, now_ms: int = T0, **waits: int) -> todo.Action:
    return agenda(life.video, world(life.model, now_ms), {int(key[1:]): value for key, value in waits.items()})


def doubtful(config: Model) -> Life:
    return Life(config).asked().hears(Doubted(1, "lost"))


def test_a_new_video_is_submitted_at_once() -> None:
    assert due(Life(one_route())) == todo.Submit(1)


def test_a_video_found_in_submitting_is_never_sent_blindly() -> None:
    """Somebody died with a call in the air: resolve, do not resend."""
    assert due(Life(two_routes(Doubt.FAILOVER, resend_safe_s=600)).asked()) == todo.DoubtAfterDeath(1)


def test_a_running_job_is_polled_and_then_rests() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}))
    assert due(life) == todo.Poll(1)
    assert due(life, _1=T0 + 4_000) == todo.Rest(T0 + 4_000)


def test_a_finished_job_is_collected() -> None:
    assert due(Life(one_route()).asked().hears(Took(1, {}), Made(attempt=1, assets=CLIP))) == todo.Collect(1)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.IN_DOUBT, State.COLLECTING])
def test_the_deadline_ends_every_state(state: State) -> None:
    life = Life(one_route())
    if state is not State.QUEUED:
        life.asked().hears(Doubted(1, "") if state is State.IN_DOUBT else Took(1, {}))
    if state is State.COLLECTING:
        life.hears(Made(attempt=1, assets=CLIP))
    assert life.state is state
    assert due(life, life.video.deadline_ms) == todo.Decide(GiveUp(1))


def test_doubt_is_resolved_by_key_then_by_list_then_by_policy() -> None:
    both = doubtful(two_routes(resend_safe_s=600, finds=True))
    assert due(both) == todo.Resend(1)
    assert due(both, T0 + 601_000) == todo.Find(1)
    assert due(doubtful(two_routes(finds=True))) == todo.Find(1)
    assert due(doubtful(two_routes(Doubt.FAILOVER))) == todo.Decide(FailOver(1))


def test_a_key_of_unknown_life_is_resent_for_ten_minutes() -> None:
    life = doubtful(one_route(resend_safe_s=0))
    assert due(life, T0 + 599_000) == todo.Resend(1)
    assert due(life, T0 + 601_000) == todo.Rest(life.video.deadline_ms)


def test_doubt_that_nobody_can_resolve_waits_for_the_deadline_under_hold() -> None:
    life = doubtful(two_routes(Doubt.HOLD))
    assert due(life) == todo.Rest(life.video.deadline_ms)


def test_failover_waits_while_the_vendor_can_still_be_asked() -> None:
    life = doubtful(two_routes(Doubt.FAILOVER, finds=True))
    assert due(life) == todo.Find(1)
    assert due(life, T0 + todo.FIND_S * 1_000) == todo.Decide(FailOver(1))


def test_failover_leaves_another_route_some_of_a_short_time() -> None:
    """A quarter of it is for asking."""
    life = doubtful(replace(two_routes(Doubt.FAILOVER, finds=True), deadline_s=120))
    assert due(life, T0 + 29_000) == todo.Find(1)
    assert due(life, T0 + 31_000) == todo.Decide(FailOver(1))


def test_failover_without_another_route_holds() -> None:
    life = doubtful(model(route("a", doubt=Doubt.FAILOVER)))
    assert due(life) == todo.Rest(life.video.deadline_ms)


def test_an_abandoned_doubt_is_never_resent() -> None:
    """A resend could start what never arrived, for nobody."""
    life = doubtful(two_routes(Doubt.FAILOVER, resend_safe_s=1, finds=True))
    life.now_ms += 700_000
    life.hears(FailOver(1), Ask(2, life.now_ms), Took(2, {}))
    assert due(life, life.now_ms, _2=life.now_ms + 5_000) == todo.Find(1)


def test_an_abandoned_running_job_is_cancelled_where_that_can_be_done_else_polled() -> None:
    for cancels, action in ((True, todo.Cancel(1)), (False, todo.Poll(1))):
        life = Life(one_route(cancels=cancels)).asked().hears(Took(1, {}), GiveUp(1))
        assert due(life) == action


def test_nothing_is_due_when_everything_is_closed() -> None:
    assert due(doubtful(one_route()).hears(GiveUp(1))) == todo.Rest(None)


def test_an_empty_list_proves_absence_only_where_the_delay_is_declared() -> None:
    unknown = doubtful(one_route(finds=True))
    assert todo.proves_absence_ms(unknown.video.current_attempt, unknown.model.routes[0]) is None
    declared = doubtful(one_route(finds=True, visible_after_s=3.0))
    assert todo.proves_absence_ms(declared.video.current_attempt, declared.model.routes[0]) == T0 + 5_000 + 13_000


def test_looks_at_an_abandoned_job_are_rare() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}))
    current = todo.next_look_ms(life.video, life.video.attempt(1), world(life.model))
    life.hears(GiveUp(1))
    assert todo.next_look_ms(life.video, life.video.attempt(1), world(life.model)) > current
