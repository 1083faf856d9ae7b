"""`telecine videos list`: videos of all projects that fit, the newest first, as `/admin/videos` finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Place, Whole, json_option, option, period_options, place_options
from gateway.cli.output import print_json, print_table
from gateway.cli.stdout import while_read
from gateway.cli.storing import with_store
from gateway.domain.ids import VIDEO_ID
from gateway.domain.moments import Period
from gateway.domain.search import STATES, Finding, Sought, Span, sought_tag, told
from gateway.store.store import Store

COLUMNS: Final = ("id", "state", "project", "model", "seconds", "created_at", "cost_usd", "error")
LIMIT_MAX: Final = 500


@click.command("list")
@option("--project", metavar="PROJECT", help="Only of this one, by name or id.")
@option("--state", type=click.Choice(sorted(STATES)), help="Only in this state, or public status.")
@option("--model", metavar="MODEL", help="Only of this model, as the client named it.")
@option("--provider", metavar="NAME", help="Only with an attempt at this provider.")
@option("--key", metavar="ID", help="Only of this key.")
@option("--tag", metavar="NAME[=VALUE]", help="Only with this tag.")
@period_options
@option("--limit", type=Whole(1, LIMIT_MAX), default=50, show_default=True, help="At most so many, the newest first.")
@option("--after", metavar="ID", help="Only videos older than this one.")
@json_option
@place_options
def list_(
    *,
    project: str | None,
    state: str | None,
    model: str | None,
    provider: str | None,
    key: str | None,
    tag: str | None,
    period: Period,
    limit: int,
    after: str | None,
    json: bool,
    place: Place,
) -> None:
    """List videos of all projects that fit, the newest first. Deleted ones are left out, and no prompt is shown.

    One search looks at 500 videos at most, and says how to go on where there are more.

    \b
    EXAMPLES
      telecine videos list --state failed --since 2026-01-31
      telecine videos list --project films --tag campaign=spring --json
    """
    if after is not None and not VIDEO_ID.fullmatch(after):
        raise Failure(f'"{after}" is not the id of a video')
    sought = Sought(state=state, model=model, provider=provider, key=key, tag=sought_tag(tag))
    span = Span(since_ms=period.since_ms, until_ms=period.until_ms, after=after)

    async def look(store: Store) -> Finding:
        return await store.search(await _owners(store, project), sought, span, limit=limit)

    found = with_store(place, look)
    with while_read():
        rows = [told(one) for one in found.videos]
        if json:
            print_json(*rows)
        elif rows:
            print_table(COLUMNS, rows)
        elif found.complete:
            click.echo("no video fits")
        if not found.complete:
            click.echo(f"there may be older ones: --after {found.scanned_to}", err=True)


async def _owners(store: Store, project: str | None) -> Sequence[str]:
    if project is None:
        return [one.id for one in await store.list_projects()]
    found = await store.find_project(project)
    if found is None:
        raise Failure(f'no project is called "{project}"; telecine projects list shows them')
    return [found.id]
