"""Where a socket goes when the data directory's path is too long: to a place of this user's alone, or nowhere."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import datadir
from gateway.store.errors import StoreRefused


@pytest.fixture
def data() -> Iterator[Path]:
    """With a path that is short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="tc"))
    yield path
    shutil.rmtree(path)


def test_a_place_that_others_may_write_to_is_not_used(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's socket could wait there: the runtime directory is passed over, the own one made anew."""
    deep = data / ("d" * 100)
    runtime = data / "run"
    runtime.mkdir()
    runtime.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr(tempfile, "tempdir", str(data))
    path = datadir.socket_of(datadir.folder_of(deep))
    assert path.parent == data / f"telecine-{os.getuid()}"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o755)
    with pytest.raises(StoreRefused, match=r"too long for a socket.*no directory of this user's alone"):
        datadir.socket_of(datadir.folder_of(deep))
    path.parent.rmdir()
    for somewhere in (data / "absent", runtime):
        path.parent.symlink_to(somewhere)
        with pytest.raises(StoreRefused, match=f"{path.parent}, which would take its place, is no directory"):
            datadir.socket_of(datadir.folder_of(deep))
        path.parent.unlink()
