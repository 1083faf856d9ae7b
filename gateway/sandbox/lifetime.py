"""A process that ends with its parent, however the parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int | None) -> None:
    """Ask Linux for SIGTERM at the parent's end, and leave at once if it has ended already.

    The signal follows the parent's *thread* that started this process. Elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    before = os.getppid() if parent is None else parent
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != before:
        sys.exit("the parent has ended")
