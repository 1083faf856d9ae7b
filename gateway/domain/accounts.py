"""What a vendor's account says of itself, in words an operator can act on; and what its balance lets be held. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.charges import micros_of
from gateway.domain.verdicts import NoAnswer
from providers.contract import Account, AccountVerdict, Adapter, Charge, Refused, Unit, Why

AMOUNT_CHARS_MAX: Final = 32
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
ACCEPTED, REFUSED, UNTESTED = "accepted", "refused", "untested"

_REFUSALS: Final = {
    Why.UNAUTHORISED: (REFUSED, "the vendor refuses the credential; look at `api_key` and at the account's rights"),
    Why.NO_CREDIT: (ACCEPTED, "the account has no credit left"),
    Why.THROTTLED: (ACCEPTED, "the vendor asks for patience; try again later"),
    Why.NOT_FOUND: (UNTESTED, "what is there knows no such account or list; look at `base_url`"),
    Why.OVERLOADED: (UNTESTED, "the vendor cannot answer now; try again later"),
    Why.INTERNAL: (UNTESTED, "the vendor has trouble of its own; try again later"),
}
_FOREIGN: Final = "what answers there does not speak this vendor's contract; look at `base_url` and `adapter`"
_NOBODY: Final = "nobody answers there in time, in HTTP, with a good certificate; look at `base_url` and the network"


class Finding(Struct, frozen=True, kw_only=True):
    """What one look at an account found out. `reached` is None where nothing could be asked."""

    reached: bool | None
    credential: str = UNTESTED
    problem: str | None = None
    balance: Charge | None = None
    models: tuple[str, ...] = ()


class Standing(Struct, frozen=True, kw_only=True):
    """An account's balance as it was last read, for all replicas."""

    at_ms: int
    amount: str  # decimal text
    unit: Unit
    micros: int | None = None  # what that is worth; None: nobody said what a credit is
    bounds: bool = False  # it is the cap on what may be held there
    unread: bool = False  # nobody knows it yet: its cap lets nothing new in

    def that_bounds(self, bounds: bool) -> Standing:
        return replace(self, bounds=bounds)


UNREAD: Final = Standing(at_ms=0, amount="0", unit=Unit.USD, bounds=True, unread=True)
"""Of an account that shall bound what is held there, and was never read."""


def asks(adapter: Adapter[Any]) -> bool:
    """Whether looking at the account makes a call at all; not one is sent."""
    flow = adapter.account()
    try:
        next(flow)
    except StopIteration:
        return False
    finally:
        flow.close()
    return True


def finding_of(outcome: AccountVerdict | NoAnswer) -> Finding:
    match outcome:
        case Account(balance=balance, models=models):
            return Finding(reached=True, credential=ACCEPTED, balance=balance, models=models)
        case Refused(why=why):
            credential, problem = _REFUSALS.get(why, (UNTESTED, _FOREIGN))
            return Finding(reached=True, credential=credential, problem=problem)
        case NoAnswer(why=Why.OVERLOADED):
            return Finding(reached=False, problem=_NOBODY)
        case _:
            return Finding(reached=True, problem=_FOREIGN)


def standing_of(balance: Charge, rates: Iterable[int | None], at_ms: int) -> Standing | None:
    """`rates`: what a credit is worth by each of the account's price lists, in billionths of a dollar; the lowest
    counts. What an account owes is a balance of nothing. None for what is no number."""
    if len(balance.amount) > AMOUNT_CHARS_MAX or not _NUMBER.fullmatch(balance.amount):
        return None
    rate = min((one for one in rates if one is not None), default=None)
    owes = balance.amount.startswith("-")
    micros = 0 if owes else micros_of(balance, rate)
    return Standing(at_ms=at_ms, amount=balance.amount, unit=balance.unit, micros=micros)


def cap_micros(worth_micros: int, keep_micros: int, *, settled_micros: int, held_micros: int) -> int:
    """The cap on all that the account ever spent, under which no more can be held than it has left.

    What is held counts as not yet taken from the balance; where the vendor takes it at the start, that errs on the safe
    side until the clip is ready. A balance that sinks below what is held lets nothing new in, and is no overrun."""
    return settled_micros + max(worth_micros - keep_micros, held_micros)


def figure(standing: Standing) -> float:
    """The balance as a metric shows it."""
    return float(standing.amount)


def encode_standing(standing: Standing) -> bytes:
    return msgspec.json.encode(standing)


def decode_standing(data: bytes) -> Standing | None:
    """None for what is none of ours, or of another version."""
    try:
        return msgspec.json.decode(data, type=Standing)
    except msgspec.DecodeError:
        return None
