"""Figures of videos and of their attempts: where they are, how they ended, and how long that took."""

from __future__ import annotations

from typing import Final

from gateway.metrics.families import NONE, RENDER_S, Subject

HERE: Final = Subject("Videos and attempts")

_videos = HERE.counter(
    "telecine_videos_total",
    "Videos that entered a state, by public model and by the provider of the attempt that counts then.",
    "model",
    "provider",
    "state",
)
_reused = HERE.counter(
    "telecine_videos_reused_total", "Creates answered with a clip that was there, by public model.", "model"
)
_queue_seconds = HERE.seconds(
    "telecine_video_queue_seconds", "Time from a create until the first provider had its job.", RENDER_S, "model"
)
_render_seconds = HERE.seconds(
    "telecine_video_render_seconds",
    "Time from sending an attempt until its clip was ready at the provider.",
    RENDER_S,
    "model",
    "provider",
)
_video_seconds = HERE.seconds(
    "telecine_video_seconds",
    "Time from a create until its video was over, by how it ended.",
    RENDER_S,
    "model",
    "state",
)
_accepted = HERE.counter("telecine_attempts_accepted_total", "Attempts that a provider accepted.", "provider")
_attempts = HERE.counter(
    "telecine_attempts_total", "Attempts that ended, by provider and by what ended them.", "provider", "verdict"
)
_faults = HERE.counter(
    "telecine_attempts_failed_total",
    "Attempts that ended without a clip for a reason of the closed list, by provider.",
    "provider",
    "why",
)
_failovers = HERE.counter(
    "telecine_failovers_total", "Videos that went on to another attempt, by the provider that they left.", "provider"
)
_doubts = HERE.counter(
    "telecine_doubts_total", "Submissions of which nobody could tell whether they arrived.", "provider"
)
_doubts_open = HERE.gauge("telecine_doubts_open", "Attempts of which nobody knows now whether they arrived.")
_orphans = HERE.counter(
    "telecine_orphans_total", "Attempts that their video left behind and that are followed for the books.", "provider"
)


def video_moved(model: str, provider: str | None, state: str) -> None:
    """`provider`: None for a video that has no attempt."""
    _videos.of(model, provider or NONE, state).inc()


def video_reused(model: str) -> None:
    _reused.of(model).inc()


def video_taken(model: str, seconds: float) -> None:
    """By its first provider, so long after the create."""
    _queue_seconds.of(model).observe(seconds)


def video_rendered(model: str, provider: str, seconds: float) -> None:
    _render_seconds.of(model, provider).observe(seconds)


def video_over(model: str, state: str, seconds: float) -> None:
    _video_seconds.of(model, state).observe(seconds)


def attempt_accepted(provider: str) -> None:
    _accepted.of(provider).inc()


def attempt_ended(provider: str, verdict: str, why: str | None) -> None:
    _attempts.of(provider, verdict).inc()
    if why is not None:
        _faults.of(provider, why).inc()


def failed_over(provider: str) -> None:
    _failovers.of(provider).inc()


def doubted(provider: str) -> None:
    _doubts.of(provider).inc()


def doubts_open(count: int) -> None:
    _doubts_open.of().set(count)


def orphaned(provider: str) -> None:
    _orphans.of(provider).inc()
