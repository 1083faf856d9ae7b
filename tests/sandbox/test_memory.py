"""What the vendor remembers survives a restart, is bounded, and says where it ends."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.sandbox.memory import Entry, Memory
from gateway.sandbox.shelf import Shelf


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.jsonl"


def entry(n: int, *, cancelled: bool = False) -> Entry:
    return Entry(id=f"mock_{n}", at_ms=n, key=f"k{n}", digest="d", cancelled=cancelled)


def test_a_restart_forgets_nothing(path: Path) -> None:
    """Keys, order and what was cancelled; also after the last line was torn by a kill."""
    memory = Memory(path)
    for n in range(3):
        memory.add(entry(n))
    memory.add(entry(1, cancelled=True))
    memory.close()
    with path.open("ab") as file:
        file.write(b'{"id":"mock_9","at_')
    again = Memory(path)
    assert again.between(0, 9) == [entry(0), entry(1, cancelled=True), entry(2)]
    assert again.by_key("k1") == entry(1, cancelled=True) and again.by_key("k9") is None
    assert again.cancelled("mock_1") and not again.cancelled("mock_2") and not again.cancelled("mock_9")
    again.close()
    assert path.read_bytes().count(b"\n") == 3


def test_the_list_is_bounded_and_says_so(path: Path) -> None:
    """The oldest go, their keys with them; the file never holds more than twice as many lines."""
    memory = Memory(path, jobs_max=3)
    for n in range(20):
        memory.add(entry(n))
        assert path.read_bytes().count(b"\n") <= 6
    assert memory.between(0, 99) == [entry(17), entry(18), entry(19)]
    assert memory.by_key("k16") is None
    assert memory.complete_since_ms == 17
    memory.close()


def test_a_disk_that_refuses_the_shorter_file_leaves_everything_as_it_was(path: Path) -> None:
    """The job is not made, also when it is asked for again, and once there is room the vendor goes on."""
    memory = Memory(path, jobs_max=3)
    for n in range(6):
        memory.add(entry(n))
    before = path.read_bytes()
    path.with_suffix(".new").mkdir()  # where the shorter file is written
    for _ in range(2):
        with pytest.raises(OSError, match="directory"):
            memory.add(entry(6))
        assert memory.by_key("k6") is None and memory.between(0, 9) == [entry(3), entry(4), entry(5)]
        assert path.read_bytes() == before
    path.with_suffix(".new").rmdir()
    memory.add(entry(6))
    memory.close()
    again = Memory(path, jobs_max=3)
    assert again.between(0, 9) == [entry(4), entry(5), entry(6)]
    again.close()


@contextmanager
def files_up_to(size_bytes: int) -> Iterator[None]:
    """The kernel takes as much of a write as fits, and refuses the next."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_half_a_line_costs_no_other_job(path: Path) -> None:
    """The half goes, so what is written once there is room stands on a line of its own."""
    memory = Memory(path)
    memory.add(entry(0))
    with files_up_to(path.stat().st_size + 10), pytest.raises(OSError, match="space"):
        memory.add(entry(1))
    assert memory.by_key("k1") is None
    memory.add(entry(2))
    memory.close()
    again = Memory(path)
    assert again.between(0, 9) == [entry(0), entry(2)]
    again.close()


def test_a_span_of_time_is_exact(path: Path) -> None:
    """Both ends belong to it."""
    memory = Memory(path)
    for n in range(5):
        memory.add(entry(n))
    assert [each.at_ms for each in memory.between(1, 3)] == [1, 2, 3]
    memory.close()


def test_a_shelf_is_bounded_in_bytes(tmp_path: Path) -> None:
    """What was used longest ago goes first; what was just put stays, however large."""
    shelf = Shelf(tmp_path / "shelf", bytes_max=100)
    for n, size in enumerate((40, 40, 15)):
        aside = shelf.aside()
        aside.write_bytes(bytes(size))
        shelf.put(aside, f"f{n}")
    assert shelf.find("f0")
    aside = shelf.aside()
    aside.write_bytes(bytes(30))
    shelf.put(aside, "f3")
    assert sorted(path.name for path in shelf.root.iterdir()) == ["f0", "f2", "f3"]
    aside.write_bytes(bytes(500))
    shelf.put(aside, "f4")
    assert [path.name for path in shelf.root.iterdir()] == ["f4"]
    assert shelf.find("f0") is None


def test_a_shelf_sweeps_what_was_left_unfinished(tmp_path: Path) -> None:
    """A killed process leaves parts behind; the next one takes them away."""
    shelf = Shelf(tmp_path, bytes_max=100)
    shelf.aside().write_bytes(b"half")
    (tmp_path / "whole").write_bytes(b"whole")
    Shelf(tmp_path, bytes_max=100)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
