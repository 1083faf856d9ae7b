"""The figures of videos and money: what a committed change is counted as. Counters only, nothing is looked up."""

from __future__ import annotations

from typing import Final

from gateway import metrics
from gateway.domain.change import Change, Kind, Posting
from gateway.domain.news import LABELS, Doubted, Made, News, Rerouted, Stored, Took
from gateway.domain.videos import FINAL, Attempt, AttemptState, Video
from gateway.snapshot import Snapshot

DEFAULT_CLASS: Final = "default"


def of_create(snapshot: Snapshot, change: Change) -> None:
    """Of a video that was just let in; one whose clip is another's is over already."""
    video = change.video
    model = _public(snapshot, video)
    metrics.video_moved(model, _provider(video), video.state)
    if video.reused_from is not None:
        metrics.video_reused(model)
    for one in change.postings:
        _posted(video, one)


def of_move(snapshot: Snapshot, before: Video, change: Change, news: News, now_ms: int) -> None:
    """`now_ms`: when the change was committed."""
    after = change.video
    model = _public(snapshot, after)
    if before.state is not after.state:
        metrics.video_moved(model, _provider(after), after.state)
        if after.state in FINAL:
            metrics.video_over(model, after.state, _seconds(after.created_ms, now_ms))
    if len(after.attempts) > len(before.attempts) and before.attempts and not isinstance(news, Rerouted):
        metrics.failed_over(before.current_attempt.provider)
    for was, now in zip(before.attempts, after.attempts, strict=False):
        if was is not now:
            _attempt_changed(was, now, news)
    if 1 <= news.attempt <= len(before.attempts):
        _heard(model, before, after, news, now_ms)
    for one in change.postings:
        _posted(after, one)


def of_adjust(video: Video | None, posting: Posting) -> None:
    """Of an operator's word, which another process may have committed; None: the record is gone."""
    entry = "adjust_down" if posting.amount_micros < 0 else "adjust_up"
    project_class = video.project_class if video is not None else ""
    metrics.posted(project_class or DEFAULT_CLASS, entry, abs(posting.amount_micros), 0)


def _attempt_changed(was: Attempt, now: Attempt, news: News) -> None:
    if now.state is AttemptState.CLOSED and was.state is not AttemptState.CLOSED:
        metrics.attempt_ended(now.provider, LABELS[type(news)], now.why)
    if now.abandoned and not was.abandoned:
        metrics.orphaned(now.provider)


def _heard(model: str, before: Video, after: Video, news: News, now_ms: int) -> None:
    """Of the attempt that the news is about."""
    was, now = before.attempt(news.attempt), after.attempt(news.attempt)
    if now.accepted_ms and not any(one.accepted_ms for one in before.attempts):
        metrics.video_taken(model, _seconds(after.created_ms, now_ms))
    match news:
        case Took():
            metrics.attempt_accepted(now.provider)
        case Doubted():
            metrics.doubted(now.provider)
        case Made() if now.state is not AttemptState.CLOSED and not was.abandoned:
            metrics.video_rendered(model, now.provider, _seconds(now.sent_ms, now_ms))
        case Stored(assets=assets):
            metrics.asset_stored(sum(one.size_bytes for one in assets))
        case _:
            pass


def _posted(video: Video, posting: Posting) -> None:
    kind, micros = posting.kind, posting.amount_micros
    if kind is Kind.HOLD:  # each create has one, and nothing else
        metrics.posted(video.project_class or DEFAULT_CLASS, "hold", micros, video.request.seconds)
        return
    if kind is Kind.ADJUST:
        return  # where the ledger is read: see `of_adjust`
    if kind is Kind.VOID:
        micros = posting.released_micros
    seconds = video.request.seconds if kind is Kind.SETTLE or kind is Kind.VOID else 0
    metrics.posted(video.project_class or DEFAULT_CLASS, kind.value, micros, seconds)
    if kind is Kind.DISPUTE:
        metrics.charge_disputed(posting.provider)
    elif posting.presumed:
        metrics.presumed(posting.provider, micros)


def _public(snapshot: Snapshot, video: Video) -> str:
    """The model by its own name, whatever alias the client used."""
    name = video.request.model
    return snapshot.aliases.get(name, name)


def _provider(video: Video) -> str | None:
    return video.current_attempt.provider if video.attempts else None


def _seconds(since_ms: int, now_ms: int) -> float:
    return max(0, now_ms - since_ms) / 1_000
