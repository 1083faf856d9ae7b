"""What the store answers: expected outcomes are values, for the caller to choose by."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.domain.ledger import Entry
from gateway.domain.limits import Limited, Rate
from gateway.domain.videos import Video

# --- admit -------------------------------------------------------------------------------------------------------


class Crossed(Struct, frozen=True):
    """A budget has reached a part of its cap that was not told yet in this window."""

    counter: str
    percent: int  # more than 100: above the cap
    total_micros: int
    cap_micros: int


def crossed_of(rows: Sequence[Any]) -> tuple[Crossed, ...]:
    """As scripts answer it."""
    return tuple(Crossed(counter.decode(), percent, int(total), int(cap)) for counter, percent, total, cap in rows)


class Admitted(Struct, frozen=True):
    """The video is durable. Also when it already was: the same admission may be made again."""

    now_ms: int  # the store's time
    seq: int
    crossed: tuple[Crossed, ...] = ()
    rate: Rate | None = None


class Capped(Struct, frozen=True):
    """A cap does not allow a hold; nothing was written. The sums are those before it."""

    counter: str
    cap_micros: int
    held_micros: int
    settled_micros: int


class Repeated(Struct, frozen=True):
    """The same create came before; nothing was written. Its video, which may have been deleted meanwhile."""

    video_id: str


class Reused(Struct, frozen=True):
    """The Idempotency-Key belongs to another request."""


class KeyGone(Struct, frozen=True):
    """The key is unknown, revoked or expired, or its project is closed."""


class WindowPassed(Struct, frozen=True):
    """The day that a hold counts into is over. Make the Change again, for the ledger's time."""

    now_ms: int


AdmitOutcome: TypeAlias = Admitted | Repeated | Reused | KeyGone | Limited | Capped | WindowPassed

# --- characters --------------------------------------------------------------------------------------------------


class Begun(Struct, frozen=True):
    """Nobody makes it yet: it is to be made."""


class Making(Struct, frozen=True):
    """An earlier sending of the same request is at it."""


class MadeBefore(Struct, frozen=True):
    """An earlier sending of the same request made it."""

    character_id: str


class UnknownBefore(Struct, frozen=True):
    """An earlier sending may have made it; nobody knows."""


BeginOutcome: TypeAlias = Begun | Making | MadeBefore | UnknownBefore | Reused

# --- commit ------------------------------------------------------------------------------------------------------


class Committed(Struct, frozen=True):
    """Applied, now or when the same commit was made before."""

    now_ms: int
    seq: int
    crossed: tuple[Crossed, ...] = ()
    confirmed: bool = True  # False: fewer replicas had it in time than are waited for; it stands all the same


class Stale(Struct, frozen=True):
    """The record has moved since it was read, or the lease that the Change wants to keep is another's. Reread."""


class RefTaken(Struct, frozen=True):
    """Another attempt has this (account, ref)."""

    attempt: str


class Busy(Struct, frozen=True):
    """The provider takes no submission now, or it is another video's turn; nothing was written."""

    why: str  # paused, rpm, concurrency, line
    until_ms: int  # at least; 0: nobody knows


CommitOutcome: TypeAlias = Committed | Stale | RefTaken | Capped | WindowPassed | Busy

# --- providers ---------------------------------------------------------------------------------------------------


class RoomAt(Struct, frozen=True):
    """Which provider would take a submission now; None: none of them, and the soonest time that one named (0: none)."""

    provider: str | None
    until_ms: int = 0
    why: str = ""  # as of `Busy`, of the last that was asked


# --- due videos --------------------------------------------------------------------------------------------------


class Claimed(Struct, frozen=True):
    video: Video
    token: str  # of the lease
    claims: int  # since the last commit or rest, this one included: many mean that the video kills who works on it
    due_ms: int  # when it should have been looked at


class Claims(Struct, frozen=True):
    now_ms: int
    videos: list[Claimed]
    unreadable: list[str] = []  # leased as well, but their records are missing or not ours to read


class Rest(Struct, frozen=True):
    """Let go of a lease without a change. `due_ms` None: nothing of the video is open any more."""

    video_id: str
    token: str
    due_ms: int | None


# --- trimming ----------------------------------------------------------------------------------------------------


class Line(Struct, frozen=True):
    """An entry with its place in the ledger; None: of a kind that this gateway does not know."""

    id: str
    entry: Entry | None


class Trim(StrEnum):
    TRIMMED = "TRIMMED"
    MOVED = "MOVED"  # an entry is not there any more: another was faster
    READING = "READING"  # somebody reads the whole ledger
    KEPT = "KEPT"  # a record is there, or an entry is too young, open, not rolled up, or not the only one left behind


# --- reading -----------------------------------------------------------------------------------------------------


class Face(Struct, frozen=True):
    project: str
    public: bytes  # JSON


class Sight(Struct, frozen=True):
    """What is to be seen of a video at a version of its record; version 0: there is none."""

    version: int
    face: bytes  # its public JSON; empty where it was deleted


GONE: Final = Sight(0, b"")


class Page(Struct, frozen=True):
    faces: list[bytes]
    has_more: bool


# --- projects ----------------------------------------------------------------------------------------------------


class NameTaken(Struct, frozen=True):
    project_id: str


class ProjectGone(Struct, frozen=True):
    """There is no such project, or it is closed."""


# --- the sequence ------------------------------------------------------------------------------------------------


class Rewound(Struct, frozen=True):
    """The store has forgotten commits that this gateway saw: a restored backup, a replica that took over too early."""

    remembered: int
    met: int
    promoted: bool = False  # known by the server's history, not by the sequence: a replica took over
