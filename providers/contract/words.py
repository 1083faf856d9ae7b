"""Words that everything in the contract uses: JSON, an adapter's handle on a job, why a clip was not made, sizes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    Json = Any  # msgspec reads annotations when it decodes and knows no alias that speaks of itself

Ref: TypeAlias = dict[str, Json]
"""An adapter's own handle on a job (id, kind of task, host, follow-up URL): opaque to everyone else, at most 4 KB."""

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
"""All that a client may send."""

REPLY_BYTES_MAX = 4 * 1024 * 1024
IMAGE_BYTES_MAX = 20 * 1024 * 1024


class Why(StrEnum):
    """Why a vendor did not make a clip. Routing reads nothing else."""

    INVALID = "invalid"  # can never work there
    BLOCKED = "blocked"  # moderation
    UNAUTHORISED = "unauthorised"
    NO_CREDIT = "no_credit"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    NOT_FOUND = "not_found"
    INTERNAL = "internal"
    UNREADABLE = "unreadable"


class Unreadable(Exception):
    """A reply that does not look as the vendor's contract says. The message names what was missing, never the body."""


class Verb(StrEnum):
    CREATE = "create"
    REMIX = "remix"
    EDIT = "edit"
    EXTEND = "extend"


class Size(Struct, frozen=True, order=True):
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, text: str) -> Size:
        """`1280x720` -> Size. ValueError for anything else."""
        width, _, height = text.partition("x")
        if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit() and len(text) <= 11):
            raise ValueError(f"{text!r} is not a size such as 1280x720")
        return cls(int(width), int(height))
