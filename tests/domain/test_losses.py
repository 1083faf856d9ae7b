"""Who pays for what gave no clip, what is believed of a charge, and what an operator may say of either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import ledger, moves
from gateway.domain.change import Kind, Posting
from gateway.domain.news import (
    Ask,
    Broke,
    CancelAsked,
    CancelConfirmed,
    Doubted,
    GiveUp,
    Lost,
    Made,
    News,
    Poisoned,
    Stored,
    Took,
    WrongFile,
)
from gateway.domain.orphans import LOST_MAX
from gateway.domain.routing import Bearer, Model
from gateway.domain.rulings import Misruled, Ruling, correct, decide
from gateway.domain.videos import Video
from providers.contract import BILLION, Charge, Remote, Why
from tests.support.videos import T0, admitted, model, route, world

PRICE = 400_000
CLIP = (Remote(link="https://a.test/clip"),)
LOSSES: dict[str, tuple[News, ...]] = {
    "broken": (Broke(attempt=1, why=Why.INTERNAL),),
    "a wrong file": (Made(attempt=1, assets=CLIP), WrongFile(1, "no clip")),
    "not stored": (Made(attempt=1, assets=CLIP), GiveUp(1)),
    "poisoned": (Poisoned(1),),
    "late": (GiveUp(1), Made(attempt=1, assets=CLIP)),
}
THE_CLIENTS: dict[str, tuple[News, ...]] = {
    "blocked": (Broke(attempt=1, why=Why.BLOCKED),),
    "invalid": (Broke(attempt=1, why=Why.INVALID),),
    "cancelled": (CancelAsked(1), CancelConfirmed(attempt=1)),
    "cancelled, and charged": (CancelAsked(1), CancelConfirmed(attempt=1, charged=Charge("0.10"))),
    "completed": (Made(attempt=1, assets=CLIP), Stored(1, ())),
}


def lived(on: Model, *news: News) -> tuple[Video, list[Posting]]:
    """A running video and all that happened to it."""
    first = admitted(on)
    video, postings = first.video, list(first.postings)
    for one in (Ask(1, T0 + 5_000), Took(1, {"id": "x"}), *news):
        moved = moves.apply(video, one, world(on))
        video = moved.video
        postings += moved.postings
    return video, postings


def one_route(losses: Bearer = Bearer.PROJECT, factor: int = 2) -> Model:
    kept = route("a", failed_jobs_free=False)
    return model(replace(kept, losses=losses, charge_factor_billionths=factor * BILLION))


@pytest.mark.parametrize("news", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(("losses", "spared"), [(Bearer.PROJECT, 0), (Bearer.HOUSE, 6)])
def test_a_loss_is_borne_by_whom_the_configuration_says(news: tuple[News, ...], losses: Bearer, spared: int) -> None:
    """The house's: key and project are spared, three windows each, and the record says so."""
    video, postings = lived(one_route(losses), *news)
    (settle,) = (one for one in postings if one.kind is Kind.SETTLE)
    assert settle.spared == video.attempts[0].spared == spared
    bearing = {one.partition("/")[0] for one in settle.counters[spared:]}
    assert bearing == {"provider", "gateway"} | ({"key", "project"} if losses is Bearer.PROJECT else set())


@pytest.mark.parametrize("news", THE_CLIENTS.values(), ids=THE_CLIENTS)
def test_what_the_client_got_or_caused_is_never_the_houses(news: tuple[News, ...]) -> None:
    _, postings = lived(one_route(Bearer.HOUSE), *news)
    (settle,) = (one for one in postings if one.kind is Kind.SETTLE)
    assert settle.spared == 0


def test_a_doubt_is_a_loss_unless_the_client_cancelled_it() -> None:
    for news, spared in ((GiveUp(1), 6), (CancelAsked(1), 0)):
        on = one_route(Bearer.HOUSE)
        video, found = admitted(on).video, list[Posting]()
        for one in (Ask(1, T0 + 5_000), Doubted(1, "no answer"), news):
            moved = moves.apply(video, one, world(on))
            video, found = moved.video, [*found, *moved.postings]
        assert [(one.kind, one.spared) for one in found] == [(Kind.SETTLE, spared)]


# --- beyond belief -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charge", "settled", "disputed"),
    [
        ("0.40", 400_000, None),
        ("0.80", 800_000, None),  # exactly twice is believed
        ("0.800001", 400_000, 400_001),
        ("51.36", 400_000, 50_960_000),
    ],
)
def test_a_charge_beyond_the_factor_waits(charge: str, settled: int, disputed: int | None) -> None:
    """The price is booked, and the excess is a dispute beside it, in the same commit."""
    video, postings = lived(one_route(), Made(attempt=1, assets=CLIP, charged=Charge(charge)), Stored(1, ()))
    found = {one.kind: one.amount_micros for one in postings[1:]}
    assert found == {Kind.SETTLE: settled} | ({Kind.DISPUTE: disputed} if disputed else {})
    attempt = video.attempts[0]
    assert (attempt.cost_micros, attempt.disputed_micros) == (settled, disputed or 0)


def test_what_should_be_free_is_not_believed_to_cost() -> None:
    free = model(replace(route("a"), prices=(replace(route("a").prices[0], per_second_micros=0),)))
    video, _ = lived(free, Made(attempt=1, assets=CLIP, charged=Charge("0.000001")), Stored(1, ()))
    assert (video.attempts[0].cost_micros, video.attempts[0].disputed_micros) == (0, 1)


def test_a_loss_can_be_beyond_belief_too() -> None:
    """Its dispute is the house's as its settle is."""
    _, postings = lived(one_route(Bearer.HOUSE), Broke(attempt=1, why=Why.INTERNAL, charged=Charge("9")))
    assert [(one.kind, one.amount_micros, one.spared) for one in postings[1:3]] == [
        (Kind.SETTLE, PRICE, 6),
        (Kind.DISPUTE, 8_600_000, 6),
    ]


def test_a_route_that_left_the_configuration_believes_twice_the_price() -> None:
    on, gone = one_route(factor=100), world(model())
    video = admitted(on).video
    for news in (Ask(1, T0 + 5_000), Took(1, {})):
        video = moves.apply(video, news, world(on)).video
    made = moves.apply(video, Made(attempt=1, assets=CLIP, charged=Charge("0.9")), gone)
    kinds = [one.kind for one in moves.apply(made.video, Stored(1, ()), gone).postings]
    assert kinds == [Kind.SETTLE, Kind.DISPUTE]


def test_a_route_says_itself_how_far_a_charge_is_believed() -> None:
    news = (Made(attempt=1, assets=CLIP, charged=Charge("3.99")), Stored(1, ()))
    assert [one.kind for one in lived(one_route(factor=10), *news)[1][1:]] == [Kind.SETTLE]
    assert [one.kind for one in lived(one_route(factor=9), *news)[1][1:]] == [Kind.SETTLE, Kind.DISPUTE]


@pytest.mark.parametrize(
    ("news", "presumed"), [((Broke(attempt=1, why=Why.INTERNAL),), False), ((Lost(1),) * LOST_MAX, True)]
)
def test_what_a_route_that_left_the_configuration_lost_is_not_free(news: tuple[News, ...], presumed: bool) -> None:
    """Nobody declares it any more, and void needs proof."""
    on = model(route("a", failed_jobs_free=True, lost_jobs_free=True))
    video = admitted(on).video
    for first in (Ask(1, T0 + 5_000), Took(1, {})):
        video = moves.apply(video, first, world(on)).video
    for one in news:
        moved = moves.apply(video, one, world(model()))
        video = moved.video
    (settle,) = moved.postings
    assert (settle.kind, settle.amount_micros, settle.presumed) == (Kind.SETTLE, PRICE, presumed)


# --- an operator's word ------------------------------------------------------------------------------------------


def disputed() -> Video:
    video, _ = lived(one_route(), Made(attempt=1, assets=CLIP, charged=Charge("1")), Stored(1, ()))
    return video


def ruled(video: Video, ruling: Ruling) -> tuple[Video, Posting]:
    """The change that it makes, which is beside the video's life."""
    change = ruling(video, video.attempts[0])
    (posting,) = change.postings
    assert change.aside
    assert change.video.version == video.version + 1
    assert replace(change.video, attempts=video.attempts, version=video.version) == video
    return change.video, posting


@pytest.mark.parametrize(("accepted", "booked"), [(None, 600_000), (0, 0), (600_000, 600_000), (7, 7)])
def test_a_dispute_is_booked_as_far_as_it_is_accepted(accepted: int | None, booked: int) -> None:
    video, posting = ruled(disputed(), decide(accepted, "ticket 1"))
    assert (posting.kind, posting.amount_micros, posting.reason) == (Kind.ADJUST, booked, "ticket 1")
    assert posting.answers == f"{video.id}.1:dispute"
    assert (video.attempts[0].cost_micros, video.attempts[0].disputed_micros) == (PRICE + booked, 0)
    with pytest.raises(Misruled, match="nothing is disputed"):
        ruled(video, decide(None, "again"))


@pytest.mark.parametrize("accepted", [-1, 600_001])
def test_no_more_is_accepted_than_is_disputed(accepted: int) -> None:
    with pytest.raises(Misruled, match=r"disputed by \$0\.60"):
        ruled(disputed(), decide(accepted, "too much"))


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=6))
def test_corrections_add_up_to_the_last_word(costs: list[int]) -> None:
    """Each is an entry of its own with a name of its own, borne by whom the attempt was."""
    video, postings = lived(one_route(Bearer.HOUSE), Broke(attempt=1, why=Why.INTERNAL))
    total, names = PRICE, {one.id for one in postings}
    for cost in costs:
        if cost == total:
            with pytest.raises(Misruled, match="already"):
                ruled(video, correct(cost, "same"))
            continue
        video, posting = ruled(video, correct(cost, "bill"))
        total += posting.amount_micros
        assert posting.spared == 6
        assert posting.id not in names
        names.add(posting.id)
        assert total == cost == video.attempts[0].cost_micros


def test_a_word_comes_after_the_end_and_after_the_dispute() -> None:
    running, _ = lived(one_route())
    for video, said in ((running, "has not ended"), (disputed(), "decide that first")):
        with pytest.raises(Misruled, match=said):
            ruled(video, correct(1, "early"))
    with pytest.raises(Misruled, match="no attempt can cost"):
        ruled(lived(one_route(), Broke(attempt=1, why=Why.INTERNAL))[0], correct(2**53, "huge"))


def test_the_tally_knows_a_dispute_that_was_decided_twice_or_by_too_much() -> None:
    video, postings = lived(one_route(), Made(attempt=1, assets=CLIP, charged=Charge("1")), Stored(1, ()))
    _, word = ruled(video, decide(None, "ok"))
    cases: tuple[tuple[tuple[Posting, ...], str], ...] = (
        ((), ""),
        ((word,), ""),
        ((word, replace(word, id="x")), "decided before"),
        ((replace(word, amount_micros=600_001),), "is about 600000"),
    )
    for more, said in cases:
        tally = ledger.Tally()
        for posting in (*postings, *more):
            tally.add(ledger.Entry(T0, posting))
        books = tally.books()
        assert [said in one for one in books.faults] == ([True] if said else [])
        assert bool(books.disputes) is not bool(more)
