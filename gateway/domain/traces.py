"""A video's trace: where it belongs (W3C `traceparent`), and the ids of the spans that every process can reckon.

Pure. The span of a video and those of its attempts are told by whoever sees them end, often another process than the
one that saw them begin; so their ids follow from the trace and from their names, and nobody has to keep them.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from msgspec import Struct

from gateway.domain.videos import Video, attempt_id

# A version that is not known yet may say more behind the flags.
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
NEVER: Final = "ff"
SAMPLED: Final = 1


class Place(Struct, frozen=True):
    """A span within its trace: what others begin below."""

    trace: str  # 32 hex digits
    span: str  # 16 hex digits


class Given(Struct, frozen=True):
    """What a client says."""

    place: Place
    sampled: bool


def read_traceparent(header: str | None) -> Given | None:
    """None where it cannot be read: then it is as if none had been sent."""
    found = _TRACEPARENT.fullmatch(header) if header is not None and len(header) <= 512 else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == NEVER or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    return Given(Place(trace, span), bool(int(flags, 16) & SAMPLED))


def written(place: Place) -> str:
    """As a video's record keeps it: a `traceparent` that is sampled, for others are not kept."""
    return f"00-{place.trace}-{place.span}-01"


def below(place: Place, name: str) -> Place:
    """The one span of this name in the trace."""
    digest = hashlib.blake2b(f"{place.trace} {name}".encode(), digest_size=8).hexdigest()
    return Place(place.trace, digest if int(digest, 16) else "1".zfill(16))


def root_of(video: Video) -> Place | None:
    """The span of the request that made it; None where it has no trace."""
    given = read_traceparent(video.trace) if video.trace else None
    return None if given is None else given.place


def of_video(video: Video) -> Place | None:
    """The span from its creation to its end."""
    root = root_of(video)
    return None if root is None else below(root, video.id)


def of_attempt(video: Video, ordinal: int) -> Place | None:
    """The span from the sending of an attempt to its end."""
    root = root_of(video)
    return None if root is None else below(root, attempt_id(video.id, ordinal))
