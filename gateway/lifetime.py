"""A process that ends with the process that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

STDERR = 2
_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, by: signal.Signals) -> None:
    """Ask Linux for a signal at the parent's end, and leave at once if it has ended already.

    The signal follows the parent's *thread* that started this process: start such processes from one that stays.
    Elsewhere than on Linux nothing happens; there a supervisor has to look after orphans.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    leave_if_orphaned(parent)


def leave_if_orphaned(parent: int) -> None:
    """The parent may have ended before anybody asked for a signal."""
    if os.getppid() != parent:
        os.write(STDERR, b"the parent has ended\n")
        os._exit(1)
