"""Folding: the figures of a worker that died go into one file for all who did, and its own files are removed.

Counters must not go back when a worker dies, and a gateway whose workers die often must not gather files.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from prometheus_client.mmap_dict import MmapedDict

from gateway.log import log, where
from gateway.metrics.exposition import turn

DEAD: Final = "dead"
SUMMED: Final = ("counter", "histogram")
_open: Final[Callable[[str], Any]] = MmapedDict
_all_of: Final[Callable[[str], Any]] = MmapedDict.read_all_values_from_file


def fold(folder: Path, pid: int) -> None:
    """Of one dead process. What it left unreadable is lost, and told."""
    with turn(folder, fcntl.LOCK_EX):
        for kind in SUMMED:
            left = folder / f"{kind}_{pid}.db"
            if left.exists():
                try:
                    _add(left, folder / f"{kind}_{DEAD}.db")
                except Exception as error:
                    log("figures_lost", level="error", worker_pid=pid, kind=kind, **where(error))
                left.unlink()
        for left in folder.glob(f"gauge_*_{pid}.db"):
            left.unlink()


def _add(left: Path, total: Path) -> None:
    read = list(_all_of(str(left)))
    sums = _open(str(total))
    try:
        for key, value, *_ in read:
            before, _ = sums.read_value(key)
            sums.write_value(key, before + value, 0.0)
    finally:
        sums.close()
