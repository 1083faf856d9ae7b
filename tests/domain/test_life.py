"""Any news in any order: the promises about status, money and double submission hold all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import agenda as todo
from gateway.domain import moves
from gateway.domain.change import Kind, Posting
from gateway.domain.news import (
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
    Late,
    Likely,
    LinkStale,
    Lost,
    Made,
    NotFound,
    Poisoned,
    Progressed,
    Stored,
    Took,
    Unsent,
    WrongFile,
)
from gateway.domain.routing import Doubt, LateRule
from gateway.domain.videos import FINAL, AttemptState, Video, decode_video, encode_video, public_status, public_video
from providers.contract import Charge, Remote, Why
from tests.support.videos import T0, admitted, model, route, world

WHY = st.sampled_from(list(Why))
WHICH = st.integers(1, 4)
ORDER = ["queued", "in_progress", "completed", "failed"]
CHARGES = st.none() | st.sampled_from(["0", "0.25", "9.5", "NaN", "-1", "x", "1e30"]).map(Charge)
FREE = st.none() | st.booleans()
CLIP = (Remote(link="https://a.test/clip"),)

NEWS = st.one_of(
    st.builds(Ask, WHICH, st.just(T0 + 5_000)),
    st.builds(AskAgain, WHICH, st.just(T0 + 5_000)),
    st.builds(Took, WHICH, st.integers(1, 3).map(lambda number: {"id": number})),
    st.builds(Made, attempt=WHICH, assets=st.just(CLIP), charged=CHARGES, ref=st.none() | st.just({"id": 9})),
    st.builds(Declined, attempt=WHICH, why=WHY, retry_after_s=st.none() | st.floats(0, 3600), resend=st.booleans()),
    st.builds(Unsent, WHICH, st.just("refused"), st.booleans()),
    st.builds(Doubted, WHICH, st.just("lost"), st.booleans()),
    st.builds(Progressed, WHICH, st.none() | st.integers(-5, 120)),
    st.builds(Broke, attempt=WHICH, why=WHY, charged=CHARGES, free=FREE),
    st.builds(Lost, WHICH),
    st.builds(NotFound, WHICH, st.booleans()),
    st.builds(Likely, WHICH, st.lists(st.just({"id": "x"}), min_size=1, max_size=2).map(tuple)),
    st.builds(Stored, WHICH, st.just(())),
    st.builds(WrongFile, WHICH, st.just("cut")),
    st.builds(LinkStale, WHICH),
    st.builds(FailOver, WHICH),
    st.builds(Late, WHICH),
    st.builds(CancelAsked, WHICH),
    st.builds(CancelConfirmed, attempt=WHICH, charged=CHARGES, free=FREE),
    st.builds(CancelFailed, WHICH),
    st.builds(GiveUp, WHICH),
    st.builds(Poisoned, WHICH),
)

ROUTES = st.lists(
    st.fixed_dictionaries(
        {
            "doubt": st.sampled_from(list(Doubt)),
            "finds": st.booleans(),
            "resend_safe_s": st.none() | st.just(600),
            "visible_after_s": st.none() | st.just(2.0),
            "cancels": st.booleans(),
            "lost_jobs_free": st.booleans(),
            "failed_jobs_free": st.booleans(),
        }
    ),
    min_size=1,
    max_size=3,
)


def in_the_air(video: Video) -> int:
    """Attempts that a vendor has or may have."""
    return sum(one.state not in (AttemptState.PLANNED, AttemptState.CLOSED) for one in video.attempts)


@settings(max_examples=400)
@given(ROUTES, st.lists(NEWS, max_size=40), st.lists(st.integers(0, 120_000), min_size=40, max_size=40), st.booleans())
def test_promises_hold_under_any_news(
    routes: list[dict[str, object]], news: list[object], pauses: list[int], leaves_late: bool
) -> None:
    """Status never goes back, a final one never changes, every hold ends at most once, nothing closed holds money."""
    config = model(*(route(f"r{number}", **facts) for number, facts in enumerate(routes)))  # type: ignore[arg-type]
    if leaves_late:
        config = replace(config, late={one.name: LateRule(after_s=60) for one in config.routes})
    first = admitted(config)
    video, postings, now_ms = first.video, list(first.postings), T0
    may_risk = leaves_late or any(one.doubt is Doubt.FAILOVER for one in config.routes)
    for one, pause in zip(news, pauses, strict=False):
        now_ms += pause
        before = video
        moved = moves.apply(video, one, world(config, now_ms))  # type: ignore[arg-type]
        video = moved.video
        postings.extend(moved.postings)
        assert ORDER.index(public_status(video)) >= min(ORDER.index(public_status(before)), 2)
        if before.state in FINAL:
            assert (video.state, video.error) == (before.state, before.error)
        assert video.progress >= before.progress
        assert may_risk or in_the_air(video) <= 1
        assert decode_video(encode_video(video)) == video
        assert len(public_video(video)) == 13 + bool(video.cancel_ms)
    _assert_books_balance(video, postings)
    _assert_something_is_due(video, config, now_ms)


def _assert_books_balance(video: Video, postings: Sequence[Posting]) -> None:
    holds = {one.id: one for one in postings if one.kind is Kind.HOLD}
    ends = Counter(one.answers or "" for one in postings if one.kind in (Kind.SETTLE, Kind.VOID))
    assert set(ends) <= set(holds)
    assert all(count == 1 for count in ends.values())
    for one in postings:
        if one.kind in (Kind.SETTLE, Kind.VOID):
            hold = holds[one.answers or ""]
            assert (one.released_micros, one.counters) == (hold.amount_micros, hold.counters)
    for attempt in video.attempts:
        ended = any(answer.startswith(f"{video.id}.{attempt.ordinal}:") for answer in ends)
        assert ended == (attempt.state is AttemptState.CLOSED)


def _assert_something_is_due(video: Video, config: object, now_ms: int) -> None:
    """Nothing is ever forgotten: an open attempt has a next action or a time."""
    action = todo.agenda(video, world(config, now_ms), {})  # type: ignore[arg-type]
    if isinstance(action, todo.Rest):
        assert (action.due_ms is not None) == bool(video.open_attempts or video.sweep_ms)


@settings(max_examples=200)
@given(ROUTES, st.lists(NEWS, max_size=30))
def test_left_alone_every_video_ends(routes: list[dict[str, object]], news: list[object]) -> None:
    """After any history, deadlines alone bring the video to a final state and close every attempt."""
    config = model(*(route(f"r{number}", **facts) for number, facts in enumerate(routes)))  # type: ignore[arg-type]
    first = admitted(config)
    video, postings = first.video, list(first.postings)
    for one in news:
        moved = moves.apply(video, one, world(config, T0))  # type: ignore[arg-type]
        video = moved.video
        postings.extend(moved.postings)
    late = world(config, video.deadline_ms + 2 * todo.RESEND_LIFE_UNKNOWN_S * 1_000 + 25 * 3_600_000)
    for _ in range(20):
        action = todo.agenda(video, late, {})
        match action:
            case todo.DoubtAfterDeath(ordinal):
                moved = moves.apply(video, Doubted(ordinal, "death"), late)
            case todo.Decide(said):
                moved = moves.apply(video, said, late)
            case todo.Poll(ordinal) | todo.Find(ordinal) | todo.Cancel(ordinal):
                moved = moves.apply(video, GiveUp(ordinal), world(config, video.attempt(ordinal).follow_until_ms + 1))
            case _:
                break
        video = moved.video
        postings.extend(moved.postings)
    assert video.state in FINAL
    assert not video.open_attempts
    _assert_books_balance(video, postings)
