"""Who typed a command, as far as this machine knows: for what is written down about it."""

from __future__ import annotations

import getpass


def who() -> str:
    try:
        name = getpass.getuser()[:100]
    except (KeyError, OSError):
        return "somebody"
    return name if name.isprintable() and name else "somebody"
