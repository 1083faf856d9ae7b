"""The sequence that every commit raises, as this gateway remembers it: a store that forgot commits is found out.

In memory it is exact; in the data directory it is at most a second late, so that a restarted gateway knows as well.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from gateway.store.outcomes import Rewound

WRITE_EVERY_S: Final = 0.5
DIGITS: Final = 20


class Remembered:
    """`path` None: nothing outlives this process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.seen = _read(path) if path else 0
        self.rewound: Rewound | None = None
        self._written = self.seen
        self._lower = False  # the file may have to forget as well

    @property
    def dirty(self) -> bool:
        return self._path is not None and self._written != self.seen

    def meet(self, seq: int, floor: int) -> None:
        """An answer carries `seq`; `floor` is what was known before its question left, since answers overtake."""
        if seq < floor:
            self.rewound = Rewound(max(self.seen, floor), seq)
            self.seen = seq
            self._lower = True
        elif seq > self.seen:
            self.seen = seq

    def write(self) -> None:
        """Keep it. Blocks on the disk: for a thread. The workers of one gateway share the file: the highest stays,
        unless this one has seen the store go back."""
        if self._path is None:
            return
        seen, lower = self.seen, self._lower
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if lower or seen > _number(os.pread(handle, DIGITS, 0)):
                os.pwrite(handle, f"{seen:0{DIGITS}d}\n".encode("ascii"), 0)
                os.fsync(handle)
        finally:
            os.close(handle)
        self._written = seen
        self._lower = self._lower and self.seen != seen


def _read(path: Path) -> int:
    try:
        return _number(path.read_bytes()[:DIGITS])
    except OSError:
        return 0


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
