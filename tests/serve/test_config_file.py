"""A configuration file that is watched: an edit counts once it is finished; what is written is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.serve.config_file import ConfigOnDisk, Missing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"one")
    return path


def looked(file: ConfigOnDisk, times: int = 3) -> list[bytes | Missing]:
    found = [file.edited() for _ in range(times)]
    return [one for one in found if one is not None]


def touch(path: Path, text: bytes, at: int) -> None:
    """Written at a time that shows."""
    path.write_bytes(text)
    os.utime(path, ns=(at, at))


def test_an_edit_is_told_once_and_only_when_it_stands_still(path: Path) -> None:
    """An editor that truncates and writes in pieces is not read half-way."""
    file = ConfigOnDisk(path, b"one")
    assert looked(file) == []
    for at, piece in enumerate((b"", b"t", b"tw"), 1):
        touch(path, piece, at)
        assert file.edited() is None
    touch(path, b"two", 9)
    assert looked(file) == [b"two"]
    assert looked(file) == []
    touch(path, b"two", 10)
    assert looked(file) == []


def test_an_edit_that_could_not_be_dealt_with_is_told_again(path: Path) -> None:
    file = ConfigOnDisk(path, b"one")
    before = file.digest
    touch(path, b"two", 1)
    assert looked(file) == [b"two"]
    file.again(before)
    assert looked(file) == [b"two"]


def test_a_file_that_is_gone_is_told_as_that_and_its_return_is_seen(path: Path) -> None:
    file = ConfigOnDisk(path, b"one")
    assert looked(file) == []
    path.unlink()
    assert looked(file) == [Missing("is gone")]
    touch(path, b"one", 1)
    assert looked(file) == [b"one"]
    touch(path, b"", 2)
    assert looked(file) == [b""], "an empty file is a text"
    path.unlink()
    path.mkdir()
    assert looked(file) == [Missing("cannot be read: Is a directory")]


def test_links_that_are_swapped_are_followed(tmp_path: Path) -> None:
    """As Kubernetes changes a mounted file."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(name)
    (tmp_path / "now").symlink_to("a")
    (tmp_path / "config.yaml").symlink_to("now/config.yaml")
    file = ConfigOnDisk(tmp_path / "config.yaml", b"a")
    assert looked(file) == []
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").rename(tmp_path / "now")
    assert looked(file) == [b"b"]


def test_what_is_written_is_no_edit_keeps_its_mode_and_leaves_nothing_beside_it(path: Path) -> None:
    path.chmod(0o640)
    file = ConfigOnDisk(path, b"one")
    file.write(b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o640)
    assert looked(file) == []
    assert file.unchanged()
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_takes_no_file_leaves_the_old_one(path: Path) -> None:
    file = ConfigOnDisk(path, b"one")
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(OSError, match="No such file"):
        file.write(b"two")


def test_a_pipe_in_its_place_is_no_file_and_nobody_waits_for_it(path: Path) -> None:
    """As `--config <(command)` gives: read at the start, and never again."""
    file = ConfigOnDisk(path, b"one")
    assert looked(file) == []
    path.unlink()
    os.mkfifo(path)
    assert looked(file) == [Missing("is a pipe")]
    path.unlink()
    touch(path, b"two", 9)
    assert looked(file) == [b"two"]
