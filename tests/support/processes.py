"""Processes that a test started, ended for sure."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
