"""Limits of a key or a project: requests per minute, videos in flight, seconds of video per day; what is said of them.

Pure. The store counts and decides, inside the admission; here is what the numbers mean, and how clients are told.
Requests are counted smoothly (GCRA): a full minute's worth may come at once, after that one for each that has aged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from gateway.domain.errors import ClientError, QuotaGone, RateLimited

RPM_MAX: Final = 1_000_000
COUNT_MAX: Final = 10**9
RETRY_S_MAX: Final = 60
IN_FLIGHT_RETRY_S: Final = 5

TIERS: Final[Mapping[str, int]] = {"tier-1": 25, "tier-2": 50, "tier-3": 125, "tier-4": 200, "tier-5": 375}
"""Requests per minute as OpenAI's usage tiers give them for its video models."""


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of a key or a project; None or empty: no limit. The first three are counted by the store, at the admission.
    Defaults limit nothing; they stand here because they are set, kept and read with the rest."""

    rpm: int | None = None
    in_flight: int | None = None
    seconds_per_day: int | None = None
    request_max_micros: int | None = None  # what a single video may cost
    models: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    seconds: tuple[int, ...] = ()
    sandbox_only: bool = False
    routing_denied: bool = False  # `routing` in a request
    priority: int | None = None  # of videos whose requests name none; limits nothing
    priority_max: int | None = None
    reuse_s: int | None = None  # identical creates are answered with a finished clip for so long; 0: not, whoever else
    tags: dict[str, str] = {}  # for videos whose requests name no others
    project_class: str = ""  # what the figures of its videos are told apart by; limits nothing


class Owned(Struct, frozen=True):
    """Limits, and whose they are: "this API key" or "this project"."""

    owner: str
    limits: Limits


NOTHING: Final = Limits()


class Rate(Struct, frozen=True):
    """Where a limit of requests per minute stands."""

    limit: int
    left: int
    reset_ms: int  # until all are there again


class Limited(Struct, frozen=True):
    """A limit that an admission met; nothing was written."""

    what: str  # requests, in_flight, seconds
    scope: str  # key/<id> or project/<id>
    limit: int
    used: int
    wait_ms: int  # for requests
    reset_ms: int = 0  # until all of them are there again


def headers_of(rate: Rate) -> tuple[tuple[str, str], ...]:
    """As OpenAI's clients read them."""
    return (
        ("x-ratelimit-limit-requests", str(rate.limit)),
        ("x-ratelimit-remaining-requests", str(rate.left)),
        ("x-ratelimit-reset-requests", duration(rate.reset_ms)),
    )


def duration(millis: int) -> str:
    """`12ms`, `1.5s`, `6m0s`."""
    if millis < 1_000:
        return f"{millis}ms"
    minutes, rest = divmod(millis, 60_000)
    seconds = f"{rest / 1_000:g}s"
    return f"{minutes}m{seconds}" if minutes else seconds


def refusal(met: Limited, resets_at: str) -> ClientError:
    """The error for it. `resets_at`: when the day ends."""
    limit, used, wait_ms = met.limit, met.used, met.wait_ms
    owner = "this API key" if met.scope.startswith("key/") else "this project"
    match met.what:
        case "requests":
            wait_s = min(RETRY_S_MAX, -(-wait_ms // 1_000))
            return RateLimited(
                f"Rate limit reached for {owner}: {limit} requests per minute. Try again in {duration(wait_ms)}.",
                retry_after_s=wait_s,
                headers=headers_of(Rate(limit, 0, met.reset_ms)),
            )
        case "in_flight":
            return RateLimited(
                f"Too many videos in flight for {owner}: {used} of {limit}. Wait until one of them has ended.",
                retry_after_s=IN_FLIGHT_RETRY_S,
            )
        case _:
            return QuotaGone(
                f"The daily quota of {owner} does not allow this video: {used} of {limit} seconds of video are used. "
                f"It resets at {resets_at}.",
            )
