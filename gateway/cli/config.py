"""`telecine config`: look at a configuration without running anything, and at the versions that the gateway had."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gateway.cli import config_versions
from gateway.cli.options import config_option
from gateway.config.load import load_config
from gateway.sandbox.check import check_fates
from gateway.snapshot import Snapshot, build_snapshot


@click.group("config")
def command() -> None:
    """Check a configuration file; show, compare, apply and roll back what counts.

    A running gateway applies an edit of its file by itself. These commands do the same by hand, and answer.
    """


@command.command("check")
@config_option
def check(config: Path) -> None:
    """Read the configuration as `serve` does and say what it comes to, or everything that is wrong.

    \b
    Every problem is one line on stderr, `FILE:LINE: KEY: REASON`, and the exit status is 1.
    Nothing is contacted; the environment variables that the file names must be set.

    \b
    EXAMPLE
      telecine config check --config staging.yaml
    """
    file = load_config(config, os.environ)
    snapshot = build_snapshot(file, sandbox_socket=None)
    check_fates(file)
    click.echo(summary(snapshot))


for _one in config_versions.COMMANDS:
    command.add_command(_one)


def summary(snapshot: Snapshot) -> str:
    """What clients can ask for, and who renders it."""
    lines = [f"configuration {snapshot.version} is sound"]
    for model in snapshot.models.values():
        names = [model.name, *(alias for alias, name in snapshot.aliases.items() if name == model.name)]
        lines.append(f"  {', '.join(names)}: {' > '.join(route.name for route in model.routes)}")
    return "\n".join(lines)
