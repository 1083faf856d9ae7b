"""Who waits for a lock opens its file again and again: the sign by which a test knows that a process has begun to."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

IN_OPEN = 0x20
EVENTS_BYTES = 65_536
WAITS = 8  # openings: a process that gives up at once leaves fewer


@contextmanager
def waited_for(path: Path) -> Iterator[Callable[[], bool]]:
    """Whether somebody waits for this file, which exists; asked often, for what happens between two looks may count
    as one opening."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert handle >= 0, os.strerror(ctypes.get_errno())
    seen = 0

    def waits() -> bool:
        nonlocal seen
        with suppress(BlockingIOError):
            os.read(handle, EVENTS_BYTES)
            seen += 1
        return seen >= WAITS

    try:
        assert libc.inotify_add_watch(handle, os.fsencode(path), IN_OPEN) >= 0, os.strerror(ctypes.get_errno())
        yield waits
    finally:
        os.close(handle)
