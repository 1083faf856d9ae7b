"""The folder of a private store: one lock, one socket, one server at a time.

The lock is held by whoever started the server and by the server itself, which inherits it: it lives exactly as long as
either does, so nobody ever starts a second server on the same data, whatever died in which order.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from gateway.store.errors import StoreRefused

SOCKET_BYTES_MAX: Final = 103  # of the path: 104 with its end is the least that any system takes
NOTE_BYTES_MAX: Final = 4_096
LOOK_EVERY_S: Final = 0.05


class Note(Struct, frozen=True):
    """Who holds the lock, as the lock file says: a hint for those who wait, never a proof."""

    owner: int  # process id
    role: str  # "serve", or "command" for a short one
    socket: str


class Lock:
    """Held from `take` to `release`; a process that dies lets go by dying."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self.handle = -1

    def take(self) -> bool:
        """False if somebody has it."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self.handle = handle
        return True

    def wait(self, wait_s: float) -> bool:
        """Take it as soon as it is free; False if it was not in time."""
        until = time.monotonic() + wait_s
        while not self.take():
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def write(self, note: Note) -> None:
        data = msgspec.json.encode(note)
        os.ftruncate(self.handle, 0)
        os.pwrite(self.handle, data, 0)

    def read(self) -> Note | None:
        """Who has it, if that can be read."""
        try:
            with self.path.open("rb") as file:
                return msgspec.json.decode(file.read(NOTE_BYTES_MAX), type=Note)
        except (OSError, msgspec.DecodeError):
            return None

    def release(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def make_data_dir(data: Path) -> None:
    """DATA, for this user alone; the folders above it as the system makes them. OSError."""
    data.absolute().parent.mkdir(parents=True, exist_ok=True)
    data.mkdir(mode=0o700, exist_ok=True)


def folder_of(data: Path) -> Path:
    """DATA/redis, made if need be, for this user alone."""
    folder = data.absolute() / "redis"
    try:
        make_data_dir(data)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreRefused(f"the data directory {data} cannot be used: {error.strerror}") from error
    return folder


def served(data: Path) -> bool:
    """Whether a living gateway says that it has this data directory. A hint, as the note is: the lock decides."""
    note = Lock(folder_of(data)).read()
    return note is not None and note.role == "serve" and alive(note.owner)


def own(data: Path, wait_s: float) -> Lock:
    """The data directory itself, for a gateway whose store is elsewhere: sockets, figures and what it remembers of the
    store are one gateway's alone. StoreRefused if another has it; one that was killed lets go within `wait_s`."""
    lock = Lock(data)
    note = lock.read()
    if not lock.wait(0.0 if note is not None and alive(note.owner) else wait_s):
        who = f"process {note.owner}" if note is not None else "another process"
        raise StoreRefused(f"the data directory {data} is in use by {who}; give each replica one of its own")
    lock.write(Note(os.getpid(), "serve", ""))
    return lock


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def socket_of(folder: Path, name: str = "valkey.sock") -> Path:
    """Where a server of ours listens: in its folder, or, where that path is too long for a socket, in a place of this
    user's that is named after it."""
    path = folder / name
    if len(os.fsencode(path)) <= SOCKET_BYTES_MAX:
        return path
    short = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16] + ".sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    # A folder in a place that everybody may write to is used only if nobody else made it.
    own = Path(tempfile.gettempdir()) / f"telecine-{os.getuid()}"
    with suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
    places: list[Path] = [Path(runtime), own] if runtime else [own]
    for place in places:
        path = place / short
        if _private(place) and len(os.fsencode(path)) <= SOCKET_BYTES_MAX:
            return path
    why = "is no directory of this user's alone" if not _private(own) else "is too long as well"
    raise StoreRefused(f"the path {folder} is too long for a socket, and {own}, which would take its place, {why}")


def _private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
