"""An operator's word about money that is booked already: on a dispute, or on what an attempt truly cost.

Pure: a record and a wish in, the record with its entry out. Nothing of the video's life moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Change, Posting
from gateway.domain.money import AMOUNT_MICROS_MAX, format_dollars
from gateway.domain.videos import Attempt, AttemptState, Video, attempt_id
from gateway.domain.world import with_attempt

Ruling: TypeAlias = Callable[[Video, Attempt], Change]


class Misruled(Exception):
    """A sentence for the operator."""


def decide(accepted_micros: int | None, reason: str) -> Ruling:
    """Book so much of what is disputed and forget the rest; None: all of it."""

    def ruling(video: Video, attempt: Attempt) -> Change:
        name, disputed = attempt_id(video.id, attempt.ordinal), attempt.disputed_micros
        if not disputed:
            raise Misruled(f"nothing is disputed of {name}; telecine ledger disputes lists what is")
        amount = disputed if accepted_micros is None else accepted_micros
        if not 0 <= amount <= disputed:
            raise Misruled(f"{name} is disputed by {format_dollars(disputed)}; accept at most that")
        posting = ledger.adjust(video, attempt, amount, reason, decides=True)
        return _change(video, replace(attempt, disputed_micros=0), posting)

    return ruling


def correct(cost_micros: int, reason: str) -> Ruling:
    """Book the difference to what an attempt that has ended truly cost."""

    def ruling(video: Video, attempt: Attempt) -> Change:
        name = attempt_id(video.id, attempt.ordinal)
        if attempt.state is not AttemptState.CLOSED:
            raise Misruled(f"{name} has not ended yet; its own end will be booked")
        if attempt.disputed_micros:
            raise Misruled(f"{name} is disputed; decide that first: telecine ledger decide {name}")
        if cost_micros == attempt.cost_micros:
            raise Misruled(f"{name} is booked at {format_dollars(cost_micros)} already")
        if not 0 <= cost_micros <= AMOUNT_MICROS_MAX:
            raise Misruled(f"no attempt can cost {format_dollars(cost_micros)}")
        posting = ledger.adjust(video, attempt, cost_micros - attempt.cost_micros, reason)
        return _change(video, replace(attempt, presumed=False), posting)

    return ruling


def _change(video: Video, attempt: Attempt, posting: Posting) -> Change:
    corrected = replace(attempt, cost_micros=attempt.cost_micros + posting.amount_micros, adjusts=attempt.adjusts + 1)
    after = with_attempt(video, corrected, version=video.version + 1)
    return Change(label="rule", video=after, postings=(posting,), aside=True)
