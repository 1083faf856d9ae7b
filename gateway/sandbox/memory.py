"""What the vendor remembers beside the ids: which key made which job, in which order, and what was cancelled.

In memory, and in one append-only file so that a restart forgets nothing. Both are bounded: the oldest jobs leave the
list (their ids go on working), and the list says from when on it is complete.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

JOBS_MAX = 20_000
LINE_BYTES_MAX = 8_192


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line of the file: a job as it was made, or again when it was cancelled."""

    id: str
    at_ms: int
    key: str = ""
    digest: str = ""  # of the request that made it
    cancelled: bool = False


class Memory:
    def __init__(self, path: Path, jobs_max: int = JOBS_MAX) -> None:
        self._path = path
        self._jobs_max = jobs_max
        self._entries: dict[str, Entry] = {}  # oldest first
        self._by_key: dict[str, str] = {}
        self.complete_since_ms = 0
        self._lines = 0
        for entry in _read(path):
            self._take(entry)
            self._lines += 1
        self._file: BinaryIO = self._rewrite()

    def close(self) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Remember a job, or that it was cancelled. OSError leaves everything as it was."""
        if self._lines >= 2 * self._jobs_max:
            shortened = self._rewrite()
            self._file.close()
            self._file = shortened
        self._append(msgspec.json.encode(entry) + b"\n")
        self._lines += 1
        self._take(entry)

    def by_key(self, key: str) -> Entry | None:
        return self._entries.get(self._by_key.get(key, ""))

    def cancelled(self, job: str) -> bool:
        entry = self._entries.get(job)
        return entry is not None and entry.cancelled

    def entry(self, job: str) -> Entry | None:
        return self._entries.get(job)

    def between(self, since_ms: int, until_ms: int) -> list[Entry]:
        return [entry for entry in self._entries.values() if since_ms <= entry.at_ms <= until_ms]

    def _take(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        if entry.key:
            self._by_key[entry.key] = entry.id
        while len(self._entries) > self._jobs_max:
            oldest = self._entries.pop(next(iter(self._entries)))
            self._by_key.pop(oldest.key, None)
            self.complete_since_ms = oldest.at_ms + 1

    def _append(self, line: bytes) -> None:
        """The whole line or nothing of it: a disk that fills takes a part, and the next line would join that."""
        written = self._file.write(line)
        if written < len(line):
            self._file.truncate(self._file.tell() - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def _rewrite(self) -> BinaryIO:
        """Leave only what is remembered in the file, and append to that from now on. OSError leaves all as it was."""
        aside = self._path.with_suffix(".new")
        with aside.open("wb") as file:
            file.writelines(msgspec.json.encode(entry) + b"\n" for entry in self._entries.values())
        shortened = aside.open("ab", buffering=0)
        try:
            aside.replace(self._path)
        except OSError:
            shortened.close()
            raise
        self._lines = len(self._entries)
        return shortened


def _read(path: Path) -> Iterator[Entry]:
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(Entry)
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                continue  # the last line of a process that was killed while writing
