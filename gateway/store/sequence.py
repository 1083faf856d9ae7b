"""The sequence that every commit raises, and the server's identity, as this gateway remembers them: a store that forgot
commits is found out.

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
BYTES_MAX: Final = 128


class Remembered:
    """`path` None: nothing outlives this process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.seen, self.server = _read(path) if path else (0, "")
        self.rewound: Rewound | None = None
        self._written = (self.seen, self.server)
        self._lower = False  # the file may have to forget as well

    @property
    def dirty(self) -> bool:
        return self._path is not None and self._written != (self.seen, self.server)

    def meet(self, seq: int, floor: int) -> None:
        """An answer carries `seq`; `floor` is what was known before its question left, since answers overtake."""
        if seq < floor:
            self.rewound = Rewound(max(self.seen, floor), seq)
            self.seen = seq
            self._lower = True
        elif seq > self.seen:
            self.seen = seq

    def meet_server(self, replid: str, replid2: str) -> None:
        """The server names its history (`master_replid`), and the one it left (`master_replid2`). Who left the one that
        is remembered was its replica, and may not have had every commit; a new name alone is a plain restart."""
        if self.server and self.server == replid2 != replid:
            self.rewound = Rewound(self.seen, self.seen, promoted=True)
        self.server = replid

    def write(self) -> None:
        """Keep it. Blocks on the disk: for a thread. The workers of one gateway share the file: the highest stays,
        unless this one has seen the store go back."""
        if self._path is None:
            return
        seen, server, lower = self.seen, self.server, self._lower
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            text = os.pread(handle, BYTES_MAX, 0)
            kept = seen if lower else max(seen, _number(text[:DIGITS]))
            ours = f"{kept:0{DIGITS}d}\n{server}\n".encode("ascii")
            if ours != text:
                os.pwrite(handle, ours, 0)
                os.ftruncate(handle, len(ours))
                os.fsync(handle)
        finally:
            os.close(handle)
        self._written = (seen, server)
        self._lower = self._lower and self.seen != seen


def _read(path: Path) -> tuple[int, str]:
    try:
        text = path.read_bytes()[:BYTES_MAX]
    except OSError:
        return 0, ""
    server = text[DIGITS:].strip()
    return _number(text[:DIGITS]), server.decode("ascii") if server.isalnum() and server.isascii() else ""


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
