"""One piece of rendering in a process of its own: a task as JSON on stdin, one line of JSON on stdout, then the end.

The process limits itself before it reads a stranger's file: memory, processor time, size of what it writes.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import msgspec

from gateway.lifetime import end_with_parent
from gateway.sandbox.orders import Done, Task

MEMORY_BYTES_MAX = 3 * 1024**3  # of address space; what is resident stays far below
CPU_S_MAX = 120
FILE_BYTES_MAX = 256 * 1024**2
TASK_BYTES_MAX = 256 * 1024


def main() -> None:
    end_with_parent(int(sys.argv[1]), signal.SIGTERM)
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_FSIZE, FILE_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    os.nice(5)  # whoever answers requests goes first
    task = msgspec.json.decode(sys.stdin.buffer.read(TASK_BYTES_MAX), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(_work(task)))


def _work(task: Task) -> Done:
    # Imported here, below the limits.
    from gateway.sandbox.render import direction, film, stills  # noqa: PLC0415

    out = Path(task.out)
    try:
        if task.kind == "video":
            direction.shoot(task.order, Path(task.uploads), out)
        else:
            still = stills.thumbnail if task.kind == "thumbnail" else stills.spritesheet
            still(Path(task.clip or ""), out)
    except film.WrongSource as error:
        return Done(str(error))
    return Done()


if __name__ == "__main__":
    main()
