"""The state table, row by row: what a client sees, where the job goes, and what happens to the money."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import moves, orphans
from gateway.domain.change import Kind
from gateway.domain.news import (
    LABELS,
    Ask,
    AskAgain,
    Broke,
    CancelAsked,
    CancelConfirmed,
    CancelFailed,
    Declined,
    Doubted,
    FailOver,
    GiveUp,
    Likely,
    LinkStale,
    Lost,
    Made,
    News,
    NotFound,
    Poisoned,
    Progressed,
    Stored,
    Took,
    Unsent,
    WrongFile,
)
from gateway.domain.routing import Doubt, Model
from gateway.domain.videos import AttemptState, State, Video, public_video
from gateway.domain.world import Moved
from providers.contract import Charge, Remote, Why
from tests.support.videos import T0, admitted, model, route, world

CLIP = (Remote(link="https://a.test/clip"),)


class Life:
    """A video, and every posting that its news brought."""

    def __init__(self, model: Model, **request: object) -> None:
        self.model = model
        self.now_ms = T0
        first = admitted(model, **request)
        self.video: Video = first.video
        self.postings = list(first.postings)
        self.last: Moved = first

    def hears(self, *news: News) -> Life:
        for one in news:
            self.last = moves.apply(self.video, one, world(self.model, self.now_ms))
            self.video = self.last.video
            self.postings.extend(self.last.postings)
        return self

    def asked(self, attempt: int = 1) -> Life:
        return self.hears(Ask(attempt, self.now_ms + 5_000))

    @property
    def state(self) -> State:
        return self.video.state

    @property
    def kinds(self) -> list[tuple[Kind, str, bool]]:
        return [(one.kind, one.attempt.rpartition(".")[2], one.presumed) for one in self.postings]

    @property
    def held_micros(self) -> int:
        return sum(one.amount_micros if one.kind is Kind.HOLD else -one.released_micros for one in self.postings)


HOLD_1 = (Kind.HOLD, "1", False)
HOLD_2 = (Kind.HOLD, "2", False)


def one_route(**abilities: Any) -> Model:
    return model(route("a", **abilities))


def two_routes(doubt: Doubt = Doubt.HOLD, **abilities: Any) -> Model:
    return model(route("a", doubt=doubt, **abilities), route("b"))


def test_the_straight_way_ends_completed_and_settles_the_price() -> None:
    """queued, submitting, running, collecting, completed; one hold, one settle of the list price."""
    life = Life(one_route()).asked()
    assert life.state is State.SUBMITTING
    assert public_video(life.video)["status"] == "queued"
    made = life.hears(Took(1, {"id": "x"}), Progressed(1, 40), Made(attempt=1, assets=CLIP)).video
    assert made.state is State.COLLECTING
    stored = life.hears(Stored(1, ())).video
    assert stored.state is State.COMPLETED
    assert life.kinds == [HOLD_1, (Kind.SETTLE, "1", False)]
    assert life.postings[-1].amount_micros == 400_000
    face = public_video(life.video)
    assert (face["status"], face["progress"], face["error"]) == ("completed", 100, None)


def test_a_vendors_dollar_charge_wins_over_the_price_list() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}), Made(attempt=1, assets=CLIP, charged=Charge("0.37")))
    life.hears(Stored(1, ()))
    assert (life.postings[-1].amount_micros, life.held_micros) == (370_000, 0)


@pytest.mark.parametrize("why", [why for why in Why if why is not Why.BLOCKED])
def test_a_refusal_moves_to_the_next_route_for_free(why: Why) -> None:
    """The same video id, a new attempt with its own hold, the first one's given back."""
    life = Life(two_routes()).asked().hears(Declined(attempt=1, why=why))
    assert (life.state, life.video.current, life.video.current_attempt.provider) == (State.QUEUED, 2, "b")
    assert life.kinds == [HOLD_1, (Kind.VOID, "1", False), HOLD_2]


def test_nothing_sent_moves_to_the_next_route_for_free() -> None:
    life = Life(two_routes()).asked().hears(Unsent(1, "connection refused"))
    assert (life.state, life.video.current_attempt.provider) == (State.QUEUED, "b")
    assert life.kinds == [HOLD_1, (Kind.VOID, "1", False), HOLD_2]


def test_a_moderation_refusal_stops_and_asks_no_second_vendor() -> None:
    life = Life(two_routes()).asked().hears(Declined(attempt=1, why=Why.BLOCKED))
    assert life.state is State.FAILED
    assert life.video.error is not None
    assert life.video.error.code == "moderation_blocked"
    assert life.kinds == [HOLD_1, (Kind.VOID, "1", False)]


def test_a_policy_may_ask_another_vendor_after_a_moderation_refusal() -> None:
    life = Life(model(route("a"), route("b"), blocked_stops=False)).asked()
    life.hears(Declined(attempt=1, why=Why.BLOCKED))
    assert (life.state, life.video.current_attempt.provider) == (State.QUEUED, "b")


def test_invalid_everywhere_fails_as_an_invalid_request() -> None:
    life = Life(two_routes()).asked().hears(Declined(attempt=1, why=Why.INVALID)).asked(2)
    life.hears(Declined(attempt=2, why=Why.INVALID))
    assert life.state is State.FAILED
    assert life.video.error is not None
    assert life.video.error.code == "invalid_request"
    assert life.held_micros == 0


def test_a_throttled_only_route_is_waited_for_as_long_as_the_vendor_asked() -> None:
    life = Life(one_route()).asked().hears(Declined(attempt=1, why=Why.THROTTLED, retry_after_s=30))
    assert (life.state, life.video.current_attempt.due_ms) == (State.QUEUED, T0 + 30_000)


def test_doubt_keeps_its_hold_and_shows_in_progress() -> None:
    life = Life(two_routes()).asked().hears(Doubted(1, "reply lost"))
    assert life.state is State.IN_DOUBT
    assert public_video(life.video)["status"] == "in_progress"
    assert life.kinds == [HOLD_1]


@pytest.mark.parametrize("proof", [Declined(attempt=1, why=Why.INTERNAL, resend=True), Unsent(1, "", True)])
def test_a_refused_or_unsent_resend_proves_nothing(proof: News) -> None:
    life = Life(two_routes(resend_safe_s=600)).asked().hears(Doubted(1, "lost"), AskAgain(1, T0 + 9_000), proof)
    assert (life.state, life.video.current, life.kinds) == (State.IN_DOUBT, 1, [HOLD_1])


@pytest.mark.parametrize("late", [Declined(attempt=1, why=Why.INTERNAL), Unsent(1, "late")])
def test_a_late_refusal_of_the_first_sending_ends_the_doubt_unless_it_was_resent(late: News) -> None:
    life = Life(two_routes()).asked().hears(Doubted(1, "lease over"), late)
    assert (life.state, life.video.current) == (State.QUEUED, 2)
    again = Life(two_routes()).asked().hears(Doubted(1, "lease over"), AskAgain(1, T0), late)
    assert (again.state, again.video.current) == (State.IN_DOUBT, 1)


def test_not_received_needs_two_empty_finds() -> None:
    life = Life(two_routes(finds=True)).asked().hears(Doubted(1, "lost"), NotFound(1))
    assert life.state is State.IN_DOUBT
    life.hears(NotFound(1))
    assert life.kinds == [HOLD_1, (Kind.VOID, "1", False), HOLD_2]


def test_an_operators_word_is_proof_enough() -> None:
    life = Life(two_routes(finds=True)).asked().hears(Doubted(1, "lost"), NotFound(1, certain=True))
    assert (life.state, life.kinds) == (State.QUEUED, [HOLD_1, (Kind.VOID, "1", False), HOLD_2])


def test_a_likeness_is_kept_and_an_absence_must_then_be_seen_twice_anew() -> None:
    """It moves nothing by itself, whether the client waits or not."""
    life = Life(one_route(finds=True)).asked().hears(Doubted(1, "lost"), NotFound(1), Likely(1, ({"id": "v"},)))
    seen = [(life.state, list(life.video.attempts[0].candidates))]
    for news in (NotFound(1), GiveUp(1), Likely(1, ({"id": "v"},))):
        life.hears(news)
        seen.append((life.state, list(life.video.attempts[0].candidates)))
    assert seen == [
        (State.IN_DOUBT, [{"id": "v"}]), (State.IN_DOUBT, []), (State.FAILED, []), (State.FAILED, [{"id": "v"}]),
    ]  # fmt: skip


def test_an_unresolvable_doubt_fails_at_the_deadline_with_a_presumed_loss() -> None:
    life = Life(two_routes()).asked().hears(Doubted(1, "lost"), GiveUp(1))
    assert life.state is State.FAILED
    assert life.video.error is not None
    assert life.video.error.code == "outcome_unknown"
    assert life.kinds == [HOLD_1, (Kind.SETTLE, "1", True)]
    assert not life.video.open_attempts


def test_a_doubt_that_can_still_be_asked_about_is_followed_after_the_deadline() -> None:
    life = Life(two_routes(finds=True)).asked().hears(Doubted(1, "lost"), GiveUp(1))
    assert (life.state, len(life.video.open_attempts), life.kinds) == (State.FAILED, 1, [HOLD_1])
    life.hears(NotFound(1), NotFound(1))
    assert (life.state, life.held_micros) == (State.FAILED, 0)


def test_policy_failover_moves_on_and_keeps_both_holds() -> None:
    life = Life(two_routes(Doubt.FAILOVER)).asked().hears(Doubted(1, "lost"), FailOver(1))
    assert (life.state, life.video.current, life.kinds) == (State.QUEUED, 2, [HOLD_1, HOLD_2])
    assert public_video(life.video)["status"] == "in_progress"


def test_policy_hold_never_moves_on_from_a_doubt() -> None:
    life = Life(two_routes()).asked().hears(Doubted(1, "lost"), FailOver(1))
    assert (life.state, life.video.current) == (State.IN_DOUBT, 1)


def test_a_late_acceptance_is_adopted_while_no_other_attempt_was_sent() -> None:
    life = Life(two_routes(Doubt.FAILOVER)).asked().hears(Doubted(1, "lost"), FailOver(1), Took(1, {"id": "x"}))
    assert (life.state, life.video.current) == (State.RUNNING, 1)
    assert life.kinds == [HOLD_1, HOLD_2, (Kind.VOID, "2", False)]


def test_a_late_acceptance_is_followed_as_an_orphan_once_another_attempt_was_sent() -> None:
    life = Life(two_routes(Doubt.FAILOVER)).asked().hears(Doubted(1, "lost"), FailOver(1)).asked(2)
    life.hears(Took(1, {"id": "x"}))
    assert (life.state, life.video.current) == (State.SUBMITTING, 2)
    life.hears(Took(2, {"id": "y"}), Made(attempt=1, assets=CLIP), Made(attempt=2, assets=CLIP), Stored(2, ()))
    assert life.state is State.COMPLETED
    assert life.kinds[2:] == [(Kind.SETTLE, "1", False), (Kind.SETTLE, "2", False)]


def test_a_broken_free_job_moves_on_and_a_billed_one_is_settled() -> None:
    free = Life(two_routes()).asked().hears(Took(1, {}), Broke(attempt=1, why=Why.INTERNAL))
    assert free.kinds == [HOLD_1, (Kind.VOID, "1", False), HOLD_2]
    billed = Life(two_routes(failed_jobs_free=False)).asked().hears(Took(1, {}), Broke(attempt=1, why=Why.INTERNAL))
    assert billed.kinds == [HOLD_1, (Kind.SETTLE, "1", False), HOLD_2]


@pytest.mark.parametrize(("why", "code"), [(Why.BLOCKED, "moderation_blocked"), (Why.INVALID, "invalid_request")])
def test_blocked_or_invalid_after_acceptance_fails(why: Why, code: str) -> None:
    life = Life(two_routes()).asked().hears(Took(1, {}), Broke(attempt=1, why=why))
    assert life.state is State.FAILED
    assert life.video.error is not None
    assert life.video.error.code == code


def test_a_forgotten_job_is_presumed_lost_after_three_polls_and_free_only_where_declared() -> None:
    billed = Life(two_routes()).asked().hears(Took(1, {}), Lost(1), Lost(1))
    assert billed.state is State.RUNNING
    billed.hears(Lost(1))
    assert (billed.state, billed.kinds) == (State.FAILED, [HOLD_1, (Kind.SETTLE, "1", True)])
    free = Life(two_routes(lost_jobs_free=True)).asked().hears(Took(1, {}), Lost(1), Lost(1), Lost(1))
    assert (free.state, free.kinds) == (State.QUEUED, [HOLD_1, (Kind.VOID, "1", False), HOLD_2])


def test_progress_forgives_a_job_that_was_missing_for_a_moment() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}), Lost(1), Lost(1), Progressed(1, 1), Lost(1), Lost(1))
    assert life.state is State.RUNNING


def test_a_wrong_file_is_settled_and_the_next_route_asked() -> None:
    life = Life(two_routes()).asked().hears(Took(1, {}), Made(attempt=1, assets=CLIP), WrongFile(1, "truncated"))
    assert (life.state, life.video.current) == (State.QUEUED, 2)
    assert life.kinds == [HOLD_1, (Kind.SETTLE, "1", False), HOLD_2]


def test_a_stale_link_is_polled_again_but_not_for_ever() -> None:
    """The first time at once; and no paid clip is given up within a minute of its job's end."""
    life, pauses = Life(one_route()).asked().hears(Took(1, {})), list[int]()
    for _ in range(moves.LINK_STALE_MAX):
        life.hears(Made(attempt=1, assets=CLIP), LinkStale(1))
        assert life.state is State.RUNNING
        pauses.append(life.video.attempt(1).due_ms - life.now_ms)
    assert (pauses[0], pauses == sorted(pauses), sum(pauses) >= 60_000) == (0, True, True)
    life.hears(Made(attempt=1, assets=CLIP), LinkStale(1))
    assert life.state is State.FAILED


def test_a_link_that_stays_dead_leaves_another_route_the_half_of_a_short_deadline() -> None:
    life = Life(two_routes()).asked().hears(Took(1, {}))
    life.video = replace(life.video, deadline_ms=life.now_ms + 60_000)
    for _ in range(moves.LINK_STALE_MAX + 1):
        life.hears(Made(attempt=1, assets=CLIP), LinkStale(1))
        life.now_ms = max(life.now_ms, life.video.attempt(1).due_ms)
    assert (life.state, life.video.current) == (State.QUEUED, 2)
    assert life.video.deadline_ms - life.now_ms >= 30_000


def test_progress_never_goes_back_nor_reaches_a_hundred_early() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}), Progressed(1, 60), Progressed(1, 20))
    assert life.video.progress == 60
    life.hears(Progressed(1, 100))
    assert life.video.progress == 99


def test_cancelling_before_sending_is_free() -> None:
    life = Life(one_route()).hears(CancelAsked(1))
    assert (life.state, life.kinds) == (State.CANCELLED, [HOLD_1, (Kind.VOID, "1", False)])
    assert public_video(life.video)["status"] == "failed"


def test_a_cancel_while_submitting_is_acted_on_after_the_answer() -> None:
    accepted = Life(one_route()).asked().hears(CancelAsked(1), Took(1, {}))
    assert accepted.state is State.CANCELLING
    refused = Life(two_routes()).asked().hears(CancelAsked(1), Declined(attempt=1, why=Why.INTERNAL))
    assert (refused.state, refused.held_micros) == (State.CANCELLED, 0)
    doubted = Life(two_routes()).asked().hears(CancelAsked(1), Doubted(1, "lost"))
    assert (doubted.state, doubted.kinds[-1]) == (State.CANCELLED, (Kind.SETTLE, "1", True))


@pytest.mark.parametrize(
    ("word", "money"),
    [
        (CancelConfirmed(attempt=1, free=True), (Kind.VOID, "1", False)),
        (CancelConfirmed(attempt=1, charged=Charge("0.1")), (Kind.SETTLE, "1", False)),
        (CancelConfirmed(attempt=1), (Kind.SETTLE, "1", True)),
    ],
)
def test_a_confirmed_cancel_is_free_only_on_the_vendors_word(word: News, money: tuple[Kind, str, bool]) -> None:
    life = Life(one_route()).asked().hears(Took(1, {}), CancelAsked(1), word)
    assert (life.state, life.kinds[-1]) == (State.CANCELLED, money)


def test_a_cancel_that_came_too_late_lets_the_job_finish() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}), CancelAsked(1), CancelFailed(1))
    assert life.state is State.RUNNING


def test_a_deadline_leaves_a_running_attempt_to_be_followed() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}), GiveUp(1))
    assert (life.state, life.kinds, len(life.video.open_attempts)) == (State.FAILED, [HOLD_1], 1)
    life.hears(Made(attempt=1, assets=CLIP))
    assert (life.state, life.held_micros, life.video.open_attempts) == (State.FAILED, 0, ())


def test_failed_once_shown_never_changes() -> None:
    life = Life(one_route()).asked().hears(Took(1, {}), GiveUp(1))
    for late in (Took(1, {"id": "z"}), Made(attempt=1, assets=CLIP), Stored(1, ())):
        assert life.hears(late).state is State.FAILED


def test_a_poisoned_video_fails_and_books_what_it_may_have_cost() -> None:
    queued = Life(one_route()).hears(Poisoned(1))
    assert (queued.state, queued.kinds[-1]) == (State.FAILED, (Kind.VOID, "1", False))
    sent = Life(one_route()).asked().hears(Poisoned(1))
    assert (sent.state, sent.kinds[-1]) == (State.FAILED, (Kind.SETTLE, "1", True))


def test_attempts_end_with_the_budget() -> None:
    """Three accepted and broken: no fourth, though the same route might do it."""
    life = Life(one_route())
    for ordinal in (1, 2, 3):
        life.asked(ordinal).hears(Took(ordinal, {}), Broke(attempt=ordinal, why=Why.INTERNAL))
        life.now_ms += 60_000
    assert (life.state, life.held_micros, len(life.video.attempts)) == (State.FAILED, 0, 3)


def test_every_piece_of_news_has_a_name_and_every_row_a_known_kind() -> None:
    assert len(set(LABELS.values())) == len(LABELS)
    assert {kind for _, kind in moves.TABLE} <= set(LABELS)
    assert {AttemptState.CLOSED, AttemptState.PLANNED}.isdisjoint({state for state, _ in orphans.TABLE})
