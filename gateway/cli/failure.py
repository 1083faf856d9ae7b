"""What a command says when it cannot do what it was asked."""

from __future__ import annotations

from typing import IO, Any

import click


class Failure(click.ClickException):
    """One sentence on stderr, and exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"telecine: {self.message}", file=file, err=file is None)
