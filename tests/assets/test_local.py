"""The local store: what is committed is there, whole; what is not leaves nothing; what the disk does is told apart."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.assets import disk
from gateway.assets.local import LocalAssets
from gateway.assets.store import NAME_CHARS_MAX, AssetMissing, AssetStore, StorageAway, checked_name
from tests.assets.processes import until

NAME = "video_0199/video.mp4"


async def put(assets: AssetStore, name: str, data: bytes) -> None:
    async with assets.writer(name) as writer:
        await writer.write(data)
        await writer.commit()


async def get(assets: AssetStore, name: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in assets.read(name, start, end)])


def left_aside(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "assets" / "aside").iterdir()]


async def test_the_folders_are_their_owners_alone(assets: LocalAssets, tmp_path: Path) -> None:
    """Clips and uploads are nobody else's to see, whoever made the folder around them."""
    for folder in ("assets", "assets/files", "assets/aside"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


async def test_what_is_committed_is_there(assets: LocalAssets, tmp_path: Path) -> None:
    """Name, size and digest are of the bytes that were written, whatever the pieces."""
    data = os.urandom(3 * disk.READ_BYTES + 17)
    async with assets.writer(NAME) as writer:
        for at in range(0, len(data), 70_000):
            await writer.write(data[at : at + 70_000])
        stored = await writer.commit()
    assert (stored.name, stored.size_bytes) == (NAME, len(data))
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert await get(assets, NAME) == data
    assert await assets.size(NAME) == len(data)
    assert assets.path(NAME).read_bytes() == data
    assert left_aside(tmp_path) == []


async def test_any_part_can_be_read(assets: LocalAssets) -> None:
    """`start` and `end` mean what slicing means, across pieces too."""
    data = os.urandom(2 * disk.READ_BYTES + 5)
    await put(assets, NAME, data)
    edge = disk.READ_BYTES
    for start, end in [(0, 0), (0, 1), (edge - 1, edge + 1), (5, None), (edge, 2 * edge), (len(data), None)]:
        assert await get(assets, NAME, start, end) == data[start:end]


async def test_without_a_commit_nothing_remains(assets: LocalAssets, tmp_path: Path) -> None:
    """An exception, a cancel or a plain end without commit: no file, no leftover, and the old file stays."""
    await put(assets, NAME, b"old")
    async with assets.writer(NAME) as writer:
        await writer.write(b"x" * 1_000_000)
    with pytest.raises(RuntimeError, match="vendor"):
        async with assets.writer(NAME) as writer:
            await writer.write(b"x" * 1_000_000)
            raise RuntimeError("the vendor hung up")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), assets.writer(NAME) as writer:
            while True:
                await writer.write(b"x" * 100_000)
    assert left_aside(tmp_path) == []
    assert await get(assets, NAME) == b"old"


async def test_nothing_is_visible_before_the_commit(assets: LocalAssets) -> None:
    """A reader sees the old file or the new one, never a half."""
    async with assets.writer(NAME) as writer:
        await writer.write(b"x" * 1_000_000)
        await writer.aside()
        assert await assets.size(NAME) is None
        await writer.commit()
        assert await assets.size(NAME) == 1_000_000
    assert await assets.size(NAME) == 1_000_000


async def test_a_file_aside_can_be_filled_by_somebody_else(assets: LocalAssets) -> None:
    """A child process writes a thumbnail there; size and digest are of what it wrote."""
    async with assets.writer("video_1/thumbnail.webp") as writer:
        (await writer.aside()).write_bytes(b"picture")
        stored = await writer.commit()
    assert stored.size_bytes == 7
    assert stored.sha256 == hashlib.sha256(b"picture").hexdigest()


async def test_a_reader_keeps_what_it_began(assets: LocalAssets) -> None:
    """A delete or a replacement during a download does not cut it or mix two files."""
    data = os.urandom(4 * disk.READ_BYTES)
    await put(assets, NAME, data)
    pieces = assets.read(NAME)
    first = await anext(pieces)
    await put(assets, NAME, b"new")
    await assets.delete(NAME)
    assert first + b"".join([piece async for piece in pieces]) == data
    assert await assets.size(NAME) is None


async def test_a_reader_that_leaves_closes_the_file(assets: LocalAssets) -> None:
    """A client that hangs up in the middle costs no file descriptor."""
    await put(assets, NAME, bytes(4 * disk.READ_BYTES))
    await get(assets, NAME)
    before = len(open_files())
    for _ in range(20):
        pieces = assets.read(NAME)
        await anext(pieces)
        await pieces.aclose()
    await assets.size(NAME)
    await until(lambda: len(open_files()) <= before)


async def test_cancelled_anywhere_no_descriptor_is_lost(assets: LocalAssets, tmp_path: Path) -> None:
    """Opening, writing and reading may be cut at any moment."""

    async def work() -> None:
        await put(assets, NAME, bytes(600_000))
        await get(assets, NAME)

    await work()
    before = len(open_files())
    for delay in range(60):
        task = asyncio.create_task(work())
        await asyncio.sleep(delay / 20_000)
        task.cancel()
        await asyncio.wait([task])
    await until(lambda: len(open_files()) <= before)
    assert left_aside(tmp_path) == []


async def test_a_missing_file_is_not_a_missing_disk(assets: LocalAssets) -> None:
    """The store says which of the two it is."""
    with pytest.raises(AssetMissing):
        await get(assets, NAME)
    with pytest.raises(AssetMissing):
        await assets.link_or_copy(NAME, "copy")
    assert await assets.size(NAME) is None
    await assets.delete(NAME)


async def test_a_lost_disk_is_said_and_never_rebuilt(assets: LocalAssets, tmp_path: Path) -> None:
    """After the root vanished every call says so, with the cause; nothing grows under the mount point."""
    await put(assets, NAME, b"data")
    (tmp_path / "assets").rename(tmp_path / "gone")
    calls = [
        put(assets, NAME, b"x"),
        get(assets, NAME),
        assets.size(NAME),
        assets.delete(NAME),
        assets.link_or_copy(NAME, "copy"),
        assets.free_bytes(),
    ]
    for call in calls:
        with pytest.raises(StorageAway, match="ENOENT") as caught:
            await call
        assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert not (tmp_path / "assets").exists()
    (tmp_path / "gone").rename(tmp_path / "assets")
    assert await get(assets, NAME) == b"data"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB, where the machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root mounts disks")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_is_ours_and_leaves_nothing(tiny_disk: Path) -> None:
    """No space: StorageAway, the partial file gone, the rest still readable, and with space it goes on."""
    assets = LocalAssets(tiny_disk / "assets")
    await assets.start()
    await put(assets, "a", bytes(1_200_000))
    with pytest.raises(StorageAway, match="ENOSPC") as caught:
        await put(assets, "b", bytes(1_200_000))
    assert isinstance(caught.value.__cause__, OSError)
    assert list((tiny_disk / "assets" / "aside").iterdir()) == []
    assert await assets.free_bytes() > 700_000
    assert len(await get(assets, "a")) == 1_200_000
    await assets.delete("a")
    await put(assets, "b", bytes(1_200_000))
    await assets.close()


async def test_a_full_disk_without_a_disk(assets: LocalAssets, tmp_path: Path) -> None:
    """The same through the kernel's own always-full file, where nothing can be mounted."""
    async with assets.writer(NAME) as writer:
        aside = await writer.aside()
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, next(fd for fd in open_files() if os.path.realpath(f"/proc/self/fd/{fd}") == str(aside)))
        os.close(full)
        with pytest.raises(StorageAway, match="ENOSPC") as caught:
            await writer.write(bytes(1_000_000))
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.ENOSPC
    assert left_aside(tmp_path) == []


def open_files() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/fd").iterdir()]


async def test_a_second_name_lives_by_itself(assets: LocalAssets) -> None:
    """An input shared by two videos survives the deletion of either."""
    await put(assets, "inputs/a", b"image")
    await put(assets, "inputs/b", b"older")
    await assets.link_or_copy("inputs/a", "inputs/b")
    await assets.link_or_copy("inputs/a", "inputs/a")
    await assets.delete("inputs/a")
    assert await get(assets, "inputs/b") == b"image"


async def test_where_links_are_refused_the_file_is_copied(assets: LocalAssets, tmp_path: Path) -> None:
    """A store that lies on another disk than the source."""
    source = Path("/dev/shm") / f"telecine-{os.getpid()}-{tmp_path.name}"
    if not source.parent.is_dir() or source.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    source.write_bytes(b"far away")
    try:
        target = assets.path("near")
        disk.link_or_copy(source, target, tmp_path / "assets" / "aside")
    finally:
        source.unlink()
    assert await get(assets, "near") == b"far away"
    assert left_aside(tmp_path) == []


WRITE_AND_WAIT = """
import asyncio, sys
from pathlib import Path
from gateway.assets.local import LocalAssets
async def main():
    assets = LocalAssets(Path(sys.argv[1]))
    async with assets.writer("half") as writer:
        await writer.write(b"x" * 1_000_000)
        print(await writer.aside(), flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_leftovers_of_the_dead_are_swept_and_of_the_living_kept(assets: LocalAssets, tmp_path: Path) -> None:
    """A start removes what a killed process left aside, and nothing that another process still writes."""
    command = [sys.executable, "-c", WRITE_AND_WAIT, str(tmp_path / "assets")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        half = Path(process.stdout.readline().strip())
        async with assets.writer("mine") as writer:
            await writer.write(b"mine")
            mine = await writer.aside()
            assert await assets.start() == 0
            assert half.exists() and mine.exists()
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert await assets.start() == 1
            assert mine.exists() and not half.exists()
            await writer.commit()
    assert await get(assets, "mine") == b"mine"


async def test_writers_and_sweepers_do_not_hurt_each_other(tmp_path: Path) -> None:
    """Many starts while many files are written: every commit succeeds, though a newborn may be taken for a leftover."""
    one, two = LocalAssets(tmp_path / "assets"), LocalAssets(tmp_path / "assets")
    await one.start()

    async def sweep() -> None:
        for _ in range(100):
            await two.start()

    async def write(number: int) -> None:
        for turn in range(10):
            await put(one, f"file-{number}-{turn}", b"data")

    await asyncio.gather(sweep(), *(write(number) for number in range(4)))
    assert [await one.size(f"file-{number}-{turn}") for number in range(4) for turn in range(10)] == [4] * 40
    assert left_aside(tmp_path) == []
    await one.close()
    await two.close()


async def test_a_writer_ends_with_its_commit(assets: LocalAssets) -> None:
    """What is written afterwards goes nowhere, loudly."""
    async with assets.writer(NAME) as writer:
        await writer.write(b"data")
        await writer.commit()
        with pytest.raises(StorageAway):
            await writer.commit()
    assert await get(assets, NAME) == b"data"


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """A straggler after the stop gets StorageAway, and a writer that was open leaves nothing."""
    assets = LocalAssets(tmp_path / "assets")
    await assets.start()
    with pytest.raises(StorageAway, match="closed"):
        async with assets.writer(NAME) as writer:
            await writer.write(b"data")
            await assets.close()
            await writer.commit()
    assert left_aside(tmp_path) == []


async def test_the_loop_is_never_held_up(assets: LocalAssets) -> None:
    """While 60 MB are written and read, the loop turns at least every few dozen milliseconds."""
    longest, last = 0.0, asyncio.get_running_loop().time()

    async def watch() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.001)
            now = asyncio.get_running_loop().time()
            longest, last = max(longest, now - last), now

    watcher = asyncio.create_task(watch())
    await put(assets, NAME, bytes(60_000_000))
    async for _ in assets.read(NAME):
        pass
    watcher.cancel()
    assert longest < 0.3


BAD_NAMES = [
    "",
    ".",
    "..",
    "/",
    "/a",
    "a/",
    "a//b",
    "../a",
    "a/../b",
    "a/.b",
    ".a",
    "A",
    "a b",
    "a\n",
    "a\0",
    "ä",
    "a~b",
]


@pytest.mark.parametrize("name", [*BAD_NAMES, "a\\b", "%2e%2e/a", "a" * (NAME_CHARS_MAX + 1)])
async def test_a_name_that_could_leave_its_place_is_refused(assets: LocalAssets, name: str) -> None:
    """By every method, before the disk is touched."""
    with pytest.raises(ValueError, match="no name"):
        assets.path(name)
    with pytest.raises(ValueError, match="no name"):
        await assets.size(name)
    with pytest.raises(ValueError, match="no name"):
        await put(assets, name, b"")


@given(st.text(alphabet="ab./-_~A", max_size=12))
def test_every_name_stays_in_the_store(name: str) -> None:
    """A name that passes is one file two folders below the root, and no two names share it."""
    try:
        checked_name(name)
    except ValueError:
        return
    root = Path("/root-of-the-store")
    place = LocalAssets(root).path(name)
    assert place.parent.parent == root / "files"
    assert Path(os.path.normpath(place)) == place
    assert place.name.replace("~", "/") == name
