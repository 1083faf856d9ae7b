"""`telecine keys`: who asks. A key's secret is shown once, by the command that creates it, and kept nowhere."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

import click

from gateway.cli.failure import Failure
from gateway.cli.limiting import brief_tags, limit_options, print_limits, shown_limits
from gateway.cli.options import Duration, OrZero, Place, duration_text, json_option, option, place_options
from gateway.cli.output import print_json, print_table, utc
from gateway.cli.stdout import only_here
from gateway.cli.storing import with_store
from gateway.domain import ids
from gateway.domain.keys import OVERLAP_S, OVERLAP_S_MAX, SECRET_BYTES, Key, digest, new_secret
from gateway.domain.limits import NOTHING, Limits
from gateway.store.outcomes import ProjectGone
from gateway.store.store import Store
from providers.contract import Json

ROLES = ("1", "10", "100")
_DISPLAY_NAME = re.compile(r"[^\x00-\x1f\x7f]{0,100}")


@click.group("keys")
def command() -> None:
    """Create, list, rotate and revoke keys: who asks.

    A key belongs to a project. Its secret is shown once, when it is created, and stored only as a digest. These
    commands work while the gateway runs and while it does not.
    """


@command.command("create")
@option("--project", required=True, metavar="NAME|ID", help="The project that pays.")
@option("--name", default="", metavar="TEXT", help="A name to know it by, such as who uses it.")
@option(
    "--role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="1 uses the API, 10 also administers (/admin), 100 controls.",
)
@option(
    "--expires-in",
    type=Duration("leave it out for a key that never expires"),
    metavar="DURATION",
    help="Such as 90s, 15m, 12h or 30d; a number alone is seconds. [default: never]",
)
@limit_options
@json_option
@place_options
def create(
    project: str,
    name: str,
    *,
    role: str,
    expires_in: int | None,
    limiting: Callable[[Limits], Limits],
    json: bool,
    place: Place,
) -> None:
    """Create a key and print its secret, which cannot be shown again.

    \b
    EXAMPLES
      export OPENAI_API_KEY=$(telecine keys create --project demo)
      telecine keys create --project demo --expires-in 30d --json     {"id": "key_…", "key": "sk-tc-…", …}
      telecine keys create --project demo --role 10
      telecine keys create --project demo --tag campaign=spring --tag owner=anna
    """
    if not _DISPLAY_NAME.fullmatch(name):
        raise Failure("a key's name has at most 100 printable characters")
    secret = new_secret(os.urandom(SECRET_BYTES))
    now_ms = time.time_ns() // 1_000_000

    async def make(store: Store) -> Key | None:
        owner = await store.find_project(project)
        if owner is None:
            return None
        key = Key(
            id=ids.key_id(os.urandom(12)),
            project=owner.id,
            name=name,
            role=int(role),
            created_ms=now_ms,
            expires_ms=now_ms + expires_in * 1_000 if expires_in else 0,
            limits=limiting(NOTHING),
        )
        made = await store.create_key(key, digest(secret))
        return None if isinstance(made, ProjectGone) else made

    key = with_store(place, make)
    if key is None:
        raise Failure(f'no project is called "{project}"; telecine projects list shows them')
    with only_here(key.id, f"telecine keys revoke {key.id}"):
        if json:
            print_json({**shown(key), "key": secret})
        else:
            click.echo(f"created key {key.id}; this is the only time that its secret is shown", err=True)
            click.echo(secret)


@command.command("list")
@option("--project", metavar="NAME|ID", help="Only the keys of this project.")
@json_option
@place_options
def list_(project: str | None, json: bool, place: Place) -> None:
    """List keys by age, without their secrets."""

    async def look(store: Store) -> list[Key] | None:
        if project is None:
            return await store.list_keys()
        owner = await store.find_project(project)
        return None if owner is None else await store.list_keys(owner.id)

    found = with_store(place, look)
    if found is None:
        raise Failure(f'no project is called "{project}"; telecine projects list shows them')
    if json:
        print_json(*map(shown, found))
    else:
        rows = [{**shown(key), "tags": brief_tags(key.limits)} for key in found]
        print_table(("id", "project", "name", "role", "status", "created_at", "expires_at", "tags"), rows)


@command.command("limit")
@click.argument("key_id", metavar="ID")
@limit_options
@json_option
@place_options
def limit(key_id: str, *, limiting: Callable[[Limits], Limits], json: bool, place: Place) -> None:
    """Change limits and default tags of the key ID at once; without an option, show them.

    What is not named stays as it is. Videos keep the tags that they were admitted with.

    \b
    EXAMPLES
      telecine keys limit key_0123456789abcdef01234567 --rpm 25 --in-flight 10 --max-cost 2.50
      telecine keys limit key_0123456789abcdef01234567 --rpm none --tag owner=anna --no-tag campaign
    """

    async def change(store: Store) -> Limits | None:
        found = next((key for key in await store.list_keys() if key.id == key_id), None)
        if found is None:
            return None
        limits = limiting(found.limits)
        return limits if limits == found.limits or await store.limit_key(key_id, limits) else None

    limits = with_store(place, change)
    if limits is None:
        raise Failure(f'no key has the id "{key_id}"; telecine keys list shows them')
    print_limits(key_id, limits, json=json)


@command.command("rotate")
@click.argument("key_id", metavar="ID")
@option(
    "--overlap",
    type=OrZero("let both secrets live less long"),
    default=duration_text(OVERLAP_S),
    show_default=True,
    metavar="DURATION|0",
    help="For so long the secret before is valid too; 0: it ends at once.",
)
@json_option
@place_options
def rotate(key_id: str, overlap: int, json: bool, place: Place) -> None:
    """Give the key ID a new secret and print it; the one before is valid for a while, any earlier one no more.

    Its id, its limits and what counts against them stay.

    \b
    EXAMPLES
      telecine keys rotate key_0123456789abcdef01234567
      telecine keys rotate key_0123456789abcdef01234567 --overlap 0
    """
    if overlap > OVERLAP_S_MAX:
        raise Failure(f"an overlap lasts {OVERLAP_S_MAX // 86_400} days at most")
    secret = new_secret(os.urandom(SECRET_BYTES))
    until_ms = time.time_ns() // 1_000_000 + overlap * 1_000 if overlap else 0
    key = with_store(place, lambda store: store.rotate_key(key_id, digest(secret), old_until_ms=until_ms))
    if key is None:
        raise Failure(f'no key that may ask has the id "{key_id}"; telecine keys list shows them')
    until_ms = min(until_ms, key.expires_ms or until_ms)
    with only_here(key_id, "rotate it again, or revoke it"):
        if json:
            print_json({"id": key_id, "key": secret, "old_valid_until": utc(until_ms) if until_ms else None})
        else:
            old = f"the one before is valid until {utc(until_ms)}" if until_ms else "the one before is valid no more"
            click.echo(f"a new secret for {key_id}, shown this once; {old}", err=True)
            click.echo(secret)


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@json_option
@place_options
def revoke(key_id: str, json: bool, place: Place) -> None:
    """Revoke the key ID at once. Videos that it has created already are finished.

    \b
    EXAMPLE
      telecine keys revoke key_0123456789abcdef01234567
    """
    if not with_store(place, lambda store: store.revoke_key(key_id)):
        raise Failure(f'no key has the id "{key_id}"; telecine keys list shows them')
    if json:
        print_json({"id": key_id, "status": "revoked"})
    else:
        click.echo(f"revoked key {key_id}")


def shown(key: Key) -> dict[str, Json]:
    """A key as JSON, without its secret."""
    return {
        "id": key.id,
        "project": key.project,
        "name": key.name,
        "role": key.role,
        "status": key.status.value,
        "created_at": utc(key.created_ms),
        "expires_at": utc(key.expires_ms) if key.expires_ms else None,
        "limits": shown_limits(key.limits),
    }
