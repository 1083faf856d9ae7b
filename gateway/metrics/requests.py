"""Figures of requests: what was asked, what was refused, and the bytes that went in and out."""

from __future__ import annotations

from typing import Final

from gateway.metrics.families import QUICK_S, Subject

HERE: Final = Subject("Requests")

_requests = HERE.counter(
    "telecine_requests_total", "Requests answered, by endpoint, method and status.", "endpoint", "method", "status"
)
_request_seconds = HERE.seconds(
    "telecine_request_seconds", "Time from a request's head to the end of its answer.", QUICK_S, "endpoint"
)
_requests_cut = HERE.counter(
    "telecine_requests_cut_total",
    "Requests that were still open when the grace of a stop ended. A gateway that ends takes the figure along; its log "
    "keeps it (`requests_cut`).",
)
_limited = HERE.counter("telecine_creates_refused_total", "Creates that a limit or a cap refused, by which.", "reason")
_bytes = HERE.counter(
    "telecine_asset_bytes_total", "Bytes of clips and pictures: stored here, or sent to clients.", "way"
)


def request_ended(endpoint: str, method: str, status: str, seconds: float) -> None:
    _requests.of(endpoint, method, status).inc()
    _request_seconds.of(endpoint).observe(seconds)


def requests_cut(count: int) -> None:
    _requests_cut.of().inc(count)


def create_refused(reason: str) -> None:
    """By `requests`, `in_flight`, `seconds`, `budget` or `waiting`."""
    _limited.of(reason).inc()


def content_sent(size_bytes: int) -> None:
    _bytes.of("sent").inc(size_bytes)


def asset_stored(size_bytes: int) -> None:
    _bytes.of("stored").inc(size_bytes)
