"""`telecine` as a user runs it: a process of its own, its words, its exit status.

The processes are forks of one that has imported the commands already: what a command does takes a few milliseconds, its
imports most of a second.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.cli import COMMANDS, main

SECONDS_MAX: Final = 60.0

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([module for module, _ in COMMANDS.values()])


class Done(Struct, frozen=True):
    status: int
    out: str
    err: str


def telecine(folder: Path, words: Sequence[str], environ: Mapping[str, str]) -> Done:
    """Run it in a folder; `environ` is all that it finds in its environment."""
    with tempfile.TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = _FORKS.Process(target=_run, args=(folder, tuple(words), dict(environ), out, err))
        process.start()
        try:
            process.join(SECONDS_MAX)
            assert process.exitcode is not None, f"telecine {' '.join(words)} takes longer than {SECONDS_MAX} s"
        finally:
            process.kill()
        return Done(process.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))


def _run(folder: Path, words: tuple[str, ...], environ: dict[str, str], out: Path, err: Path) -> None:
    """In the fork: become a process that a shell has started."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT),
        (2, err, os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(path, flags), descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = ["telecine", *words]
    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a fork ends without them
