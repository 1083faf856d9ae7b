"""Ports for servers of tests: many processes draw some at once, and bind them a while later."""

from __future__ import annotations

import subprocess
import sys

from tests.support.gateway import BLOCK, ROOT, free_port


def test_no_other_process_of_tests_draws_a_port_of_ours() -> None:
    """However often it draws, and though nobody listens yet."""
    mine = {free_port() for _ in range(BLOCK)}
    script = "from tests.support.gateway import free_port; print(*(free_port() for _ in range(5_000)))"
    drawn = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert mine.isdisjoint(map(int, drawn.split()))
    assert len(mine) > BLOCK / 2
