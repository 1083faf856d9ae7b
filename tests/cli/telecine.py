"""`telecine` as a user runs it in a folder, and what it says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.support import commands
from tests.support.commands import Done

ROOT = Path(__file__).parents[2]


def telecine(folder: Path, *words: str, **environ: str) -> Done:
    """TELECINE_ variables of this process do not reach it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELECINE_")}
    return commands.telecine(folder, words, {**inherited, **environ})


def configured(folder: Path, store_url: str) -> Path:
    """The folder, with the shipped configuration on a store that runs already."""
    folder.mkdir(exist_ok=True)
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    (folder / "config.yaml").write_text(text.replace("\n  url: null", f"\n  url: {store_url}"), encoding="utf-8")
    return folder


def objects(text: str) -> list[dict[str, Any]]:
    """What `--json` printed: an object a line."""
    return [json.loads(line) for line in text.splitlines()]
