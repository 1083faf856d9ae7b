"""What becomes of a command's result where nobody reads it to its end, or where it cannot be written at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TYPE_CHECKING

from gateway.cli.failure import Failure

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Unwritten(Failure):
    """The command has done what it does, and nobody can be told of it."""


class _Bytes(FileIO):
    """Where stdout leads. An OSError of a command may be about anything; this one says that it is about its result."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            _forget_stdout()
            raise Unwritten(f"the result cannot be written: {error.strerror}") from error


class _Text(TextIOWrapper):
    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except UnicodeEncodeError as error:
            _forget_stdout()
            sign = f"U+{ord(text[error.start]):04X}"
            raise Unwritten(
                f"the result cannot be written: stdout's encoding {self.encoding} has no {sign}; "
                "PYTHONIOENCODING=utf-8 has every character"
            ) from error


def take_over_stdout() -> None:
    """What cannot be written to it is an Unwritten from here on. Failure where there is no stdout at all: the first
    file that the command opens would take its number."""
    if sys.stdout is None:
        raise Failure("stdout is closed: there is nowhere to write the result to, and nothing was done")
    before = sys.stdout
    before.flush()
    raw = _Bytes(before.fileno(), "w", closefd=False)
    sys.stdout = _Text(
        BufferedWriter(raw), encoding=before.encoding, errors=before.errors, line_buffering=before.isatty()
    )


@contextmanager
def only_here(what: str, instead: str) -> Iterator[None]:
    """For a secret that is shown once: where it cannot be written, it is lost, and the failure says what to do."""
    try:
        yield
    except Unwritten as error:
        raise Failure(f"{error.message}; nobody has seen the secret of {what}: {instead}") from error


@contextmanager
def while_read() -> Iterator[None]:
    """Whoever reads our output may have enough of it (`| head`): then the rest is not printed, and nothing is said."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()


def _forget_stdout() -> None:
    """What is still on its way must go somewhere when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
