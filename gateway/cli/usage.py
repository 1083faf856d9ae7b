"""`telecine usage`: what was spent, by day, project, model, tag and more; for people, as JSON Lines or as CSV."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from msgspec.structs import replace

from gateway.cli.failure import Failure
from gateway.cli.options import Place, json_option, option, place_options
from gateway.cli.output import print_json, print_table
from gateway.cli.stdout import while_read
from gateway.cli.storing import with_store
from gateway.domain.usage_query import BadQuery, Query, read_query
from gateway.domain.usage_report import LINES_MAX, Report, TooManyLines, as_csv, as_rows
from gateway.store.store import Store
from gateway.store.usage import TooManyCells, UsageBehind
from providers.contract import Json

# A column for people, and the figure that it shows.
FIGURES = {
    "videos": "videos_completed",
    "spend": "spend_usd",
    "held": "held_usd",
    "per_video": "cost_per_video_usd",
    "failed": "failed_spend_usd",
    "adjusted": "adjusted_usd",
    "savings": "savings_usd",
    "house": "house_spend_usd",
}


@click.command("usage")
@option("--since", metavar="DAY", help="The first day that counts (UTC). [default: 30 days before the end]")
@option("--until", metavar="DAY", help="The first day that no longer counts. [default: tomorrow]")
@option("--by", default="", metavar="NAMES", help="Group by these, between commas. [default: one sum of all]")
@option("--where", multiple=True, metavar="NAME=VALUE", help="Only what has this value; may be given again.")
@option("--project", metavar="NAME|ID", help="Only this project.")
@option("--csv", is_flag=True, help="Print CSV.")
@json_option
@place_options
def command(
    *,
    since: str | None,
    until: str | None,
    by: str,
    where: Sequence[str],
    project: str | None,
    csv: bool,
    json: bool,
    place: Place,
) -> None:
    """Show what was spent, exact to this moment.

    Dollars by default. What is held is what is still held of the holds made in these days. Failed is what was settled
    for attempts that gave nobody a clip, savings what the completed videos would have cost more on the dearest route
    that could serve them, house what the house bears of the spend.

    \b
    NAMES
      day month project key provider route model tag:NAME

    \b
    EXAMPLES
      telecine usage --by day
      telecine usage --by model,tag:campaign --project demo
      telecine usage --since 2026-11-01 --until 2026-12-01 --by project --csv
    """
    if csv and json:
        raise click.UsageError("--csv and --json exclude each other")
    fields = {name: value for name, value in (("from", since), ("until", until)) if value is not None}
    report = with_store(place, lambda store: _ask(store, {**_filters(where), **fields, "group_by": by}, project))
    with while_read():
        if csv:
            click.echo(as_csv(report).decode(), nl=False)
        elif json:
            print_json(*as_rows(report))
        else:
            _print(report)


def _filters(where: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in where:
        name, sign, value = one.partition("=")
        if not sign or name in found or name in ("from", "until", "group_by"):
            raise click.UsageError(f"{one!r} is not NAME=VALUE such as model=sora-2, or names a thing twice")
        found[name] = value
    return found


async def _ask(store: Store, fields: dict[str, str], project: str | None) -> Report:
    query = _query(fields)
    if project is not None:
        owner = await store.find_project(project)
        if owner is None:
            raise Failure(f'no project is called "{project}"; telecine projects list shows them')
        query = replace(query, project=owner.id)
    try:
        await store.catch_up()  # no gateway may be running to do it
        return await store.usage(query)
    except TooManyLines as error:
        raise Failure(f"there are more than {LINES_MAX} lines; ask for fewer days, or group by less") from error
    except TooManyCells as error:
        raise Failure("that is about too many projects and days at once; ask for fewer days") from error
    except UsageBehind as error:
        raise Failure("usage is still being added up; try again in a moment") from error


def _query(fields: dict[str, str]) -> Query:
    try:
        return read_query(fields, time.time_ns() // 1_000_000)
    except BadQuery as error:
        raise Failure(str(error).replace("'from'", "--since").replace("'until'", "--until")) from error


def _print(report: Report) -> None:
    names = report.query.group_by
    rows: list[dict[str, Json]] = []
    for row in as_rows(report):
        shown = {column: str(row[figure] if row[figure] is not None else "-") for column, figure in FIGURES.items()}
        texts = {name: row.get(name) for name in names}
        if row["line"] == "total":
            texts = {name: "total" if at == 0 else None for at, name in enumerate(names)}
        elif row["line"] == "other":
            texts = {name: "(other)" if name.startswith("tag:") else text for name, text in texts.items()}
        rows.append({**{name: _plain(text) for name, text in texts.items()}, **shown})
    print_table((*names, *FIGURES), rows)


def _plain(text: Json) -> Json:
    """A tag may have lines, a table's cell has none."""
    return " ".join(text.split()) if isinstance(text, str) else text
