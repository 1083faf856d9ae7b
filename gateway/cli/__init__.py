"""The command line. This file knows the commands' names and what every failure looks like; each command is a module.

A command's module is imported when it is used, so `telecine --help` stays quick whatever the commands need.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from typing import NoReturn

import click

from gateway import __version__
from gateway.cli.stdout import take_over_stdout
from gateway.config.problems import ConfigError

MANUAL = """\
One OpenAI-compatible endpoint for video generation in front of many providers.

\b
Start the gateway, then make a project and a key while it runs:
  telecine serve
  telecine projects create demo
  telecine keys create --project demo

\b
Point any OpenAI client at it:
  OPENAI_BASE_URL=http://127.0.0.1:8080/v1
  OPENAI_API_KEY=the key that was printed

\b
FILES
  ./config.yaml  providers and models (--config)
  ./data         the private store and the rendered clips (--data-dir)

\b
ENVIRONMENT
  Every option is also a variable: --data-dir is TELECINE_DATA_DIR.
  The command line goes before the environment; an empty variable counts as unset.

\b
EXIT STATUS
  0  done
  1  it could not be done; one sentence on stderr says why
  2  the command line cannot be understood
  3  of ledger reconcile: the bill and the books differ
"""

# Name -> (module, one line for the list of commands).
COMMANDS = {
    "serve": ("gateway.cli.serve", "Run the gateway until it is told to stop."),
    "doctor": ("gateway.cli.doctor", "Look at everything that may be wrong, and say what to do."),
    "projects": ("gateway.cli.projects", "Create and list projects: who pays."),
    "keys": ("gateway.cli.keys", "Create, list, rotate and revoke keys: who asks."),
    "budgets": ("gateway.cli.budgets", "Set and list caps on spend."),
    "usage": ("gateway.cli.usage", "Show what was spent, by day, project, model, tag and more."),
    "ledger": ("gateway.cli.ledger", "Check the books, export them, compare them with a bill."),
    "breakers": ("gateway.cli.breakers", "Show which providers and routes are left alone; close a breaker."),
    "webhooks": ("gateway.cli.webhooks", "Send events to addresses, signed; send again what was not delivered."),
    "store": ("gateway.cli.store", "Look at the store; accept one that forgot commits."),
    "providers": (
        "gateway.cli.providers",
        "List the vendors; look at one; try one with a clip; drain it.",
    ),
    "route": ("gateway.cli.route", "Show where a video would go now, and why; nothing is made."),
    "videos": ("gateway.cli.videos", "Find videos; look into one; have it cancelled, or made again."),
    "doubts": ("gateway.cli.doubts", "List submissions of unknown outcome; say what became of one."),
    "explain": ("gateway.cli.explain", "Tell why a video is where it is: plan, attempts, money."),
    "audit": ("gateway.cli.audit", "Show who changed what."),
    "config": ("gateway.cli.config", "Check a configuration; compare, apply and roll back its versions."),
}


class Commands(click.Group):
    """A group whose commands are imported when they are used; the list of them needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        gc.disable()  # what is imported stays
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        gc.enable()
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=Commands, help=MANUAL, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="telecine %(version)s")
def telecine() -> None:
    pass


def main() -> NoReturn:
    """The program `telecine`."""
    if sys.argv[1:2] == ["serve"]:
        # Its imports take a moment, and a stop that comes meanwhile is a stop as told: nothing has begun.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os._exit(0))
    try:
        take_over_stdout()
        telecine.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    sys.exit(0)
