"""A `Change`: everything that one decision does to the store, applied completely or not at all.

The store's script knows versions, money and due times; it never reads a state name. Whoever makes a Change has already
decided; whoever applies it only checks the fence.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from gateway.domain.audit import Deed
from gateway.domain.videos import Video


class Kind(StrEnum):
    HOLD = "hold"
    SETTLE = "settle"
    VOID = "void"
    ADJUST = "adjust"
    DISPUTE = "dispute"
    CARRY = "carry"


class Posting(Struct, frozen=True, kw_only=True):
    """One ledger entry. Counters move by (held, settled), which follow from the kind:

    hold +amount, 0 · settle -released, +amount · void -released, 0 · adjust 0, +amount (signed) ·
    dispute 0, 0: its amount waits outside the counters for an operator's word, which is an adjust that answers it ·
    carry 0, +amount (signed): what entries that were trimmed have added to its one counter; no change has it
    """

    id: str  # unique in the ledger: `<attempt id>:<kind>`, of an adjust with its number behind
    kind: Kind
    answers: str | None = None  # the entry that it answers
    amount_micros: int
    released_micros: int = 0  # of the hold it ends
    counters: tuple[str, ...]
    spared: int = 0  # so many of the first counters do not bear the amount: another does
    video: str
    attempt: str
    key_id: str
    project: str
    provider: str
    route: str
    model: str = ""  # as the client named it
    tags: str = ""  # a JSON object of texts; empty: none
    delivered: bool = False  # of a settle or an adjust: for the clip that its video shows
    dearest_micros: int = 0  # of the settle for that clip: what the dearest route that the plan kept would have cost
    presumed: bool = False
    ref: str = ""  # of an end: the vendor's handle on the job, as JSON; empty: it never had one
    reason: str = ""


class Binding(Struct, frozen=True):
    """(account, ref) belongs to one attempt, for ever."""

    account: str
    ref: str  # digest of the adapter's ref
    attempt: str


class AtProviders(Struct, frozen=True, kw_only=True):
    """What a change does at the providers, beside money."""

    ask: str = ""  # a submission leaves for this provider: it takes a permit
    again: str = ""  # or a resend
    lines: tuple[str, ...] = ()  # providers that the video waits or has waited for
    waits: bool = False  # it waits for all of these from now on; else for none
    begin: tuple[tuple[str, str], ...] = ()  # attempts in flight from now on, each with its provider
    done: tuple[str, ...] = ()  # attempts that are in flight no more
    paused: tuple[str, int] | None = None  # a provider asked not to be called before this time, ms


NOWHERE: Final = AtProviders()


class Message(Struct, frozen=True):
    """A delivery that is written with a change: it is on its way as soon as the change stands."""

    id: str
    lane: str
    record: bytes


class Change(Struct, frozen=True, kw_only=True):
    label: str  # names its kill points, its log line and its metric
    video: Video  # the new record; its version is the expected one plus one
    postings: tuple[Posting, ...] = ()
    binding: Binding | None = None
    window_until_ms: int = 0  # a hold counts into windows that end here; 0 without a hold
    due_ms: int | None = None  # when to look again; None: never, everything is closed
    aside: bool = False  # a change beside the video's life: its due time and its lease stay as they are
    keep_lease_ms: int = 0  # the holder goes on working: due after so long, still leased
    unlist: bool = False  # take it from the project's list (deleted)
    at: AtProviders = NOWHERE
    over: bool = False  # the video has just ended: no more in flight
    messages: tuple[Message, ...] = ()  # webhooks that tell of it
    deed: Deed | None = None  # what an operator did to bring it about: its entry in the audit log


class Repeat(Struct, frozen=True, kw_only=True):
    """How a repeated create is recognised. Names are digests."""

    key_name: str | None = None  # of an `Idempotency-Key`
    key_ttl_s: int = 86_400
    fingerprint: str  # of key and parsed fields, files by digest
    resend: bool = False  # the SDK says that it sends again
    resend_ttl_s: int = 1_440


class Admission(Struct, frozen=True, kw_only=True):
    change: Change
    key_hash: str
    repeat: Repeat | None = None
