"""What a command says when it cannot do what it was asked."""

from __future__ import annotations

from typing import IO, Any

import click


class Failure(click.ClickException):
    """One sentence on one line of stderr, and exit status 1. It may quote what somebody typed: nothing of it moves the
    cursor or begins a line."""

    def show(self, file: IO[Any] | None = None) -> None:
        line = "".join(char if char.isprintable() else "?" for char in self.message)
        click.echo(f"telecine: {line}", file=file, err=file is None)
