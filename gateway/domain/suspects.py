"""Suspects: videos that were claimed several times and never committed. One of them may be killing its runners. Pure.

Whoever dies takes along all that it was working on, so most suspects are innocent. The more often one was claimed in
vain, the fewer others it may be stepped beside, in the end alone: what dies then, twice, is poisoned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

BESIDE: Final[Mapping[int, int]] = {3: 16, 4: 16, 5: 4, 6: 1, 7: 1}
"""By claims without a commit: how many suspects one runner may step at the same time."""
SUSPECT_FROM: Final = min(BESIDE)
CLAIMS_MAX: Final = max(BESIDE)
"""More of them: the video is poisoned, and nobody touches it again."""


def may_step(claims: int, running: Iterable[int]) -> bool:
    """Whether a video may be stepped now, beside those that run already (the claims of each)."""
    if not SUSPECT_FROM <= claims <= CLAIMS_MAX:
        return True
    suspects = [one for one in running if SUSPECT_FROM <= one <= CLAIMS_MAX]
    return len(suspects) < min(BESIDE[one] for one in (claims, *suspects))
