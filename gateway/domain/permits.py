"""Permits: what a provider takes at once, and what is in flight there. Pure.

A submission leaves only with a permit, which the commit that says so takes for all replicas together: the provider has
not asked for a pause, its requests per minute and its concurrency allow one more, and nobody's turn comes first. An
attempt is in flight from that commit on until its vendor owes nothing more or has the clip ready.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gateway.domain.change import NOWHERE, AtProviders
from gateway.domain.news import Ask, AskAgain, Declined, News
from gateway.domain.videos import Attempt, AttemptState, Video, attempt_id
from providers.contract import Why

PAUSE_MS_MAX: Final = 3_600_000
"""What a vendor asks for beyond this is not believed: a mistaken header must not close a provider for a year."""
PAUSE_UNSAID_MS: Final = 1_000

_IN_FLIGHT: Final = frozenset({AttemptState.SENT, AttemptState.DOUBTFUL, AttemptState.RUNNING})


class ProviderLimits(Struct, frozen=True, kw_only=True):
    """None: no limit."""

    rpm: int | None = None  # submissions in any minute
    concurrency: int | None = None  # attempts in flight
    polls_per_minute: int | None = None


def in_flight(attempt: Attempt) -> bool:
    """Whether its vendor may be working on it. One whose clip is ready waits for us, not for the vendor; one of unknown
    outcome that nobody waits for any more may be looked for much longer than any job runs."""
    given_up = attempt.abandoned and attempt.state is AttemptState.DOUBTFUL
    return attempt.state in _IN_FLIGHT and not attempt.assets and not given_up


def at_providers(before: Video, after: Video, news: News, now_ms: int) -> AtProviders:
    """What the change from one record to the other does at the providers."""
    were, are = _all_in_flight(before), _all_in_flight(after)
    ask = after.attempt(news.attempt).provider if isinstance(news, Ask) else ""
    again = after.attempt(news.attempt).provider if isinstance(news, AskAgain) else ""
    at = AtProviders(
        ask=ask,
        again=again,
        lines=after.lined or before.lined,  # a video joins more lines, or leaves them all
        waits=bool(after.lined),
        begin=tuple(sorted((name, one) for name, one in are.items() if name not in were)),
        done=tuple(sorted(name for name in were if name not in are)),
        paused=_paused(after, news, now_ms),
    )
    return NOWHERE if at == NOWHERE else at


def _all_in_flight(video: Video) -> dict[str, str]:
    return {attempt_id(video.id, one.ordinal): one.provider for one in video.attempts if in_flight(one)}


def _paused(video: Video, news: News, now_ms: int) -> tuple[str, int] | None:
    """A vendor that throttles one submission throttles the next as well."""
    if not isinstance(news, Declined) or news.why is not Why.THROTTLED:
        return None
    asked_ms = PAUSE_UNSAID_MS if news.retry_after_s is None else round(news.retry_after_s * 1_000)
    return video.attempt(news.attempt).provider, now_ms + min(max(asked_ms, 0), PAUSE_MS_MAX)
