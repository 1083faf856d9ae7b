"""A helper of the master: begun, looked after, ended; also on a machine that lends no process now."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.serve.children import PAUSE_S, Helper, NotStarted


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    """Its program is not there yet, which the kernel says by the same class of error as that it can fork no more."""
    one = Helper("helper", (str(tmp_path / "program"),))
    yield one
    one.stop()


def write_program(tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    aside.write_text("#!/bin/sh\necho ready\nexec sleep 60\n")
    aside.chmod(0o700)
    aside.rename(tmp_path / "program")


def test_one_that_cannot_be_begun_is_begun_later(helper: Helper, tmp_path: Path) -> None:
    """A gateway that is to wait for it says a sentence; one that runs already tries again after pauses that grow."""
    helper.start()
    with pytest.raises(NotStarted, match="the helper did not start"):
        helper.await_ready()
    helper.start()
    now_s = time.monotonic()
    helper.look(now_s)
    write_program(tmp_path)
    helper.look(now_s)
    assert helper.pid is None
    helper.look(now_s + 10 * PAUSE_S)
    helper.await_ready()


def test_one_that_dies_and_cannot_be_begun_again_is_tried_again(helper: Helper, tmp_path: Path) -> None:
    write_program(tmp_path)
    helper.start()
    helper.await_ready()
    (tmp_path / "program").unlink()
    first, now_s = helper.pid, time.monotonic()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    for pauses in range(5):
        helper.look(now_s + pauses * PAUSE_S)
        assert helper.pid == first
    write_program(tmp_path)
    helper.look(now_s + 20 * PAUSE_S)
    assert helper.pid != first
    helper.await_ready()


def test_one_that_was_ended_stays_so(helper: Helper, tmp_path: Path) -> None:
    helper.start()
    helper.stop()
    write_program(tmp_path)
    helper.look(time.monotonic() + 100)
    assert helper.pid is None
