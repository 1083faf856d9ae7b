"""A mistyped data directory: whoever looks into it is told, and it is not made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.telecine import telecine
from tests.cli.test_bad_input import SHIPPED

VIDEO = "video_" + "0" * 48


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SHIPPED, tmp_path / "config.yaml")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        *("projects list", "keys list", "keys create --project films", "budgets list", "usage", "ledger verify"),
        *("ledger export", "breakers list", "webhooks list", "webhooks dead", "store show", "providers list"),
        *("videos list", f"videos retry {VIDEO}", f"explain {VIDEO}", "doubts list", "audit", "config history"),
        *("route --model sora-2", "config diff"),
    ],
)
def test_who_looks_makes_no_data_directory(folder: Path, words: str) -> None:
    """An empty table of a gateway that does not exist would look like an answer."""
    done = telecine(folder, *words.split(), TELECINE_DATA_DIR="dtaa")
    assert done.status == 1
    assert "there is no data directory dtaa" in done.out + done.err
    assert [one.name for one in folder.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    "words", ["projects create films", "budgets set gateway 50 --window day", "config apply", "doctor"]
)
def test_a_gateway_may_be_prepared_before_its_first_start(folder: Path, words: str) -> None:
    assert telecine(folder, *words.split()).status == 0
    assert (folder / "data").is_dir()
