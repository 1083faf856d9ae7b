"""What became of a call, and one table that says what each class of refusal means.

An adapter speaks when a reply came (`providers.contract`); the driver speaks when none did, or when a reply proves less
than the adapter thinks. The table is all that failover, breaker and errors ever read about a class.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from providers.contract import (
    CancelVerdict,
    FindVerdict,
    PollVerdict,
    SubmitVerdict,
    Why,
)


class NotSent(Struct, frozen=True):
    """No byte of the call that starts work left this machine: free, and free to repeat.

    `ours`: for a reason of ours, so it says nothing of the vendor.
    """

    message: str
    ours: bool = False


class InDoubt(Struct, frozen=True):
    """The call may have arrived. `status` is the HTTP status of an answer that proves nothing, None without answer."""

    message: str
    status: int | None = None
    ours: bool = False


class NoAnswer(Struct, frozen=True):
    """A call that starts nothing brought no usable answer: try again later."""

    message: str
    why: Why = Why.OVERLOADED


SubmitOutcome: TypeAlias = SubmitVerdict | NotSent | InDoubt
PollOutcome: TypeAlias = PollVerdict | NoAnswer
CancelOutcome: TypeAlias = CancelVerdict | NoAnswer
FindOutcome: TypeAlias = FindVerdict | NoAnswer


class Fault(StrEnum):
    """Whose fault a class is."""

    CLIENT = "client"
    OPERATOR = "operator"
    PROVIDER = "provider"


class AtSubmit(StrEnum):
    """What a refused submission leads to. `stop` ends the video unless another route may think otherwise."""

    STOP = "stop"
    NEXT = "next"
    WAIT = "wait"  # the next route now; this one again once its time has come


class AtPoll(StrEnum):
    """What the class means when a poll of an accepted job says it."""

    END = "end"  # the job is over, and another vendor is no way around it
    NEXT = "next"  # the job is over; another route may do better
    AGAIN = "again"  # says nothing about the job
    LOST = "lost"  # the vendor does not know the job; several in a row mean that it is gone


class Row(Struct, frozen=True):
    fault: Fault
    at_submit: AtSubmit
    at_poll: AtPoll
    breaks: bool  # counts for the circuit breaker
    code: str  # the public error code when the video fails for it


TAXONOMY: dict[Why, Row] = {
    Why.INVALID: Row(Fault.CLIENT, AtSubmit.NEXT, AtPoll.END, False, "invalid_request"),
    Why.BLOCKED: Row(Fault.CLIENT, AtSubmit.STOP, AtPoll.END, False, "moderation_blocked"),
    Why.UNAUTHORISED: Row(Fault.OPERATOR, AtSubmit.NEXT, AtPoll.AGAIN, True, "provider_unavailable"),
    Why.NO_CREDIT: Row(Fault.OPERATOR, AtSubmit.NEXT, AtPoll.AGAIN, True, "provider_unavailable"),
    Why.THROTTLED: Row(Fault.PROVIDER, AtSubmit.WAIT, AtPoll.AGAIN, False, "provider_unavailable"),
    Why.OVERLOADED: Row(Fault.PROVIDER, AtSubmit.WAIT, AtPoll.AGAIN, True, "provider_unavailable"),
    Why.NOT_FOUND: Row(Fault.OPERATOR, AtSubmit.NEXT, AtPoll.LOST, True, "provider_unavailable"),
    Why.INTERNAL: Row(Fault.PROVIDER, AtSubmit.NEXT, AtPoll.AGAIN, True, "provider_failed"),
    Why.UNREADABLE: Row(Fault.PROVIDER, AtSubmit.NEXT, AtPoll.AGAIN, True, "provider_failed"),
}
