"""Processes that a test started: which there are, and that they end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STOP_S_MAX = 20.0


@contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Asked to end when the block does, and killed if it does not."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children_of(pid: int) -> list[int]:
    """Live child processes, of any thread."""
    children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children_of_thread(task)]
    return [child for child in children if alive(child)]


def _children_of_thread(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # the thread ended meanwhile
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
