"""`telecine projects`: who pays. A project owns its keys and its videos."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import click

from gateway.cli.failure import Failure
from gateway.cli.limiting import brief_tags, limit_options, print_limits, shown_limits
from gateway.cli.options import Place, json_option, place_options
from gateway.cli.output import print_json, print_table, utc
from gateway.cli.storing import with_store
from gateway.domain import ids
from gateway.domain.admin_shapes import NAME_CHARS_MAX, is_project_name
from gateway.domain.keys import Project
from gateway.domain.limits import Limits
from gateway.store.outcomes import NameTaken
from gateway.store.store import Store
from providers.contract import Json


@click.group("projects")
def command() -> None:
    """Create and list projects: who pays.

    A project owns keys and videos; a key sees only its own project's videos. These commands work while the gateway
    runs and while it does not.
    """


@command.command("create")
@click.argument("name")
@json_option
@place_options
def create(name: str, json: bool, place: Place) -> None:
    """Create the project NAME. A name that exists is an error.

    \b
    EXAMPLES
      telecine projects create demo
      telecine projects create demo --json     {"id": "proj_…", "name": "demo", …}
    """
    if not is_project_name(name):
        raise Failure(
            f"a project's name has 1 to {NAME_CHARS_MAX} printable characters, no blank at either end, "
            "and does not begin with proj_, as ids do"
        )
    project = Project(id=ids.project_id(os.urandom(12)), name=name, created_ms=time.time_ns() // 1_000_000)
    outcome = with_store(place, lambda store: store.create_project(project), begins=True)
    if isinstance(outcome, NameTaken):
        raise Failure(f'a project is called "{name}" already')
    if json:
        print_json(shown(project))
    else:
        click.echo(
            f'created project "{name}" ({project.id}); give it a key: telecine keys create --project {project.id}'
        )


@command.command("limit")
@click.argument("project", metavar="NAME|ID")
@limit_options
@json_option
@place_options
def limit(project: str, *, limiting: Callable[[Limits], Limits], json: bool, place: Place) -> None:
    """Change limits and default tags of a project at once; without an option, show them.

    Limits hold for all its keys together. Of default tags, those of a key go before its project's, and those that a
    request names in its metadata before both.

    \b
    EXAMPLES
      telecine projects limit demo --tier tier-1 --seconds-per-day 600
      telecine projects limit demo --models sora-2 --sandbox-only yes
    """

    async def change(store: Store) -> Limits | None:
        found = await store.find_project(project)
        if found is None:
            return None
        limits = limiting(found.limits)
        return limits if limits == found.limits or await store.limit_project(found.id, limits) else None

    limits = with_store(place, change)
    if limits is None:
        raise Failure(f'no project is called "{project}"; telecine projects list shows them')
    print_limits(project, limits, json=json)


@command.command("list")
@json_option
@place_options
def list_(json: bool, place: Place) -> None:
    """List all projects by name."""
    projects = with_store(place, Store.list_projects)
    if json:
        print_json(*map(shown, projects))
    else:
        rows = [{**shown(project), "tags": brief_tags(project.limits)} for project in projects]
        print_table(("id", "name", "status", "created_at", "tags"), rows)


def shown(project: Project) -> dict[str, Json]:
    """A project as JSON."""
    return {
        "id": project.id,
        "name": project.name,
        "status": project.status.value,
        "created_at": utc(project.created_ms),
        "limits": shown_limits(project.limits),
    }
