"""The folder in which several workers add up their figures: in memory, found again, and never somebody else's."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.serve.figures import MEMORY, NAME, PREFIX, clear_figures, figures_folder


@pytest.mark.skipif(not MEMORY.is_dir(), reason="a machine without a folder in memory")
def test_figures_stand_in_memory_so_that_a_full_disk_ends_nobody(tmp_path: Path) -> None:
    """What is mapped from a full disk ends who touches it; the data directory only leads there."""
    with ExitStack() as stack:
        folder = figures_folder(tmp_path, stack)
        assert folder.parent == MEMORY and (tmp_path / NAME).resolve() == folder
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists() and not (tmp_path / NAME).is_symlink()


def test_what_a_killed_gateway_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    memory, data, other = (tmp_path / name for name in ("memory", "data", f"{PREFIX}other"))
    for one in (memory, data, other):
        one.mkdir()
    left = figures_folder(data, ExitStack(), memory)
    (left / "counter_1.db").write_bytes(b"x")
    assert figures_folder(data, ExitStack(), memory) != left
    assert not left.exists()
    clear_figures(data, memory)  # as one does that starts with a single worker
    assert not list(memory.iterdir()) and not list(data.iterdir())
    (data / NAME).symlink_to(other)
    figures_folder(data, ExitStack(), memory)
    assert other.is_dir()


def test_without_a_folder_in_memory_they_stand_in_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "counter_1.db").write_bytes(b"x")
    with ExitStack() as stack:
        folder = figures_folder(tmp_path, stack, tmp_path / "none")
        assert folder == tmp_path / NAME and not list(folder.iterdir())
    assert not folder.exists()
