"""What an asset store is: the protocol, its records and its errors. Local files today, object storage later.

StorageAway    storing or reading failed, and it is ours: a full or missing disk. Tried again later
├── MediaAway  the child process that looks into clips could not be had
AssetMissing   the store works and holds no such file
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

NAME_CHARS_MAX: Final = 200
_NAME: Final = re.compile(r"[a-z0-9_-][a-z0-9_.-]*(/[a-z0-9_-][a-z0-9_.-]*)*", re.ASCII)


class StorageAway(Exception):
    """The message says what was attempted; the cause is chained."""


class MediaAway(StorageAway):
    pass


class AssetMissing(Exception):
    pass


class StoredFile(Struct, frozen=True):
    name: str
    size_bytes: int
    sha256: str


def checked_name(name: str) -> str:
    """A name that can leave its place on no system: lower case, no part begins with a dot. ValueError otherwise."""
    if len(name) > NAME_CHARS_MAX or _NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:NAME_CHARS_MAX]!r} is no name for an asset")
    return name


class Writer(Protocol):
    """One file that is being written. Without a commit nothing of it remains."""

    async def write(self, chunk: bytes) -> None: ...

    async def aside(self) -> Path:
        """Where everything written so far stands; others may read it there, or fill it, until the commit."""
        ...

    async def commit(self) -> StoredFile:
        """Make the file durable and visible under its name, in place of an older one. Once, and last."""
        ...


class Reader(Protocol):
    """One file that is open for reading."""

    async def next(self, bytes_max: int) -> bytes:
        """The next piece, at most so long; empty at the end."""
        ...


class AssetStore(Protocol):
    """Every method raises StorageAway for trouble with the storage, and ValueError for a name that is none."""

    def writer(self, name: str) -> AbstractAsyncContextManager[Writer]: ...

    def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to, not including, `end`, in pieces. AssetMissing if there is no such file."""
        ...

    def reader(self, name: str, start: int, end: int) -> AbstractAsyncContextManager[Reader]:
        """The same bytes for who says how long each piece may be; StorageAway where the file has fewer."""
        ...

    def path(self, name: str) -> Path:
        """Where the file stands, for who copies it. It need not exist."""
        ...

    async def size(self, name: str) -> int | None: ...

    async def delete(self, name: str) -> None:
        """Gone afterwards, whether it was there or not."""
        ...

    async def link_or_copy(self, source: str, target: str) -> None:
        """The same bytes under a second name, which lives and dies by itself."""
        ...

    async def free_bytes(self) -> int: ...

    async def try_out(self) -> float:
        """Write a small file down to the disk and remove it; the seconds that the disk took."""
        ...

    async def folder_id(self) -> str:
        """Names the storage itself: the same for all processes that share it, whatever path leads them there."""
        ...

    def names(self, *, older_s: float) -> AsyncIterator[list[str]]:
        """The names of all files that are older than this, in batches of no particular order."""
        ...
