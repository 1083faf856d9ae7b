"""Verdicts: what a flow may return, one closed list for each verb."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from providers.contract.words import Json, Ref, Why


class Unit(StrEnum):
    USD = "usd"
    CREDITS = "credits"
    TOKENS = "tokens"
    SECONDS = "seconds"


class Charge(Struct, frozen=True):
    """What the vendor says it took, in its own number and unit; `amount` is decimal text, never a float."""

    amount: str
    unit: Unit = Unit.USD


class AssetKind(StrEnum):
    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"


class Remote(Struct, frozen=True, kw_only=True):
    """A rendered file at the vendor. `link` is a URL or path for `download`; None where the ref alone leads there."""

    kind: AssetKind = AssetKind.VIDEO
    link: str | None = None
    media_type: str = "video/mp4"
    expires_ms: int | None = None


class Accepted(Struct, frozen=True):
    ref: Ref


class Running(Struct, frozen=True):
    progress: int | None = None  # percent, 0 to 99
    odd_word: str | None = None  # the state, where nobody knows the word and the job is taken to go on


class Finished(Struct, frozen=True, kw_only=True):
    assets: tuple[Remote, ...]
    charged: Charge | None = None
    ref: Ref | None = None  # set when a submission answers with the finished clip at once


class Broken(Struct, frozen=True, kw_only=True):
    """The job was accepted and ended without a clip. `free`: the vendor's word on money, None where it says nothing."""

    why: Why
    message: str = ""
    charged: Charge | None = None
    free: bool | None = None


class Refused(Struct, frozen=True, kw_only=True):
    """The vendor said no. After a call that starts work the driver believes it only from a readable 4xx of the vendor's
    own, or under a `proof` that the adapter declares in `nothing_made`."""

    why: Why
    message: str = ""
    retry_after_s: float | None = None
    proof: str | None = None


class KeyUsed(Struct, frozen=True):
    """The vendor knows this idempotency key already: the first sending arrived."""

    ref: Ref | None = None


class Cancelled(Struct, frozen=True, kw_only=True):
    charged: Charge | None = None
    free: bool | None = None


class TooLate(Struct, frozen=True):
    """The job had ended before the cancel came; poll it."""


class CannotCancel(Struct, frozen=True):
    message: str = ""


class Exactly(Struct, frozen=True):
    ref: Ref


class Probably(Struct, frozen=True):
    refs: tuple[Ref, ...]


class NotReceived(Struct, frozen=True):
    """The vendor's complete list was read and holds nothing like it."""


class CannotTell(Struct, frozen=True):
    message: str = ""


class Account(Struct, frozen=True, kw_only=True):
    balance: Charge | None = None
    models: tuple[str, ...] = ()


class Load(Struct, frozen=True):
    """How many jobs wait and run at a server now, of whoever asked; None where it does not tell."""

    jobs: int | None = None


class Probed(Struct, frozen=True, kw_only=True):
    """What an unknown server turned out to be, and what `config.yaml` would say of it. `settings` is None where this
    adapter is not the one for it; `models` are those that render videos, with their price in dollars where one is
    told: for a clip or for each second of it, which servers do not say."""

    findings: tuple[str, ...]  # whole sentences, without anything secret
    settings: dict[str, Json] | None = None
    models: dict[str, str | None] = {}


SubmitVerdict: TypeAlias = Accepted | Finished | Refused | KeyUsed
PollVerdict: TypeAlias = Running | Finished | Broken | Refused
CancelVerdict: TypeAlias = Cancelled | TooLate | CannotCancel | Refused
FindVerdict: TypeAlias = Exactly | Probably | NotReceived | CannotTell
CharacterVerdict: TypeAlias = Accepted | Refused
AccountVerdict: TypeAlias = Account | Refused
ProbeVerdict: TypeAlias = Probed | Refused
LoadVerdict: TypeAlias = Load | Refused
