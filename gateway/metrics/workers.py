"""Figures of the gateway itself: its workers, the queue of due videos, leases, steps, Redis and the event loop."""

from __future__ import annotations

from typing import Final

from gateway.metrics.families import LAG_S, QUICK_S, Subject

HERE: Final = Subject("Workers, queue and store")

_workers = HERE.gauge("telecine_workers", "Worker processes that run.", mode="livesum")
_began = HERE.gauge(
    "telecine_worker_started_timestamp_seconds", "When the youngest worker began, Unix time.", mode="livemax"
)
_poll_lag = HERE.seconds("telecine_poll_lag_seconds", "How late a due video was claimed.", LAG_S)
_due = HERE.gauge("telecine_videos_due", "Videos that are due and that no worker has claimed.")
_worker_lag = HERE.gauge(
    "telecine_worker_lag_seconds", "How late the video is that has been due longest; 0 where none is due."
)
_leases_lost = HERE.counter("telecine_leases_lost_total", "Commits refused because another worker had moved the video.")
_steps_failed = HERE.counter("telecine_steps_failed_total", "Steps that ended with an error of our own.")
_steps_cut = HERE.counter("telecine_steps_cut_total", "Steps that were still running when the grace of a stop ended.")
_store_seconds = HERE.seconds("telecine_store_seconds", "Time of one operation of the store.", QUICK_S, "operation")
_store_reached = HERE.gauge("telecine_store_reachable", "Whether Redis answered when it was last asked: 1 or 0.")
_store_fit = HERE.gauge("telecine_store_fit", "Whether Redis is set up so that videos may be admitted: 1 or 0.")
_store_forgot = HERE.gauge(
    "telecine_store_forgot_commits",
    "Whether nothing is submitted because Redis forgot commits that it had confirmed: 1 or 0.",
)
_free = HERE.gauge("telecine_assets_free_bytes", "What is free where clips and pictures are kept.")
_loop_lag = HERE.seconds("telecine_loop_lag_seconds", "How late the event loop woke a timer.", LAG_S)


def worker_began(at_s: float) -> None:
    """`at_s`: Unix time."""
    _workers.of().set(1)
    _began.of().set(at_s)


def poll_lag(seconds: float) -> None:
    _poll_lag.of().observe(seconds)


def due(count: int, oldest_s: float) -> None:
    _due.of().set(count)
    _worker_lag.of().set(oldest_s)


def lease_lost() -> None:
    _leases_lost.of().inc()


def step_failed() -> None:
    _steps_failed.of().inc()


def steps_cut(count: int) -> None:
    _steps_cut.of().inc(count)


def store_time(operation: str, seconds: float) -> None:
    _store_seconds.of(operation).observe(seconds)


def store_state(*, reachable: bool, fit: bool, forgot: bool) -> None:
    _store_reached.of().set(int(reachable))
    _store_fit.of().set(int(fit))
    _store_forgot.of().set(int(forgot))


def assets_free(size_bytes: int) -> None:
    _free.of().set(size_bytes)


def loop_lag(seconds: float) -> None:
    _loop_lag.of().observe(seconds)
