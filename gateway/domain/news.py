"""What can happen to a video: the closed list of news. Each names the attempt it is about, by ordinal."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from gateway.domain.videos import CancelSaid, StoredAsset
from providers.contract import Charge, Ref, Remote, Why


class Ask(Struct, frozen=True):
    """The runner is about to submit a planned attempt: committed before a byte leaves."""

    attempt: int
    send_by_ms: int


class AskAgain(Struct, frozen=True):
    """The runner is about to resend a doubtful attempt with its key."""

    attempt: int
    send_by_ms: int


class Lined(Struct, frozen=True):
    """No provider takes the queued attempt now: it waits for its turn at these, and those it waits for already."""

    attempt: int
    providers: tuple[str, ...]


class Rerouted(Struct, frozen=True):
    """Another route takes the queued video, which was not sent yet."""

    attempt: int
    route: str


class Took(Struct, frozen=True):
    """The vendor has the job: accepted, found, or named by a callback and looked at."""

    attempt: int
    ref: Ref


class Named(Struct, frozen=True):
    """A callback under our own HMAC says that this is the attempt's job. To be looked at before it is believed."""

    attempt: int
    ref: Ref


class Misnamed(Struct, frozen=True):
    """The job that a callback named is another one, or nobody can say."""

    attempt: int


class Made(Struct, frozen=True, kw_only=True):
    """The clip is ready at the vendor."""

    attempt: int
    assets: tuple[Remote, ...]
    charged: Charge | None = None
    ref: Ref | None = None


class Declined(Struct, frozen=True, kw_only=True):
    """A submission was refused. Of a resend it proves nothing about the first sending."""

    attempt: int
    why: Why
    message: str = ""
    retry_after_s: float | None = None
    resend: bool = False


class Unsent(Struct, frozen=True):
    """No byte of the submission left. `blame`: whether that speaks against the route."""

    attempt: int
    message: str
    resend: bool = False
    blame: bool = True


class Doubted(Struct, frozen=True):
    """The submission may have arrived and nobody knows. `blame` as above."""

    attempt: int
    message: str
    resend: bool = False
    blame: bool = True


class Progressed(Struct, frozen=True):
    attempt: int
    progress: int | None


class Broke(Struct, frozen=True, kw_only=True):
    """The accepted job ended without a clip."""

    attempt: int
    why: Why
    message: str = ""
    charged: Charge | None = None
    free: bool | None = None


class Lost(Struct, frozen=True):
    """A poll was told that there is no such job."""

    attempt: int


class NotFound(Struct, frozen=True):
    """A complete find, late enough to prove something, held nothing like the submission. Two of them are a proof;
    `certain`: this one is, by an operator's word."""

    attempt: int
    certain: bool = False


class Likely(Struct, frozen=True):
    """A find saw jobs of which one may be this submission: for an operator to decide."""

    attempt: int
    refs: tuple[Ref, ...]


class Stored(Struct, frozen=True):
    """The clip is in our storage and is what was asked for."""

    attempt: int
    assets: tuple[StoredAsset, ...]


class WrongFile(Struct, frozen=True):
    """A file arrived whole and is not what was asked for."""

    attempt: int
    reason: str


class LinkStale(Struct, frozen=True):
    attempt: int


class FailOver(Struct, frozen=True):
    """The route's policy moves the video on although the attempt is in doubt."""

    attempt: int


class Late(Struct, frozen=True):
    """The running attempt has taken longer than its route's policy waits for it."""

    attempt: int


class CancelAsked(Struct, frozen=True):
    attempt: int


class CancelConfirmed(Struct, frozen=True, kw_only=True):
    attempt: int
    charged: Charge | None = None
    free: bool | None = None


class CancelFailed(Struct, frozen=True):
    """Too late, or the vendor cannot: poll on."""

    attempt: int
    said: CancelSaid = CancelSaid.TOO_LATE


class GiveUp(Struct, frozen=True):
    """The deadline has come; for an abandoned attempt, the time to follow it is over."""

    attempt: int


class Poisoned(Struct, frozen=True):
    """Claimed several times and never committed: it may be killing its runners."""

    attempt: int


News: TypeAlias = (
    Ask
    | AskAgain
    | Lined
    | Rerouted
    | Took
    | Named
    | Misnamed
    | Made
    | Declined
    | Unsent
    | Doubted
    | Progressed
    | Broke
    | Lost
    | NotFound
    | Likely
    | Stored
    | WrongFile
    | LinkStale
    | FailOver
    | Late
    | CancelAsked
    | CancelConfirmed
    | CancelFailed
    | GiveUp
    | Poisoned
)

LABELS: dict[type, str] = {
    Ask: "ask",
    AskAgain: "resend",
    Lined: "lined",
    Rerouted: "rerouted",
    Took: "accepted",
    Named: "named",
    Misnamed: "misnamed",
    Made: "finished",
    Declined: "refused",
    Unsent: "not_sent",
    Doubted: "doubted",
    Progressed: "progressed",
    Broke: "broke",
    Lost: "lost",
    NotFound: "not_received",
    Likely: "likely",
    Stored: "stored",
    WrongFile: "wrong_file",
    LinkStale: "link_stale",
    FailOver: "fail_over",
    Late: "late",
    CancelAsked: "cancel",
    CancelConfirmed: "cancelled",
    CancelFailed: "cancel_failed",
    GiveUp: "give_up",
    Poisoned: "poisoned",
}
"""The name of each piece of news in commits, logs and kill points."""
