"""The blocking half of the local store: what happens to files, call by call. Runs in threads, never on the loop: but
for a piece that the kernel has in memory.

A handle may be closed by one thread while another is still busy with it (a cancelled download): its lock makes the
close wait, so no call ever meets a file descriptor that was given to somebody else.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gateway.assets.store import AssetMissing, StorageAway, StoredFile

# 50 MB through a loopback socket on two cores, file cached: 200 MB/s in pieces of 64 KiB, 640 of 256, 1,100 of 512 (the
# hops between threads cost more than the bytes), 1,100 with sendfile. A reader holds two pieces.
READ_BYTES: Final = 512 * 1024
# Where files cannot be locked, silence of an hour tells that a writer is dead: no video lives longer.
SILENT_S_MAX: Final = 3_600
TRIAL_BYTES: Final = 4_096
ID_BYTES_MAX: Final = 64
_CREATE_TRIES: Final = 8
_NOWAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)
_NO_LINKS: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})


@contextmanager
def our_errors(what: str) -> Iterator[None]:
    """Whatever the disk says, failing to store is ours."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "an unnamed error")
        raise StorageAway(f"cannot {what}: {name}") from error


class Aside:
    """A file that is being written, locked so that a sweeper knows it is alive."""

    def __init__(self, folder: Path) -> None:
        self._guard = threading.Lock()
        self._fd, self.path = _create_locked(folder)
        self._open = True

    def write(self, pieces: list[bytes]) -> None:
        with self._guard:
            self._check_open()
            rest = memoryview(b"".join(pieces))
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def commit(self, name: str, place: Path) -> StoredFile:
        """The digest is taken from what stands on the disk, whoever wrote it."""
        with self._guard:
            self._check_open()
            os.fsync(self._fd)
            with self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size_bytes = os.fstat(file.fileno()).st_size
            _make_folder(place.parent)
            self.path.replace(place)
            self._close()
            _sync_folder(place.parent)
            return StoredFile(name, size_bytes, digest)

    def discard(self) -> None:
        with self._guard:
            if self._open:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
                self._close()

    def _check_open(self) -> None:
        if not self._open:
            raise OSError(errno.EBADF, "the file is committed or discarded")

    def _close(self) -> None:
        self._open = False
        with suppress(OSError):  # everything that matters was synced
            os.close(self._fd)


class Reading:
    """A file that is being read from `start` to `end`."""

    def __init__(self, place: Path, start: int, end: int | None) -> None:
        self._guard = threading.Lock()
        self._at, self._end = start, end
        with _told_from_a_lost_disk(place):
            self._fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        self._open = True

    def at_hand(self, bytes_max: int) -> bool:
        """Whether the kernel has the last byte of the next piece in memory; what lies before it is then there as well,
        for it reads ahead."""
        if _NOWAIT is None or not self._open:
            return False
        at = self._at + bytes_max if self._end is None else min(self._at + bytes_max, self._end)
        try:
            return os.preadv(self._fd, [bytearray(1)], at - 1, _NOWAIT) == 1
        except OSError:
            return False

    def next(self, bytes_max: int = READ_BYTES) -> bytes:
        """The next piece, empty at the end."""
        with self._guard:
            wanted = bytes_max if self._end is None else min(bytes_max, self._end - self._at)
            if wanted <= 0 or not self._open:
                return b""
            piece = os.pread(self._fd, wanted, self._at)
            if not piece and self._end is not None:
                raise OSError(errno.EIO, "the file is shorter than it was")
            self._at += len(piece)
            return piece

    def discard(self) -> None:
        with self._guard:
            if self._open:
                self._open = False
                os.close(self._fd)


def prepare(*folders: Path) -> None:
    for folder in folders:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def sweep(folder: Path, now_s: float) -> int:
    """Remove what dead writers left aside. How many files that were."""
    swept = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # its writer ended meanwhile
                swept += _sweep_one(Path(entry.path), now_s)
    return swept


def names_in(folder: Path, before_s: float) -> list[str]:
    """The files there that were last written before a time; none where there is no such folder."""
    found = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # it was removed meanwhile
                if entry.stat().st_mtime < before_s:
                    found.append(entry.name)
    return found


def size_of(place: Path) -> int | None:
    try:
        with _told_from_a_lost_disk(place):
            return place.stat().st_size
    except AssetMissing:
        return None


def remove(place: Path) -> None:
    try:
        with _told_from_a_lost_disk(place):
            place.unlink()
    except AssetMissing:
        return


def link_or_copy(source: Path, target: Path, asides: Path) -> None:
    if source == target:
        return
    _make_folder(target.parent)
    target.unlink(missing_ok=True)
    try:
        with _told_from_a_lost_disk(source):
            os.utime(source)  # both names are as old as the newer one: who looks for old files must not take it
            os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(source, target, asides)
    else:
        _sync_folder(target.parent)


def free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def try_out(asides: Path) -> float:
    """A small file written, synced and removed: the seconds of that. OSError."""
    began = time.perf_counter()
    fd, path = _create_locked(asides)
    try:
        os.write(fd, bytes(TRIAL_BYTES))
        os.fsync(fd)
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)
    return time.perf_counter() - began


def known_id(root: Path) -> str | None:
    """The folder's name if anybody has given it one."""
    try:
        return (root / "id").read_bytes()[:ID_BYTES_MAX].decode("ascii", "replace")
    except OSError:
        return None


def folder_id(root: Path, asides: Path) -> str:
    """What names this folder, whatever path leads there: made by whoever asks first. OSError."""
    place = root / "id"
    if not place.exists():
        aside = Aside(asides)
        try:
            aside.write([secrets.token_hex(8).encode("ascii")])
            with suppress(FileExistsError):
                os.link(aside.path, place)
        finally:
            aside.discard()
    return place.read_bytes()[:ID_BYTES_MAX].decode("ascii", "replace")


def _copy(source: Path, target: Path, asides: Path) -> None:
    aside = Aside(asides)
    try:
        shutil.copyfile(source, aside.path)
        aside.commit(target.name, target)
    finally:
        aside.discard()


@contextmanager
def _told_from_a_lost_disk(place: Path) -> Iterator[None]:
    """A missing file in a store that stands is AssetMissing; without the store it is a lost disk."""
    try:
        yield
    except FileNotFoundError as error:
        if place.parent.parent.is_dir():
            raise AssetMissing(f"no file named {place.name}") from error
        raise


def _create_locked(folder: Path) -> tuple[int, Path]:
    """A new file that no sweeper has removed between its creation and its lock."""
    for _ in range(_CREATE_TRIES):
        fd, path = tempfile.mkstemp(dir=folder)
        if _lock(fd) is not False and os.fstat(fd).st_nlink:
            return fd, Path(path)
        os.close(fd)
    raise OSError(errno.EAGAIN, "files aside vanish as soon as they are made")


def _lock(fd: int) -> bool | None:
    """True if it is ours now, False if somebody has it, None where files cannot be locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sweep_one(path: Path, now_s: float) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        locked = _lock(fd)
        dead = locked or (locked is None and now_s - os.fstat(fd).st_mtime > SILENT_S_MAX)
        if dead:
            path.unlink()
        return bool(dead)
    finally:
        os.close(fd)


def _make_folder(folder: Path) -> None:
    """Not its parents: a disk that was unmounted must be missed, not rebuilt below its mount point."""
    try:
        folder.mkdir()
    except FileExistsError:
        return
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
