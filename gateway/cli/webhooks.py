"""`telecine webhooks`: where events go, the secrets that sign them, and what could not be delivered."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import click

from gateway.cli.failure import Failure
from gateway.cli.hands import my_hand
from gateway.cli.limiting import Several
from gateway.cli.options import Duration, Moment, Place, Whole, json_option, option, place_options
from gateway.cli.output import print_json, print_table
from gateway.cli.stdout import only_here
from gateway.cli.storing import with_store
from gateway.config.load import load_config
from gateway.domain import targets
from gateway.domain.deliveries import shown
from gateway.domain.errors import ClientError
from gateway.domain.events import ENDS, Event
from gateway.domain.targets import GATEWAY, NAME_CHARS_MAX, OVERLAP_S_MAX, Target
from gateway.store.store import Store
from gateway.upstream.webhooks import Poster
from gateway.work import targeting
from gateway.work.targeting import Which, Wish
from providers.contract import Json

T = TypeVar("T")
COLUMNS: Final = ("id", "scope", "name", "url", "events", "status")
DEAD_COLUMNS: Final = ("id", "type", "about", "target", "given_up_at", "tries", "why")


def _event(word: str) -> Event:
    return Event(word)


class Overlap(Duration):
    """`24h`; `0` is none."""

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return 0 if str(value) == "0" else super().convert(value, param, ctx)


@click.group("webhooks")
def command() -> None:
    """Send events to addresses: set targets, rotate their secrets, send once more what could not be delivered.

    A target belongs to a project, a key or the gateway, and hears of the videos of that. Beside these, every create may
    name an address of its own (`webhook_url`). Everything is signed by Standard Webhooks, as OpenAI's SDKs verify it.
    What is changed here holds for the running gateway within a second or two.

    \b
    SCOPE
      project:NAME|ID   key:ID   gateway
    """


@command.command("create")
@click.argument("scope")
@click.argument("url")
@option("--name", default="", metavar="TEXT", help="A name to know it by.")
@option(
    "--events",
    type=Several("video.completed,video.failed", _event),
    metavar="A,B",
    help="What it hears. [default: video.completed,video.failed]",
)
@json_option
@place_options
def create(scope: str, url: str, *, name: str, events: tuple[Event, ...] | None, json: bool, place: Place) -> None:
    """Send the events of SCOPE to URL, and print the secret that signs them, which cannot be shown again.

    \b
    EVENTS
      video.started  video.completed  video.failed
      budget.threshold  budget.overrun            of the scope, or all for the gateway
      charge.disputed  provider.down  provider.up  provider.drained
      config.reloaded  config.refused  webhook.disabled        for the gateway only

    \b
    EXAMPLES
      telecine webhooks create project:films https://films.example.com/hooks
      telecine webhooks create gateway https://ops.example.com/hooks --events provider.down,budget.overrun
    """
    if len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise Failure(f"a target's name has at most {NAME_CHARS_MAX} printable characters")
    _refuse_inside(url, place)

    async def make(store: Store) -> tuple[Target, str]:
        wish = Wish(scope=await _scope(store, scope), url=url, name=name, events=events or ENDS)
        return await targeting.create(store, wish, my_hand())

    target, secret = _told(place, make, begins=True)
    _print_secret(target, secret, json=json)


@command.command("list")
@json_option
@place_options
def list_(json: bool, place: Place) -> None:
    """List every target, without secrets. `requests.…` stands for the addresses in a project's requests."""
    rows = [targets.shown(one) for one in with_store(place, lambda store: store.targets())]
    if json:
        print_json(*rows)
    else:
        print_table(COLUMNS, [{**row, "events": _listed(row["events"])} for row in rows])


@command.command("rotate")
@click.argument("target_id", metavar="ID")
@option(
    "--overlap",
    type=Overlap("30d is the longest"),
    default="24h",
    show_default=True,
    metavar="DURATION|0",
    help="For so long the old secret signs beside the new one.",
)
@json_option
@place_options
def rotate(target_id: str, *, overlap: int, json: bool, place: Place) -> None:
    """Give the target ID a new secret and print it.

    \b
    EXAMPLE
      telecine webhooks rotate wht_0123456789abcdef01234567 --overlap 1h
    """
    if overlap > OVERLAP_S_MAX:
        raise Failure("two secrets sign side by side for at most 30d")
    target, secret = _told(place, lambda store: targeting.rotate(store, target_id, my_hand(), overlap))
    _print_secret(target, secret, json=json)


@command.command("secret")
@click.argument("project")
@json_option
@place_options
def secret(project: str, json: bool, place: Place) -> None:
    """Print the secret that signs what goes to the addresses in requests of PROJECT; it is made if there is none.

    \b
    EXAMPLE
      export OPENAI_WEBHOOK_SECRET=$(telecine webhooks secret films)
    """

    async def look(store: Store) -> Target:
        found = await store.find_project(project)
        if found is None:
            raise Failure(f'no project is called "{project}"; telecine projects list shows them')
        return await targeting.request_target(store, found.id, my_hand())

    target = _told(place, look)
    _print_secret(target, target.secrets[0].text, json=json)


@command.command("enable")
@click.argument("target_id", metavar="ID")
@json_option
@place_options
def enable(target_id: str, json: bool, place: Place) -> None:
    """Send to the target ID again. What was given up meanwhile is sent by `replay`."""
    _print_changed(_told(place, lambda store: targeting.enable(store, target_id, my_hand())), json=json)


@command.command("disable")
@click.argument("target_id", metavar="ID")
@json_option
@place_options
def disable(target_id: str, json: bool, place: Place) -> None:
    """Send nothing to the target ID until it is enabled."""
    _print_changed(_told(place, lambda store: targeting.stop(store, target_id, my_hand())), json=json)


@command.command("remove")
@click.argument("target_id", metavar="ID")
@json_option
@place_options
def remove(target_id: str, json: bool, place: Place) -> None:
    """Remove the target ID. What is on its way there becomes dead letters."""
    _told(place, lambda store: targeting.remove(store, target_id, my_hand()))
    if json:
        print_json({"id": target_id, "status": "removed"})
    else:
        click.echo(f"removed {target_id}")


@command.command("dead")
@option("--limit", type=Whole(1, 1_000), default=50, show_default=True, help="At most so many, the newest first.")
@json_option
@place_options
def dead(*, limit: int, json: bool, place: Place) -> None:
    """List dead letters: events that could not be delivered within about three days, or at all, and why."""
    found = with_store(place, lambda store: store.dead_letters(after=None, limit=limit))
    if json:
        print_json(*map(shown, found.letters))
    elif found.letters:
        print_table(DEAD_COLUMNS, list(map(shown, found.letters)))
    else:
        click.echo("everything was delivered, or is still on its way")
    if found.more:
        click.echo("there are more than are shown; --limit shows more", err=True)


@command.command("replay")
@click.argument("delivery_id", metavar="[ID]", required=False)
@option("--target", metavar="ID", help="Those to this target.")
@option("--event", type=click.Choice([one.value for one in Event]), help="Those of this event.")
@option("--about", metavar="ID", help="Those about this video, provider or budget.")
@option("--until", type=Moment(), metavar="MOMENT", help="Those that were given up before then.")
@option("--all", is_flag=True, help="Every one.")
@json_option
@place_options
def replay(
    delivery_id: str | None,
    *,
    target: str | None,
    event: str | None,
    about: str | None,
    until: int | None,
    all: bool,  # noqa: A002 - the option's name
    json: bool,
    place: Place,
) -> None:
    """Send dead letters once more: the one with ID, or all that fit the options. They keep their `webhook-id`.

    \b
    EXAMPLES
      telecine webhooks replay --all
      telecine webhooks replay --target wht_0123456789abcdef01234567 --event video.completed
    """
    said = (delivery_id, target, event, about, until)
    if all == any(one is not None for one in said):
        raise click.UsageError("say which dead letters: an ID, --target, --event, --about, --until, or else --all")
    kind = None if event is None else Event(event)
    which = Which(id=delivery_id, target=target, event=kind, about=about, until_ms=until)
    done = _told(place, lambda store: targeting.replay(store, which, my_hand()))
    if json:
        print_json({"replayed": done})
    else:
        click.echo(f"sent once more: {done}")


def _told(place: Place, use: Callable[[Store], Awaitable[T]], *, begins: bool = False) -> T:
    try:
        return with_store(place, use, begins=begins)
    except ClientError as error:
        raise Failure(error.message) from error


async def _scope(store: Store, text: str) -> str:
    """`project:films` as the store names it."""
    kind, _, name = text.partition(":")
    if text == GATEWAY:
        return GATEWAY
    if kind == "project":
        project = await store.find_project(name)
        if project is None:
            raise Failure(f'no project is called "{name}"; telecine projects list shows them')
        return f"project/{project.id}"
    if kind == "key":
        if name not in {key.id for key in await store.list_keys()}:
            raise Failure(f'no key has the id "{name}"; telecine keys list shows them')
        return f"key/{name}"
    raise Failure(f'"{text}" is no scope; write project:NAME, key:ID or gateway')


def _listed(value: Json) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else ""


def _refuse_inside(url: str, place: Place) -> None:
    try:
        targets.url_of("URL", url)
    except ClientError as error:
        raise Failure(error.message) from error
    allowed = load_config(place.config, os.environ).config.webhooks.allow_private
    if not Poster().may_go(url, allow_private=allowed):
        raise Failure(
            "webhooks go to public addresses that begin with https:// only; "
            f"webhooks.allow_private in {place.config} allows others"
        )


def _print_secret(target: Target, text: str, *, json: bool) -> None:
    with only_here(target.id, f"telecine webhooks rotate {target.id}"):
        if json:
            print_json({**targets.shown(target), "signing_secret": text})
        else:
            click.echo(f"{target.id} is signed with this secret", err=True)
            click.echo(text)


def _print_changed(target: Target, *, json: bool) -> None:
    if json:
        print_json(targets.shown(target))
    else:
        click.echo(f"{target.id} is {'disabled' if target.disabled else 'enabled'}")
