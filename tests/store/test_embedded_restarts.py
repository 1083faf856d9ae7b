"""A private server that keeps dying."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.store.embedded import Embedded


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="tc") as folder:
        yield Path(folder)


def test_a_server_that_dies_again_and_again_is_started_more_and_more_slowly(data: Path) -> None:
    """A full disk ends it at every write: neither the log nor the processor should fill up with that."""
    own = Embedded(data)
    own.start()
    own.supervise()
    pids, until = {own.pid}, time.monotonic() + 4.0
    while time.monotonic() < until:
        pids.add(own.pid)
        assert own.pid is not None
        with suppress(ProcessLookupError):  # it is between two
            os.kill(own.pid, signal.SIGKILL)
        time.sleep(0.01)
    own.stop()
    assert 3 <= len(pids) <= 8
