"""Processes and verdicts, as the tests of clips look at them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from gateway.assets.media import Sound
from gateway.domain.mp4 import WrongFile
from providers.contract import Size

SQUARE = Size(128, 128)


OTHERS: set[int] = set()


def reason(verdict: Sound | WrongFile) -> str:
    assert isinstance(verdict, WrongFile)
    return verdict.reason


def children_of(pid: int) -> list[int]:
    """Live child processes, of any thread."""
    children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children_of_thread(task)]
    return [child for child in children if alive(child)]


def _children_of_thread(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # the thread ended meanwhile
        return []


def own_children() -> list[int]:
    return [child for child in children_of(os.getpid()) if child not in OTHERS]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
