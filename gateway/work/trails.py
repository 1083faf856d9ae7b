"""What is told of videos beside their figures: the spans of their traces, and a prompt where that is allowed."""

from __future__ import annotations

from gateway.domain import traces
from gateway.domain.videos import FINAL, AttemptState, Video
from gateway.log import log_prompt
from gateway.snapshot import Snapshot
from gateway.tracing import spans


def tell_created(snapshot: Snapshot, video: Video) -> None:
    """Of a video that was just let in."""
    if snapshot.settings.log.prompts:
        log_prompt(video.id, video.request.prompt)
    if video.state in FINAL:
        _video_ended(video)


def trace_moved(before: Video, after: Video, news: str) -> None:
    """The spans that a change has ended: of attempts, and of the video."""
    if not after.trace or not spans.on():
        return
    for ordinal, attempt in enumerate(after.attempts, start=1):
        was = before.attempts[ordinal - 1].state if ordinal <= len(before.attempts) else AttemptState.PLANNED
        if attempt.state is AttemptState.CLOSED and was is not AttemptState.CLOSED:
            _attempt_ended(after, ordinal, news)
    if after.state in FINAL and before.state not in FINAL:
        _video_ended(after)


def _attempt_ended(video: Video, ordinal: int, news: str) -> None:
    attempt, place, above = video.attempt(ordinal), traces.of_attempt(video, ordinal), traces.of_video(video)
    if place is None or above is None:
        return
    facts: dict[str, str | int] = {
        "telecine.video": video.id,
        "telecine.attempt": ordinal,
        "telecine.provider": attempt.provider,
        "telecine.route": attempt.route,
        "telecine.news": news,
    }
    why = {"telecine.why": attempt.why.value} if attempt.why is not None else {}
    began_ms = attempt.sent_ms or attempt.planned_ms
    spans.ended("attempt", place, above.span, began_ms, {**facts, **why}, failed=attempt.why is not None)


def _video_ended(video: Video) -> None:
    place, root = traces.of_video(video), traces.root_of(video)
    if place is None or root is None:
        return
    facts: dict[str, str | int] = {
        "telecine.video": video.id,
        "telecine.model": video.request.model,
        "telecine.project": video.project,
        "telecine.state": video.state.value,
        "telecine.attempts": len(video.attempts),
        "telecine.request": video.request_id,
    }
    code = {"telecine.error": video.error.code} if video.error is not None else {}
    spans.ended("video", place, root.span, video.created_ms, {**facts, **code}, failed=video.error is not None)
