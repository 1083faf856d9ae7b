"""`Prefer: wait=N` (RFC 7240): how long a client would like a look at its video to wait for a change.

A preference is never refused: what cannot be read, or is not known, is as if it had not been sent.
"""

from __future__ import annotations

import re
from typing import Final

HEADER_CHARS_MAX: Final = 1_024
_WAIT: Final = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE | re.ASCII)


def wait_s(header: str | None, most_s: int) -> int:
    """Seconds to wait at most; 0 where none is preferred. The first `wait` counts, as the RFC says."""
    if header is None or len(header) > HEADER_CHARS_MAX:
        return 0
    for one in header.split(","):
        found = _WAIT.fullmatch(one)
        if found is not None:
            return min(int(found.group(1)), most_s)
    return 0
