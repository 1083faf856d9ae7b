"""A directory of files named by their content, bounded in bytes: what was used longest ago goes first."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ASIDE = ".part"


class Shelf:
    def __init__(self, root: Path, bytes_max: int) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root = root
        self._bytes_max = bytes_max
        self._aside = 0
        for left_over in root.glob(f"*{ASIDE}"):
            left_over.unlink(missing_ok=True)

    def find(self, name: str) -> Path | None:
        """The file, marked as used."""
        path = self.root / name
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def aside(self) -> Path:
        """A path to write to before the name is known."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)  # somebody may have cleaned up
        self._aside += 1
        return self.root / f"{os.getpid()}-{self._aside}{ASIDE}"

    def put(self, written: Path, name: str) -> Path:
        """Give a finished file its name, and make room for it."""
        path = self.root / name
        written.replace(path)
        self._trim(keep=path)
        return path

    def _trim(self, keep: Path) -> None:
        found = []
        with os.scandir(self.root) as entries:
            for entry in entries:
                if not entry.name.endswith(ASIDE):
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat()
                        found.append((status.st_mtime_ns, status.st_size, Path(entry.path)))
        excess = sum(size for _, size, _ in found) - self._bytes_max
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            if path != keep:
                path.unlink(missing_ok=True)
                excess -= size
