"""What a change says of a route: the closed taxonomy alone speaks against it, and never what a client did."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.domain import moves
from gateway.domain.news import (
    Ask,
    Broke,
    CancelAsked,
    CancelConfirmed,
    Declined,
    Doubted,
    GiveUp,
    Lost,
    Made,
    News,
    Poisoned,
    Stored,
    Took,
    Unsent,
    WrongFile,
)
from gateway.domain.observations import LATE_MS, Observation, Sign, observations_of
from gateway.domain.routing import Doubt
from gateway.domain.verdicts import TAXONOMY
from gateway.domain.videos import StoredAsset, Video
from providers.contract import AssetKind, Ref, Remote, Why
from tests.support.videos import T0, admitted, model, route, world

JOB: Ref = {"id": "job"}
ONE, TWO = route("a"), route("b")
MODEL = model(ONE, TWO)
LINK = (Remote(link="https://a.test/clip.mp4"),)
FILE = (StoredAsset(kind=AssetKind.VIDEO, name="n", media_type="video/mp4", size_bytes=1, etag="e"),)
ASK, TOOK, MADE = Ask(1, T0 + 5_000), Took(1, JOB), Made(attempt=1, assets=LINK)


def told(*stories: tuple[int, News], on: Video | None = None) -> list[list[Observation]]:
    """What each piece of news, so many ms after the start, lets one see."""
    video, all_seen = on or admitted(MODEL).video, []
    for after_ms, news in stories:
        moved = moves.apply(video, news, world(MODEL, T0 + after_ms))
        all_seen.append(list(observations_of(video, moved.video, news, T0 + after_ms)))
        video = moved.video
    return all_seen


def last(*stories: tuple[int, News]) -> Observation | None:
    found = told(*stories)[-1]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_good_life_is_an_acceptance_a_time_and_a_clip() -> None:
    """Each of them once, about the attempt's route, with the length of the clip."""
    found = told((0, ASK), (900, TOOK), (60_000, MADE), (61_000, Stored(1, FILE)))
    assert [[(one.sign, one.latency_ms) for one in step] for step in found] == [
        [], [(Sign.ACCEPTED, 0)], [(Sign.RENDERED, 60_000)], [(Sign.CLIP, 0)],
    ]  # fmt: skip
    assert {(one.route, one.provider, one.seconds, one.sent_ms) for step in found for one in step} == {
        ("a/m", "a", 4, T0)
    }


@pytest.mark.parametrize("why", list(Why))
def test_a_refusal_counts_as_the_taxonomy_says(why: Why) -> None:
    """A blocked or invalid prompt and a throttle speak against nobody."""
    one = last((0, ASK), (1, Declined(attempt=1, why=why)))
    assert one is not None
    assert (one.sign, one.why) == ((Sign.REFUSED, why) if TAXONOMY[why].breaks else (Sign.NEUTRAL, None))


@pytest.mark.parametrize("why", list(Why))
def test_a_broken_job_counts_as_the_taxonomy_says(why: Why) -> None:
    one = last((0, ASK), (1, TOOK), (2, Broke(attempt=1, why=why)))
    assert one is not None
    assert (one.sign, one.why) == ((Sign.BROKE, why) if TAXONOMY[why].breaks else (Sign.NEUTRAL, None))


def test_a_throttle_keeps_its_patience() -> None:
    one = last((0, ASK), (1, Declined(attempt=1, why=Why.THROTTLED, retry_after_s=7.5)))
    assert one is not None and (one.sign, one.retry_after_ms) == (Sign.NEUTRAL, 7_500)


@pytest.mark.parametrize("news", [Unsent(1, "no connection"), Doubted(1, "502")])
def test_who_could_not_be_asked_or_gave_no_answer_failed(news: Unsent | Doubted) -> None:
    one = last((0, ASK), (1, news))
    assert one is not None and one.sign is Sign.REFUSED
    assert one.why in (Why.OVERLOADED, Why.INTERNAL)


@pytest.mark.parametrize("news", [Unsent(1, "suspended", blame=False), Doubted(1, "the runner died", blame=False)])
def test_what_is_ours_blames_nobody(news: Unsent | Doubted) -> None:
    one = last((0, ASK), (1, news))
    assert one is None or one.sign is Sign.NEUTRAL


def test_a_wrong_file_and_a_lost_job_are_broken_attempts() -> None:
    wrong = last((0, ASK), (1, TOOK), (2, MADE), (3, WrongFile(1, "half as wide")))
    assert wrong is not None and (wrong.sign, wrong.why) == (Sign.BROKE, Why.UNREADABLE)
    *early, end = told((0, ASK), (1, TOOK), (2, Lost(1)), (3, Lost(1)), (4, Lost(1)))
    assert early[2:] == [[], []] and [(one.sign, one.why) for one in end] == [(Sign.BROKE, Why.NOT_FOUND)]


def test_a_cancel_says_nothing() -> None:
    """Neither of a video that was not sent, nor of one that was."""
    assert last((0, CancelAsked(1))) is None
    one = last((0, ASK), (1, TOOK), (2, CancelAsked(1)), (3, CancelConfirmed(attempt=1)))
    assert one is not None and one.sign is Sign.NEUTRAL


def test_poison_says_nothing() -> None:
    one = last((0, ASK), (1, TOOK), (2, Poisoned(1)))
    assert one is not None and one.sign is Sign.NEUTRAL


@pytest.mark.parametrize(("after_ms", "sign"), [(LATE_MS - 1, Sign.NEUTRAL), (LATE_MS, Sign.LATE)])
def test_a_deadline_tells_of_lateness_only_when_it_was_long(after_ms: int, sign: Sign) -> None:
    """The deadline is the client's word: a short one must not speak against a vendor."""
    one = last((0, ASK), (0, TOOK), (after_ms, GiveUp(1)))
    assert one is not None and one.sign is sign
    assert one.latency_ms == (LATE_MS if sign is Sign.LATE else 0)


def test_a_late_acceptance_proves_nothing_of_submitting() -> None:
    """The submission had failed; that the job exists does not mend it."""
    assert last((0, ASK), (1, Doubted(1, "reset")), (2, TOOK)) is None


def test_a_clip_that_nobody_waited_for_counts_and_its_time_does_not() -> None:
    """It is looked for seldom."""
    risky = replace(ONE, doubt=Doubt.FAILOVER)
    base = admitted(model(risky, TWO)).video
    found = told((0, ASK), (1, TOOK), (3_600_000, GiveUp(1)), (3_700_000, MADE), on=base)
    assert [(one.sign, one.latency_ms) for one in found[-1]] == [(Sign.CLIP, 0)]


def test_news_that_changes_nothing_or_names_no_attempt_is_none() -> None:
    video = admitted(MODEL).video
    assert observations_of(video, video, Took(7, JOB), T0) == ()
    assert observations_of(video, video, TOOK, T0) == ()
