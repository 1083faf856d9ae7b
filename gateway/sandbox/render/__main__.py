"""The process that renders: each line is a task as JSON, answered with one line when its file is there.

It limits itself before it reads a stranger's file, and before it imports what reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.children.child import Confines, allow_cpu, answer_lines
from gateway.sandbox.orders import TASK_BYTES_MAX, Done, Task, decode_task, encode

CPU_S_MAX: Final = 120
CONFINES: Final = Confines(
    address_bytes=3 * 1024**3,  # what is resident stays far below
    file_bytes=256 * 1024**2,
    line_bytes=TASK_BYTES_MAX,
)


def begin() -> Callable[[bytes], bytes]:
    from gateway.sandbox.render import direction, film, stills  # noqa: PLC0415 - below the limits

    def work(task: Task) -> Done:
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

    def answer(line: bytes) -> bytes:
        allow_cpu(CPU_S_MAX)
        return encode(work(decode_task(line)))

    return answer


if __name__ == "__main__":
    answer_lines(CONFINES, begin)
