"""The keys under which ids are sealed: a file in the sandbox's data directory, one key a line.

The first one seals, every one opens. Sandboxes whose jobs are to be known to each other begin with the same key.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
KEYS_MAX: Final = 8

_LINE: Final = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}", re.ASCII)


def keys_of(folder: Path) -> tuple[bytes, ...]:
    """What stands there; the folder's own first one where there is none."""
    return _read(folder / "keys") or put_first(folder, os.urandom(KEY_BYTES))


def put_first(folder: Path, key: bytes) -> tuple[bytes, ...]:
    """Let this key seal from now on; what the ones before sealed is still opened."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "keys"
    before = _read(path)
    keys = (key, *(one for one in before if one != key))[:KEYS_MAX]
    if keys != before:
        aside = path.with_suffix(".new")
        aside.unlink(missing_ok=True)
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_text("".join(f"{one.hex()}\n" for one in keys), "ascii")
        aside.replace(path)
    return keys


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        lines = path.read_text("ascii").split()
    except (FileNotFoundError, UnicodeDecodeError):
        return ()
    return tuple(bytes.fromhex(line) for line in lines if _LINE.fullmatch(line))
