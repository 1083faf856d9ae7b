"""The README is true: what it tells a reader to type works, typed in that order, from an empty environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.docs.readme import ROOT, blocks, script
from tests.support.gateway import free_port

SECONDS_MAX = 300
USAGE = ('"object":"usage"', "line,project,tag:campaign", "TAG:CAMPAIGN")
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".envs", ".*_cache", "__pycache__", "*.egg-info", "build", "dist", "demo", "data", "htmlcov"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh copy of the project, without any environment."""
    copy = tmp_path_factory.mktemp("fresh") / "telecine"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    return copy


@pytest.fixture(scope="module")
def typed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything that the README's commands print, when all of them succeed."""
    tools = tmp_path_factory.mktemp("bin")
    (tools / "python3").symlink_to(sys.executable)
    if shutil.which("curl") is None:
        (tools / "curl").write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "tests/docs/curl.py"} "$@"\n')
        (tools / "curl").chmod(0o755)
    dropped = ("TELECINE_", "OPENAI_", "VIRTUAL_ENV", "PYTHON", "COV_", "COVERAGE")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environ["PATH"] = f"{tools}{os.pathsep}{environ['PATH']}"
    environ["PIP_NO_COMPILE"] = "1"  # Python compiles what it comes to import; most of it never is
    typing = subprocess.Popen(
        ["bash", "-c", script(free_port())],
        cwd=place,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that what it started ends with it
    )
    try:
        said, _ = typing.communicate(timeout=SECONDS_MAX)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(typing.pid, signal.SIGKILL)
    assert typing.returncode == 0, said[-4_000:]
    return said


@pytest.mark.timeout(SECONDS_MAX + 30)
def test_the_five_minutes_work_from_an_empty_environment(typed: str, place: Path) -> None:
    """`pip install .`, not editable, serves; the SDK's video is completed and saved; curl's is accepted and listed."""
    assert re.search(r"^Telecine listens on http://127\.0\.0\.1:\d+$", typed, re.MULTILINE)
    assert re.search(r"^completed video_[0-9a-f]{48}$", typed, re.MULTILINE)
    assert (place / "boat.mp4").read_bytes()[4:8] == b"ftyp"
    assert '"status":"queued"' in typed
    assert '"object":"list"' in typed
    assert '"price_usd":"2.40","price_micros":2400000' in typed
    installed = list((place / ".venv").glob("lib/python*/site-packages/gateway/__init__.py"))
    assert installed, "the package itself was installed, not a link to the sources"


def test_the_other_commands_answer(typed: str) -> None:
    """The check of the configuration, the manual, the lists, the probes."""
    said_by_all = ("is sound", "EXIT STATUS", '"name":"demo"', '"status":"ready"', "# HELP telecine_")
    for said in (
        *said_by_all,
        "may spend $50.00 a day",
        "whsec_",
        "everything was delivered",
        "gateway/month",
        "rpm: 25",
        '"object":"usage"',
        "line,project,tag:campaign",
        "waited for completed video_",
        "event: video.completed",
    ):
        assert said in typed, said


def test_the_two_commands_exist() -> None:
    """`make demo` is run by its own test, `make test` is what runs this."""
    (two,) = [block.text.split("\n")[:-1] for block in blocks() if block.text.startswith("make ")]
    assert two == ["make demo", "make test"]
    known = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in two:
        assert f"  {command} " in known


def test_every_block_is_one_that_the_test_types() -> None:
    """No command hides in a block of another language."""
    assert {block.language for block in blocks()} == {"sh", "python"}


def test_every_link_leads_somewhere() -> None:
    """Files that the README points at exist."""
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target
