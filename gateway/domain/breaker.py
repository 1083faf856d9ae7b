"""The circuit breaker of a route or a provider: closed, open, half-open with a budget of probes. Pure, one table.

Failures are counted apart where they happened, at submitting and at rendering, and only their own kind of success
makes up for them: a vendor that accepts everything and renders nothing is found out, and one that came back proves it
by accepting. While the breaker was open others knew nothing of it, so only attempts that were sent afterwards decide.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.observations import Observation, Sign
from providers.contract import Why

OPEN_MS_MAX: Final = 600_000
LEASE_MS_MAX: Final = 1_800_000
STREAK_MS: Final = 600_000
"""Failures that lie further apart are not in a row."""
TALLY_HALF_LIFE_MS: Final = 300_000
TALLY_LEAST: Final = 10.0
"""A share says something from so many observations on."""
TALLY_MAX: Final = 200.0
OPENS_KEPT_MS: Final = 2 * OPEN_MS_MAX
"""A breaker that opens again sooner than this after it closed opens for longer."""


class Scope(StrEnum):
    ROUTE = "route"
    PROVIDER = "provider"


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Reason(StrEnum):
    """What opened it."""

    UNAUTHORISED = "unauthorised"
    NO_CREDIT = "no_credit"
    FAILURES = "failures"  # in a row
    SHARE = "share"
    PROBE = "probe"  # half-open, and a probe failed


class Rules(Struct, frozen=True, kw_only=True):
    opens: bool = True  # at all
    failures: int = 5  # in a row
    share: float = 0.5  # of failures, over at least TALLY_LEAST
    open_s: float = 30.0  # the first time; doubles
    probes: int = 2  # at once, while half-open


class Breaker(Struct, frozen=True, array_like=True):
    opened_ms: int = 0  # 0: closed
    until_ms: int = 0  # open until then, half-open afterwards
    reason: str = ""  # of the last opening
    rendering: bool = False  # it was opened by renders: only a clip proves that it is over, else an acceptance does
    opens: int = 0  # in a row
    closed_ms: int = 0
    refused_row: int = 0
    broken_row: int = 0
    row_ms: int = 0
    good: float = 0.0
    bad: float = 0.0
    tally_ms: int = 0
    probes: dict[str, int] = {}  # attempt -> end of its lease, ms


class Turn(Struct, frozen=True):
    """What a transition may look at beside the record."""

    seen: Observation
    now_ms: int
    rules: Rules
    jitter: float  # in [0, 1)


class Meaning(StrEnum):
    """An observation, for a breaker of one scope."""

    ACCEPTED = "accepted"
    CLIP = "clip"
    FAILED = "failed"
    OVER = "over"  # the attempt ended and says nothing
    NOTHING = "nothing"


AT_ONCE: Final = {Why.UNAUTHORISED: Reason.UNAUTHORISED, Why.NO_CREDIT: Reason.NO_CREDIT}
BLAMED: Final[dict[Why, frozenset[Scope]]] = {
    Why.UNAUTHORISED: frozenset({Scope.PROVIDER}),
    Why.NO_CREDIT: frozenset({Scope.PROVIDER}),
    Why.OVERLOADED: frozenset({Scope.PROVIDER, Scope.ROUTE}),
    Why.NOT_FOUND: frozenset({Scope.ROUTE}),
    Why.INTERNAL: frozenset({Scope.ROUTE}),
    Why.UNREADABLE: frozenset({Scope.ROUTE}),
}
"""Whose breaker counts a class. What one model does wrong must not close the vendor's others; who cannot be reached, or
takes no key and no money, does so for all of them."""

_MEANS: Final = {
    Sign.ACCEPTED: Meaning.ACCEPTED,
    Sign.CLIP: Meaning.CLIP,
    Sign.REFUSED: Meaning.FAILED,
    Sign.BROKE: Meaning.FAILED,
    Sign.RENDERED: Meaning.NOTHING,
    Sign.LATE: Meaning.OVER,
    Sign.NEUTRAL: Meaning.OVER,
}


def state_of(breaker: Breaker, now_ms: int) -> State:
    if not breaker.opened_ms:
        return State.CLOSED
    return State.OPEN if now_ms < min(breaker.until_ms, now_ms + OPEN_MS_MAX) else State.HALF_OPEN


def after(breaker: Breaker, scope: Scope, turn: Turn) -> Breaker:
    """The breaker after an observation."""
    breaker = sane(breaker, turn.now_ms)
    return TABLE[state_of(breaker, turn.now_ms), meaning(turn.seen, scope)](breaker, turn)


def meaning(seen: Observation, scope: Scope) -> Meaning:
    means = _MEANS[seen.sign]
    if means is Meaning.FAILED and (seen.why is None or scope not in BLAMED.get(seen.why, frozenset())):
        return Meaning.OVER
    return means


def take_probe(breaker: Breaker, attempt: str, now_ms: int, *, probes: int, lease_ms: int) -> Breaker | None:
    """With a probe for the attempt, unchanged if it needs none; None where nothing may be sent now."""
    breaker = sane(breaker, now_ms)
    match state_of(breaker, now_ms):
        case State.CLOSED:
            return breaker
        case State.HALF_OPEN if attempt in breaker.probes or len(breaker.probes) < probes:
            until_ms = now_ms + min(lease_ms, LEASE_MS_MAX)
            return replace(breaker, probes={**breaker.probes, attempt: until_ms})
        case _:
            return None


def free_probes(breaker: Breaker, now_ms: int, probes: int) -> int:
    """How many more attempts may be sent while it is half-open."""
    return max(0, probes - sum(1 for until_ms in breaker.probes.values() if until_ms > now_ms))


def reset(now_ms: int) -> Breaker:
    """Closed by an operator: nothing is held against it any more."""
    return Breaker(closed_ms=now_ms)


def sane(breaker: Breaker, now_ms: int) -> Breaker:
    """As it may be at that time: whatever clock wrote it, it opens in time, and probes that nobody answers for end."""
    leases = {one: min(until_ms, now_ms + LEASE_MS_MAX) for one, until_ms in breaker.probes.items()}
    part = 0.5 ** (max(0, now_ms - breaker.tally_ms) / TALLY_HALF_LIFE_MS)
    return replace(
        breaker,
        until_ms=min(breaker.until_ms, now_ms + OPEN_MS_MAX),
        closed_ms=min(breaker.closed_ms, now_ms),
        row_ms=min(breaker.row_ms, now_ms),
        tally_ms=now_ms,
        good=round(min(breaker.good, TALLY_MAX) * part, 3),
        bad=round(min(breaker.bad, TALLY_MAX) * part, 3),
        probes={one: until_ms for one, until_ms in leases.items() if until_ms > now_ms},
    )


# --- transitions --------------------------------------------------------------------------------------------------

Transition: TypeAlias = Callable[[Breaker, Turn], Breaker]


def _same(breaker: Breaker, turn: Turn) -> Breaker:
    return breaker


def _accepted(breaker: Breaker, turn: Turn) -> Breaker:
    return replace(breaker, refused_row=0)


def _clip(breaker: Breaker, turn: Turn) -> Breaker:
    return replace(breaker, broken_row=0, good=breaker.good + 1)


def _failed(breaker: Breaker, turn: Turn) -> Breaker:
    """One more; open where it was the one too many."""
    rendering = turn.seen.sign is Sign.BROKE
    fresh = turn.now_ms - breaker.row_ms > STREAK_MS
    refused, broken = (0, 0) if fresh else (breaker.refused_row, breaker.broken_row)
    counted = replace(
        breaker,
        refused_row=refused + (not rendering),
        broken_row=broken + rendering,
        row_ms=turn.now_ms,
        bad=breaker.bad + 1,
    )
    reason = _too_much(counted, turn)
    return counted if reason is None else _opened(counted, turn, reason)


def _too_much(breaker: Breaker, turn: Turn) -> Reason | None:
    if not turn.rules.opens:
        return None
    if turn.seen.why in AT_ONCE:
        return AT_ONCE[turn.seen.why]
    if max(breaker.refused_row, breaker.broken_row) >= turn.rules.failures:
        return Reason.FAILURES
    total = breaker.good + breaker.bad
    return Reason.SHARE if total >= TALLY_LEAST and breaker.bad >= turn.rules.share * total else None


def _opened(breaker: Breaker, turn: Turn, reason: Reason) -> Breaker:
    again = breaker.opens and turn.now_ms - breaker.closed_ms <= OPENS_KEPT_MS
    opens = min(breaker.opens + 1, 30) if again else 1
    longest_ms = min(round(turn.rules.open_s * 1_000) << (opens - 1), OPEN_MS_MAX)
    return Breaker(
        opened_ms=turn.now_ms,
        # Full jitter above a floor: replicas and routes that failed together do not come back together.
        until_ms=turn.now_ms + max(1, round(longest_ms * (0.5 + 0.5 * turn.jitter))),
        reason=reason.value,
        rendering=turn.seen.sign is Sign.BROKE,
        opens=opens,
        closed_ms=breaker.closed_ms,
        tally_ms=turn.now_ms,
    )


def _proved_by_acceptance(breaker: Breaker, turn: Turn) -> Breaker:
    return breaker if breaker.rendering else _proved(breaker, turn)


def _proved(breaker: Breaker, turn: Turn) -> Breaker:
    if not _sent_since(breaker, turn.seen):
        return breaker
    return Breaker(opens=breaker.opens, closed_ms=turn.now_ms, tally_ms=turn.now_ms)


def _probe_failed(breaker: Breaker, turn: Turn) -> Breaker:
    """Open again, for longer: it never closed between."""
    if not _sent_since(breaker, turn.seen):
        return breaker
    reason = AT_ONCE.get(turn.seen.why, Reason.PROBE) if turn.seen.why is not None else Reason.PROBE
    return _opened(replace(breaker, closed_ms=turn.now_ms), turn, reason)


def _released(breaker: Breaker, turn: Turn) -> Breaker:
    return replace(breaker, probes={one: end for one, end in breaker.probes.items() if one != turn.seen.attempt})


def _sent_since(breaker: Breaker, seen: Observation) -> bool:
    """Attempts that left before it was half-open say how it was then."""
    return seen.attempt in breaker.probes or seen.sent_ms >= breaker.until_ms


TABLE: Final[dict[tuple[State, Meaning], Transition]] = {
    (State.CLOSED, Meaning.ACCEPTED): _accepted,
    (State.CLOSED, Meaning.CLIP): _clip,
    (State.CLOSED, Meaning.FAILED): _failed,
    (State.CLOSED, Meaning.OVER): _same,
    (State.CLOSED, Meaning.NOTHING): _same,
    (State.OPEN, Meaning.ACCEPTED): _same,
    (State.OPEN, Meaning.CLIP): _same,
    (State.OPEN, Meaning.FAILED): _same,
    (State.OPEN, Meaning.OVER): _same,
    (State.OPEN, Meaning.NOTHING): _same,
    (State.HALF_OPEN, Meaning.ACCEPTED): _proved_by_acceptance,
    (State.HALF_OPEN, Meaning.CLIP): _proved,
    (State.HALF_OPEN, Meaning.FAILED): _probe_failed,
    (State.HALF_OPEN, Meaning.OVER): _released,
    (State.HALF_OPEN, Meaning.NOTHING): _same,
}
