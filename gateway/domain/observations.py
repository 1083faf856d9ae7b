"""What a commit lets one see of a route: the closed list of signs, and the one place that reads them from a change.

Pure. Only what the closed taxonomy blames on a provider or its operator speaks against a route: a blocked or invalid
prompt, a client's cancel and what is ours (a runner that died, a route that left the configuration) never do.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.news import Declined, Doubted, GiveUp, Late, Lost, Made, News, Stored, Took, Unsent
from gateway.domain.verdicts import TAXONOMY
from gateway.domain.videos import Attempt, AttemptState, Video, attempt_id
from providers.contract import Why


class Sign(StrEnum):
    ACCEPTED = "accepted"  # a submission was taken: submitting works, and no more is known
    RENDERED = "rendered"  # the vendor says that the clip is ready: how long that took
    CLIP = "clip"  # the attempt gave a clip
    REFUSED = "refused"  # the submission failed
    BROKE = "broke"  # what was accepted gave no clip
    LATE = "late"  # it was still rendering when its time was over
    NEUTRAL = "neutral"  # the attempt is over and says nothing of the route


GOOD: Final = frozenset({Sign.CLIP})
BAD: Final = frozenset({Sign.REFUSED, Sign.BROKE, Sign.LATE})

LATE_MS: Final = 900_000
"""A deadline is the client's word: a job that was given up earlier than this says nothing of who rendered it."""


class Observation(Struct, frozen=True, kw_only=True):
    route: str
    provider: str
    attempt: str  # its id: whose probe it was
    sign: Sign
    at_ms: int
    why: Why | None = None  # the class, where it failed
    sent_ms: int = 0
    seconds: int = 0  # length of the clip asked for
    latency_ms: int = 0  # from sending until the clip was ready, or at least so long; 0: not known
    retry_after_ms: int = 0  # the vendor asked for so much patience


Read: TypeAlias = "Callable[[Attempt, Attempt, Any, Observation], Observation | None]"


def observations_of(before: Video, after: Video, news: News, now_ms: int) -> tuple[Observation, ...]:
    """What the committed change from `before` to `after` says of the route of the news' attempt; mostly nothing."""
    if not 1 <= news.attempt <= len(before.attempts):
        return ()
    was, now = before.attempt(news.attempt), after.attempt(news.attempt)
    if was.state is AttemptState.PLANNED or was.state is AttemptState.CLOSED:
        return ()  # nothing was said to the vendor, or everything is known already
    plain = Observation(
        route=now.route,
        provider=now.provider,
        attempt=attempt_id(after.id, now.ordinal),
        sign=Sign.NEUTRAL,
        at_ms=now_ms,
        sent_ms=now.sent_ms,
        seconds=after.request.seconds,
    )
    read = _READ.get(type(news))
    seen = read(was, now, news, plain) if read is not None else None
    if seen is None and now.state is AttemptState.CLOSED:
        seen = _failed(plain, now.why, Sign.BROKE)
    return () if seen is None else (seen,)


def _took(was: Attempt, now: Attempt, news: Took, plain: Observation) -> Observation | None:
    """Found later, it proves nothing of submitting."""
    return replace(plain, sign=Sign.ACCEPTED) if was.state is AttemptState.SENT else None


def _made(was: Attempt, now: Attempt, news: Made, plain: Observation) -> Observation:
    """The clip of an attempt that was left is looked for seldom, so its time says little."""
    if now.state is AttemptState.CLOSED:
        return replace(plain, sign=Sign.CLIP)
    latency_ms = 0 if was.abandoned else max(0, plain.at_ms - now.sent_ms)
    return replace(plain, sign=Sign.RENDERED, latency_ms=latency_ms)


def _stored(was: Attempt, now: Attempt, news: Stored, plain: Observation) -> Observation:
    return replace(plain, sign=Sign.CLIP)


def _declined(was: Attempt, now: Attempt, news: Declined, plain: Observation) -> Observation:
    retry_after_ms = max(0, round((news.retry_after_s or 0) * 1_000)) if news.why is Why.THROTTLED else 0
    return replace(_failed(plain, news.why, Sign.REFUSED), retry_after_ms=retry_after_ms)


def _unsent(was: Attempt, now: Attempt, news: Unsent, plain: Observation) -> Observation:
    """Nobody was there to be asked."""
    return _failed(plain, Why.OVERLOADED if news.blame else None, Sign.REFUSED)


def _doubted(was: Attempt, now: Attempt, news: Doubted, plain: Observation) -> Observation | None:
    """An answer that proves nothing, or none. The attempt goes on, but the route did not serve."""
    return _failed(plain, Why.INTERNAL, Sign.REFUSED) if news.blame else None


def _lost(was: Attempt, now: Attempt, news: Lost, plain: Observation) -> Observation | None:
    return _failed(plain, Why.NOT_FOUND, Sign.BROKE) if now.state is AttemptState.CLOSED else None


def _give_up(was: Attempt, now: Attempt, news: GiveUp, plain: Observation) -> Observation | None:
    took_ms = plain.at_ms - now.sent_ms
    if was.state is not AttemptState.RUNNING or was.assets or was.abandoned or took_ms < LATE_MS:
        return plain if was.state is not AttemptState.DOUBTFUL else None
    return replace(plain, sign=Sign.LATE, latency_ms=took_ms)


def _failed(plain: Observation, why: Why | None, sign: Sign) -> Observation:
    """Of this sign where the class counts, else neutral."""
    if why is None or not TAXONOMY[why].breaks:
        return plain
    return replace(plain, sign=sign, why=why)


def _late(was: Attempt, now: Attempt, news: Late, plain: Observation) -> Observation | None:
    """Said once of an attempt."""
    if was.late_ms or not now.late_ms:
        return None
    return replace(plain, sign=Sign.LATE, latency_ms=max(0, plain.at_ms - now.sent_ms))


_READ: Final[dict[type, Read]] = {
    Took: _took,
    Made: _made,
    Stored: _stored,
    Declined: _declined,
    Unsent: _unsent,
    Doubted: _doubted,
    Lost: _lost,
    Late: _late,
    GiveUp: _give_up,
}
"""By news. An attempt that any other news closes failed by the class it was closed with, if by any."""
