"""`telecine` as a user runs it: a process, its words, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

SECONDS_MAX = 60.0


class Done(Struct, frozen=True):
    status: int
    out: str
    err: str


def telecine(folder: Path, *words: str, **environ: str) -> Done:
    """Run it in a folder; TELECINE_ variables of this process do not reach it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELECINE_")}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        cwd=folder,
        env={**inherited, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def objects(text: str) -> list[dict[str, Any]]:
    """What `--json` printed: an object a line."""
    return [json.loads(line) for line in text.splitlines()]
