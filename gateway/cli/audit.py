"""`telecine audit`: who changed what, and how it was before and after."""

from __future__ import annotations

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Place, Whole, json_option, option, place_options
from gateway.cli.output import print_json, print_table, utc_ms
from gateway.cli.stdout import while_read
from gateway.cli.storing import with_store
from gateway.domain.audit import ENTRY_ID, AuditEntry
from gateway.store.edits import AUDIT_PAGE_MAX
from providers.contract import Json

COLUMNS = ("at", "actor", "action", "object")


@click.command("audit")
@option("--limit", type=Whole(1, AUDIT_PAGE_MAX), default=50, show_default=True, help="At most so many entries.")
@option("--after", metavar="ID", help="Only entries older than this one.")
@json_option
@place_options
def command(limit: int, after: str | None, *, json: bool, place: Place) -> None:
    """Show the audit log, newest first: who changed what, by a key's id or `cli` for a command.

    How a thing was before and after, and the ids for --after, are in the JSON. No secret is.

    \b
    EXAMPLES
      telecine audit --limit 10
      telecine audit --json
    """
    if after is not None and not ENTRY_ID.fullmatch(after):
        raise Failure(f'"{after}" is not the id of an entry; telecine audit --json shows them')
    found, more = with_store(place, lambda store: store.audit_page(after=after, limit=limit, descending=True))
    with while_read():
        if json:
            print_json(*map(shown, found))
            return
        print_table(COLUMNS, [shown(one) for one in found])
        if more:
            click.echo(f"there are older ones: --after {found[-1].id}", err=True)


def shown(entry: AuditEntry) -> dict[str, Json]:
    """An entry as JSON."""
    return {
        "id": entry.id,
        "at": utc_ms(entry.at_ms),
        "actor": entry.actor,
        "action": entry.action,
        "object": entry.object,
        "before": entry.before,
        "after": entry.after,
    }
