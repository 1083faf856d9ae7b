"""The child's side: it says that it is ready, answers each line with one, and ends when its input does.

It may be fed by strangers, so it owns nothing, is bounded in everything, and dies with its parent. Light: what the work
needs is imported by who does it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import IO, Final, NamedTuple

from gateway.lifetime import end_with_parent

READY: Final = b"ready\n"
NICENESS: Final = 5  # whoever waits for an answer goes first
DESCRIPTORS_MAX: Final = 64
_PR_SET_NO_NEW_PRIVS = 38


class Confines(NamedTuple):
    """`address_bytes`: of memory that is mapped, not only used; `file_bytes`: of each file it writes."""

    address_bytes: int
    file_bytes: int
    line_bytes: int


def answer_lines(confines: Confines, begin: Callable[[], Callable[[bytes], bytes]]) -> None:
    """For a program that is started with its parent's process id as its argument. `begin` imports what the work needs,
    below the limits, and returns the work: a line without its end, to another."""
    answers = _own_stdout()
    end_with_parent(int(sys.argv[1]), signal.SIGKILL)
    _confine(confines)
    work = begin()
    answers.write(READY)
    while line := sys.stdin.buffer.readline(confines.line_bytes):
        answers.write(work(line) + b"\n")


def allow_cpu(seconds: int) -> None:
    """For the job at hand. The kernel counts the processor time of a whole life, so every job moves the mark."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + seconds, hard))


def _own_stdout() -> IO[bytes]:
    """Keep the pipe to the parent for answers; what a library prints goes where stderr goes."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _confine(confines: Confines) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.nice(NICENESS)
    limits = {
        resource.RLIMIT_AS: confines.address_bytes,
        resource.RLIMIT_FSIZE: confines.file_bytes,
        resource.RLIMIT_NOFILE: DESCRIPTORS_MAX,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))
