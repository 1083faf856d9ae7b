"""A result that cannot be written: one sentence and status 1, whatever the command; a reader that left is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.telecine import configured, objects, telecine
from tests.support.redis import RedisServer


@pytest.fixture
def place(tmp_path: Path, empty_redis: RedisServer) -> Path:
    folder = configured(tmp_path / "place", empty_redis.url)
    assert telecine(folder, "projects", "create", "films").status == 0
    return folder


def piped(folder: Path, shell: str, **environ: str) -> tuple[int, str]:
    """A line of a shell in which `telecine` is the program; its status and what stderr shows."""
    line = f'set -o pipefail; telecine() {{ {sys.executable} -m gateway "$@"; }}; {shell}'
    done = subprocess.run(
        ("bash", "-c", line),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", ["projects list", "projects list --json", "projects create dogs --json", "--help"])
def test_a_full_disk_is_told_in_one_sentence(place: Path, words: str) -> None:
    assert piped(place, f"telecine {words} >/dev/full") == (
        1,
        "telecine: the result cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize("json", ["", "--json"])
def test_a_key_whose_secret_nobody_saw_is_named(place: Path, json: str) -> None:
    """It is there and active; so its owner is told how to be rid of it."""
    status, err = piped(place, f"telecine keys create --project films {json} >/dev/full")
    (key,) = objects(telecine(place, "keys", "list", "--json").out)
    last = err.splitlines()[-1]
    assert (status, "Traceback" in err) == (1, False)
    assert last.endswith(f"nobody has seen the secret of {key['id']}: telecine keys revoke {key['id']}")


def test_with_stdout_closed_nothing_is_done(place: Path) -> None:
    """A secret would be lost, and the first file that is opened would be written to in stdout's place."""
    status, err = piped(place, "telecine keys create --project films >&-")
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith("telecine: stdout is closed")
    assert telecine(place, "keys", "list", "--json").out == ""


def test_what_an_encoding_lacks_is_told(place: Path) -> None:
    assert telecine(place, "keys", "create", "--project", "films", "--name", "日本é").status == 0
    status, err = piped(place, "telecine keys list", PYTHONIOENCODING="latin1")
    assert (status, err.count("\n")) == (1, 1)
    assert "has no U+65E5" in err


def test_a_reader_who_has_enough_is_no_failure(place: Path) -> None:
    """`| head` ends the output; nothing is said about it."""
    for name in range(3):
        assert telecine(place, "projects", "create", f"more-{name}").status == 0
    assert piped(place, "telecine projects list | true")[1] == ""
    assert piped(place, "telecine usage --json | true")[1] == ""
