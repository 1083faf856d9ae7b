"""Doubts: which attempts wait for somebody to find out whether they arrived, and an operator's word about one.

Pure. A likeness binds by itself only on an account that nobody else uses, when it is the one candidate, and when no
other attempt of ours could have made that job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import json
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Change
from gateway.domain.routing import Route
from gateway.domain.rulings import Misruled, Ruling
from gateway.domain.videos import Attempt, AttemptState, Video, Word, attempt_id
from gateway.domain.world import with_attempt
from providers.contract import Ref

CANDIDATES_MAX: Final = 8
APART_MS: Final = 120_000
"""By so much may a vendor's clock, and the way to it, make two sendings look like one time."""


def of_video(video: Video) -> tuple[Attempt, ...]:
    return tuple(one for one in video.attempts if one.state is AttemptState.DOUBTFUL)


def may_bind(attempt: Attempt, route: Route, refs: Sequence[Ref], now_ms: int, *, slack_ms: int) -> bool:
    """Whether the one candidate may be taken for the attempt, if no other attempt fits. Whoever else sent something in
    the same time has its answer by then, or is in doubt as well: `slack_ms` after its time was over its process has
    booked what came of it, or who found that dead."""
    last_ms = attempt.send_by_ms + round((route.socket_timeout_s + route.submit_timeout_s) * 1_000)
    return route.exclusive_account and len(refs) == 1 and now_ms > last_ms + slack_ms


def fits(video: Video, attempt: Attempt, other: Video) -> bool:
    """Whether another attempt that nobody has an answer for could have made the job that looks like `attempt`: the same
    account and model, a clip of the same kind, sent about the same time. Prompts are not compared: vendors change
    them."""
    alike = (other.request.seconds, other.request.size) == (video.request.seconds, video.request.size)
    return alike and any(
        (one.account, one.model) == (attempt.account, attempt.model)
        and (other.id, one.ordinal) != (video.id, attempt.ordinal)
        and _about_the_same_time(one, attempt)
        for one in other.attempts
        if one.state in (AttemptState.DOUBTFUL, AttemptState.SENT)
    )


def _about_the_same_time(one: Attempt, other: Attempt) -> bool:
    """What was sent long before or after made its job then, if it made one. Sendings of a key count from the first to
    the last."""
    return one.sent_ms <= other.send_by_ms + APART_MS and other.sent_ms <= one.send_by_ms + APART_MS


# --- an operator's word -------------------------------------------------------------------------------------------


def not_received(*, by: str, now_ms: int, reason: str) -> Ruling:
    """It never arrived: free. Of a doubt, for the gateway to act on; of one that was booked as presumed, at once."""

    def ruling(video: Video, attempt: Attempt) -> Change:
        word = Word(received=False, by=by, at_ms=now_ms, reason=reason)
        if attempt.state is AttemptState.DOUBTFUL:
            return _noted(video, attempt, word)
        _presumed(video, attempt)
        posting = ledger.adjust(video, attempt, -attempt.cost_micros, f"not received, by {by}: {reason}")
        known = replace(attempt, presumed=False, word=word, cost_micros=0, adjusts=attempt.adjusts + 1)
        return _change(with_attempt(video, known), postings=(posting,), aside=True)

    return ruling


def received(ref: Ref | None, *, by: str, now_ms: int, reason: str) -> Ruling:
    """The vendor has it. Of a doubt its handle is needed, so that it can be polled: `ref`, or the one candidate. What
    was presumed is then known, and stays booked as it is."""

    def ruling(video: Video, attempt: Attempt) -> Change:
        if attempt.state is AttemptState.DOUBTFUL:
            known_ref = _among_candidates(attempt, ref) if ref is not None else _only_candidate(video, attempt)
            return _noted(video, attempt, Word(received=True, ref=known_ref, by=by, at_ms=now_ms, reason=reason))
        _presumed(video, attempt)
        word = Word(received=True, ref=ref, by=by, at_ms=now_ms, reason=reason)
        return _change(with_attempt(video, replace(attempt, presumed=False, word=word)), aside=True)

    return ruling


def _among_candidates(attempt: Attempt, ref: Ref) -> Ref:
    """Where a find saw jobs like it, a handle of another is a slip of the hand."""
    if attempt.candidates and ref not in attempt.candidates:
        seen = ", ".join(json.encode(one).decode() for one in attempt.candidates)
        raise Misruled(f"a find saw other jobs like it, and not this one; take one of {seen}")
    return ref


def _only_candidate(video: Video, attempt: Attempt) -> Ref:
    if len(attempt.candidates) == 1:
        return attempt.candidates[0]
    name = attempt_id(video.id, attempt.ordinal)
    several = f"{len(attempt.candidates)} jobs look like it" if attempt.candidates else "no find saw a job like it"
    raise Misruled(f'{several}; name the vendor\'s job of {name} with --ref, such as --ref \'{{"id": "…"}}\'')


def _presumed(video: Video, attempt: Attempt) -> None:
    name = attempt_id(video.id, attempt.ordinal)
    if attempt.state is not AttemptState.CLOSED:
        raise Misruled(f"{name} is not in doubt: it is {attempt.state.value}")
    if attempt.disputed_micros:
        raise Misruled(f"{name} is disputed; decide that first: telecine ledger decide {name}")
    if not attempt.presumed:
        raise Misruled(f"{name} is in no doubt: what came of it is known")


def _noted(video: Video, attempt: Attempt, word: Word) -> Change:
    told = replace(attempt, word=word, due_ms=word.at_ms)
    return _change(with_attempt(video, told), due_ms=word.at_ms)


def _change(video: Video, **more: object) -> Change:
    return replace(Change(label="rule", video=replace(video, version=video.version + 1)), **more)
