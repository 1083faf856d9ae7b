"""Assets as local files: written aside, synced, renamed; read in pieces; every touch of the disk in a thread.

root/aside/…            files being written; each is locked by its writer as long as that lives
root/id                 the folder's own name
root/files/<xx>/<name>  256 folders by the name's digest: ten million assets fill each with 40,000.
                        "/" in a name is "~" on the disk, which no name contains
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from gateway.assets import disk
from gateway.assets.store import StorageAway, StoredFile, checked_name

T = TypeVar("T")

THREADS_MAX: Final = 8
WRITE_BYTES: Final = 256 * 1024  # vendors' chunks are smaller; one hop to a thread for many of them
CLOSE_S_MAX: Final = 5
FOLDERS: Final = 256


class _Handle(Protocol):
    def discard(self) -> None: ...


HandleT = TypeVar("HandleT", bound=_Handle)


class LocalAssets:
    """`start` before use, `close` after. Several processes may share one root."""

    def __init__(self, root: Path, *, now_s: Callable[[], float] = time.time) -> None:
        self._files = root / "files"
        self._asides = root / "aside"
        self._now_s = now_s
        self._disk = _Disk()

    async def start(self) -> int:
        """Make the folders and remove what dead writers left. How many files that were."""
        await self._disk.run("prepare the store", partial(disk.prepare, self._files, self._asides))
        return await self._disk.run("sweep the store", partial(disk.sweep, self._asides, self._now_s()))

    async def close(self) -> None:
        await self._disk.close()

    @asynccontextmanager
    async def writer(self, name: str) -> AsyncIterator[LocalWriter]:
        place = self.path(name)
        aside = await self._disk.own(f"open {name}", partial(disk.Aside, self._asides))
        try:
            yield LocalWriter(self._disk, name, place, aside)
        finally:
            await asyncio.shield(self._disk.release(aside))

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """One piece is read ahead, so that the disk works while the client's socket does."""
        what = f"read {name}"
        file = await self._disk.own(what, partial(disk.Reading, self.path(name), start, end))
        ahead = self._disk.run(what, file.next)
        try:
            while piece := await ahead:
                ahead = self._disk.run(what, file.next)
                yield piece
        finally:
            if not ahead.cancel() and not ahead.cancelled():
                ahead.exception()  # nobody will ask for it now
            self._disk.release(file)

    @asynccontextmanager
    async def reader(self, name: str, start: int, end: int) -> AsyncIterator[LocalReader]:
        what = f"read {name}"
        file = await self._disk.own(what, partial(disk.Reading, self.path(name), start, end))
        try:
            yield LocalReader(self._disk, what, file)
        finally:
            self._disk.release(file)

    def path(self, name: str) -> Path:
        flat = checked_name(name).replace("/", "~")
        return self._files / hashlib.sha256(flat.encode("ascii")).hexdigest()[:2] / flat

    async def size(self, name: str) -> int | None:
        return await self._disk.run(f"look at {name}", partial(disk.size_of, self.path(name)))

    async def delete(self, name: str) -> None:
        await self._disk.run(f"delete {name}", partial(disk.remove, self.path(name)))

    async def link_or_copy(self, source: str, target: str) -> None:
        work = partial(disk.link_or_copy, self.path(source), self.path(target), self._asides)
        await self._disk.run(f"copy {source}", work)

    async def names(self, *, older_s: float) -> AsyncIterator[list[str]]:
        before_s = self._now_s() - older_s
        for number in range(FOLDERS):
            look = partial(disk.names_in, self._files / f"{number:02x}", before_s)
            if found := await self._disk.run("list the store", look):
                yield [name.replace("~", "/") for name in found]

    async def free_bytes(self) -> int:
        return await self._disk.run("measure free space", partial(disk.free_bytes, self._files))

    async def try_out(self) -> float:
        return await self._disk.run("try out the store", partial(disk.try_out, self._asides))

    async def folder_id(self) -> str:
        return await self._disk.run("name the store", partial(disk.folder_id, self._files.parent, self._asides))


class LocalReader:
    """One open file. Not for several tasks at once."""

    def __init__(self, threads: _Disk, what: str, file: disk.Reading) -> None:
        self._disk = threads
        self._what = what
        self._file = file

    async def next(self, bytes_max: int) -> bytes:
        """What the kernel has in memory is read at once; what it would have to fetch from the disk, in a thread: a disk
        may take its time, and the event loop may not."""
        work = partial(self._file.next, bytes_max)
        if self._file.at_hand(bytes_max):
            return _guarded(self._what, work)
        return await self._disk.run(self._what, work)


class LocalWriter:
    """One file aside. Not for several tasks at once."""

    def __init__(self, threads: _Disk, name: str, place: Path, aside: disk.Aside) -> None:
        self._disk = threads
        self._name = name
        self._place = place
        self._aside = aside
        self._held: list[bytes] = []
        self._held_bytes = 0

    async def write(self, chunk: bytes) -> None:
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._held_bytes >= WRITE_BYTES:
            await self._flush()

    async def aside(self) -> Path:
        await self._flush()
        return self._aside.path

    async def commit(self) -> StoredFile:
        await self._flush()
        return await self._disk.run(f"commit {self._name}", partial(self._aside.commit, self._name, self._place))

    async def _flush(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        if held:
            await self._disk.run(f"write {self._name}", partial(self._aside.write, held))


class _Disk:
    """The store's threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="assets")

    def run(self, what: str, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin a piece of work at once; await the future for its result."""
        try:
            return asyncio.get_running_loop().run_in_executor(self._threads, _guarded, what, work)
        except RuntimeError as error:  # the threads are shut down
            raise StorageAway(f"cannot {what}: the store is closed") from error

    async def own(self, what: str, make: Callable[[], HandleT]) -> HandleT:
        """Open a handle that is discarded if nobody waits for it any more."""
        opening = self.run(what, make)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._discard_opened)
            raise

    def release(self, handle: _Handle) -> asyncio.Future[None]:
        """Discard a handle, also when the store is closed already."""
        try:
            return self.run("close a file", handle.discard)
        except StorageAway:
            handle.discard()
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done

    async def close(self) -> None:
        """Let what runs end; a disk that hangs is not waited for."""
        ending = asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        await asyncio.wait([ending], timeout=CLOSE_S_MAX)

    def _discard_opened(self, opening: asyncio.Future[HandleT]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self.release(opening.result())


def _guarded(what: str, work: Callable[[], T]) -> T:
    with disk.our_errors(what):
        return work()
