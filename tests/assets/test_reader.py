"""A file that is open for reading: pieces as long as they are asked for, and a descriptor that nothing loses."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from gateway.assets.local import LocalAssets
from gateway.assets.store import AssetMissing, StorageAway
from tests.assets.test_local import NAME, open_files, put


def evict(path: Path) -> None:
    """The next to read the file has to wait for the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


async def test_pieces_are_as_long_as_they_are_asked_for(assets: LocalAssets) -> None:
    """In memory or not; nothing comes after the end."""
    data = os.urandom(600_000)
    await put(assets, NAME, data)
    for cold in (False, True):
        if cold:
            evict(assets.path(NAME))
        async with assets.reader(NAME, 3, 500_003) as file:
            pieces = [await file.next(size) for size in (7, 400_000, 400_000, 400_000)]
        assert pieces == [data[3:10], data[10:400_010], data[400_010:500_003], b""]


async def test_a_file_that_is_shorter_than_was_said_is_trouble(assets: LocalAssets) -> None:
    """It never looks like the end."""
    await put(assets, NAME, b"data")
    async with assets.reader(NAME, 0, 5) as file:
        assert await file.next(9) == b"data"
        with pytest.raises(StorageAway):
            await file.next(9)


async def test_a_file_that_is_not_there_is_told_before_anything_is_read(assets: LocalAssets) -> None:
    """It may be on the disk of another replica."""
    with pytest.raises(AssetMissing):
        async with assets.reader(NAME, 0, 1):
            pass


async def test_a_reader_that_is_cancelled_anywhere_loses_no_descriptor(assets: LocalAssets) -> None:
    """While the file is opened, and while a piece comes from the disk."""
    await put(assets, NAME, bytes(600_000))

    async def work() -> None:
        async with assets.reader(NAME, 0, 600_000) as file:
            while await file.next(100_000):
                pass

    await work()
    before = len(open_files())
    for turns in range(200):
        evict(assets.path(NAME))
        task = asyncio.create_task(work())
        for _ in range(turns % 10):
            await asyncio.sleep(0)
        time.sleep(turns / 400_000)
        task.cancel()
        await asyncio.wait([task])
    await asyncio.sleep(0.1)
    assert len(open_files()) <= before
