"""One configuration file, watched and written: was it edited, is the edit finished, and what stands in it.

Looked at by `stat`, ten times a second: that costs nothing, works over every file system, and follows links that are
swapped, which is how Kubernetes changes a file.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from gateway.config.document import FILE_BYTES_MAX
from gateway.domain.config_versions import config_digest

Mark: TypeAlias = "tuple[int, int, int, int] | None"


class Missing(Struct, frozen=True):
    """There is no text to read. `reason` fits behind "the file"."""

    reason: str


class ConfigOnDisk:
    """`digest`: of the text that was last read and dealt with; empty while there is none."""

    def __init__(self, path: Path, text: bytes) -> None:
        self.path = path
        self.digest = config_digest(text)
        self._mark: Mark = None  # what the text of `digest` was read at
        self._seen: Mark = None

    def edited(self) -> bytes | Missing | None:
        """A text that nobody has dealt with yet, once the file has stood still between two looks: whoever writes it in
        pieces is done. Missing, once, if it cannot be read."""
        mark = self._look()
        still, self._seen = mark == self._seen, mark
        if not still or mark == self._mark:
            return None
        self._mark = mark
        text = self._read()
        digest = _digest(text)
        if digest == self.digest:
            return None
        self.digest = digest
        return text

    def again(self, digest: str) -> None:
        """What was just read could not be dealt with: it is found once more, as an edit of the text of this digest."""
        self.digest, self._mark = digest, None

    def write(self, text: bytes) -> None:
        """Whole or not at all, also for who reads it at this moment and for a machine that loses power. OSError. What a
        link leads to is written, not the link."""
        target = Path(os.path.realpath(self.path))
        mode = target.stat().st_mode & 0o777
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(target)
        except OSError:
            with suppress(OSError):
                Path(name).unlink()
            raise
        self.digest = config_digest(text)
        self._mark = self._seen = self._look()

    def unchanged(self) -> bool:
        """Whether the file still has the text that was last dealt with."""
        return _digest(self._read()) == self.digest

    def _look(self) -> Mark:
        try:
            found = self.path.stat()
        except OSError:
            return None
        if stat.S_ISFIFO(found.st_mode):
            return None  # a pipe is read once, and again would wait for ever
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev

    def _read(self) -> bytes | Missing:
        try:
            with open(self.path, "rb", opener=_at_once) as file:
                pipe = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
                return Missing("is a pipe") if pipe else file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return Missing("is gone")
        except OSError as error:
            return Missing(f"cannot be read: {error.strerror}")


def _digest(text: bytes | Missing) -> str:
    return "" if isinstance(text, Missing) else config_digest(text)


def _at_once(path: str, flags: int) -> int:
    """Opening a pipe would wait for who writes it."""
    return os.open(path, flags | os.O_NONBLOCK)
