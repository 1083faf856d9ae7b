"""`telecine ledger`: the books of a live store, checked, exported and compared with a vendor's bill."""

from __future__ import annotations

import sys

import click

from gateway.cli import ledger_export, ledger_reconcile, ledger_word
from gateway.cli.options import Place, json_option, place_options
from gateway.cli.output import print_json
from gateway.cli.storing import with_store
from gateway.store.store import Store


@click.group("ledger")
def command() -> None:
    """Check the books, export them, compare them with a vendor's bill, correct them.

    Every hold, settle and void is an entry that never changes; counters move with them, and a correction is one more
    entry. These commands work while the gateway runs and while it does not.
    """


command.add_command(ledger_export.export)
command.add_command(ledger_reconcile.reconcile_bill)
command.add_command(ledger_word.disputes)
command.add_command(ledger_word.decide_)
command.add_command(ledger_word.adjust)


@command.command("verify")
@json_option
@place_options
def verify(json: bool, place: Place) -> None:
    """Recompute every counter, every open hold and every row of usage from the entries, and name each difference.

    \b
    EXIT STATUS
      0  the books are right
      1  they are not; each line is one difference
    """
    differences = with_store(place, Store.verify)
    if json:
        print_json({"differences": list(differences)})
    elif differences:
        click.echo("\n".join(differences))
    else:
        click.echo("the books are right: counters, open holds and usage equal the sum of the entries")
    if differences:
        sys.exit(1)
