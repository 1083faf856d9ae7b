"""Random bytes for the names that a process gives: fetched from the kernel by the kilobyte.

A create takes three names, and on a virtual machine a call of the kernel's source costs as much as the rest of naming.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

FETCHED_BYTES: Final = 4_096
NAME_BYTES_MAX: Final = 24
"""More than a name has is for a secret, and no secret lies in memory before it is made."""


class Entropy:
    """As `os.urandom`, for one thread of a process that does not fork: each byte is given once."""

    def __init__(self, source: Callable[[int], bytes] = os.urandom) -> None:
        self._source = source
        self._fetched = b""
        self._given = 0

    def __call__(self, count: int) -> bytes:
        if count > NAME_BYTES_MAX:
            return self._source(count)
        begin, end = self._given, self._given + count
        if end > len(self._fetched):
            self._fetched, begin, end = self._source(FETCHED_BYTES), 0, count
        self._given = end
        return self._fetched[begin:end]
