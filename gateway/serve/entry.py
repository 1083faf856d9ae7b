"""Where a new worker process begins. Light, because the master imports it too, and never builds an application."""

from __future__ import annotations

import gc
import importlib
import signal
from typing import Any

from msgspec import Struct

from gateway.lifetime import end_with_parent
from gateway.log import take_over_libraries


class Task(Struct, frozen=True, kw_only=True):
    """What the master tells a worker; it travels as a pickle."""

    master: int  # process id
    grace_s: float
    site: dict[str, Any]  # `wiring.Site`


def load(task: Task) -> Any:
    """The ASGI application of this process: granian calls this in it, first of all."""
    # Without its master a worker has no store and no port: nothing it could still do would be worth anything.
    end_with_parent(task.master, signal.SIGKILL)
    take_over_libraries()
    gc.disable()  # what is imported stays; the worker puts it aside and goes on collecting once all is there
    return importlib.import_module("gateway.serve.worker").Worker(task)
