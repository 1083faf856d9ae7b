"""`make demo` does what it says and leaves nothing running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.readme import ROOT

MARK = "TELECINE_TEST_MARK_OF_DEMO"
SECONDS_MAX = 180


@pytest.mark.timeout(SECONDS_MAX + 30)
def test_the_demo_makes_a_video_and_leaves_nothing_running(tmp_path: Path) -> None:
    """Progress is shown, the MP4 plays, route, price, time and file are told, and no process is left. A proxy for the
    way out is no way to this machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELECINE_")}
    done = subprocess.run(
        ["make", "demo", f"DEMO={tmp_path / 'demo'}"],
        cwd=ROOT,
        env={**inherited, MARK: str(tmp_path), "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [int(percent) for percent in re.findall(r"(\d+) %", done.stderr)]
    assert len(shown) > 3
    assert shown == sorted(shown)
    assert shown[-1] == 100
    for said in ("route  mock/sora-2", "price  $0.40", "time   ", "how to go on", "4 s of h264 at 1280x720 with sound"):
        assert said in done.stdout, done.stdout
    assert (tmp_path / "demo" / "paper-boat.mp4").stat().st_size > 10_000
    assert left_running(str(tmp_path)) == []


def test_an_interrupted_demo_says_so_and_leaves_nothing_running(tmp_path: Path) -> None:
    """Ctrl-C reaches everything that a terminal runs; one sentence is enough."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'import time; time.sleep(100)'\n")
    program.chmod(0o700)
    process = subprocess.Popen(
        (sys.executable, ROOT / "docs/demo/run.py", "--sdk", program, "--folder", tmp_path / "demo"),
        env={**os.environ, MARK: str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert any(line.startswith("$ OPENAI_BASE_URL") for line in process.stdout)
        time.sleep(0.5)  # the program has begun
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS_MAX)
    finally:
        process.kill()
    assert err.strip() == "the demo was interrupted; nothing of it runs any more"
    assert process.returncode == 130
    assert left_running(str(tmp_path)) == []


def left_running(mark: str) -> list[str]:
    """Command lines of processes that carry our mark in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
