"""`telecine config diff`, `apply`, `history`, `show`, `rollback`: the versions in the store, by hand."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Place, Whole, json_option, option, place_options
from gateway.cli.output import print_json, print_table, utc
from gateway.cli.stdout import while_read
from gateway.cli.storing import with_store
from gateway.config.load import load_config
from gateway.config.masking import masked
from gateway.domain.audit import CLI
from gateway.domain.config_changes import Changed, ConfigChanges
from gateway.domain.config_versions import NOTE_MAX, ConfigVersion, latest_with
from gateway.sandbox.check import check_fates
from gateway.serve.config_file import ConfigOnDisk
from gateway.store.configurations import Overtaken, Published
from gateway.store.store import Store
from gateway.work.configure import AccountInUse, By, NoVersion, Outcome, difference, publish, restore
from gateway.work.making import Maker
from providers.contract import Json

T = TypeVar("T")
VERSION_MAX: Final = 10**9
COLUMNS: Final = ("version", "at", "actor", "digest", "note")
_note = option("--note", default="", metavar="TEXT", help="Why, for the history.")
_based_on = option(
    "--based-on",
    type=Whole(0, VERSION_MAX),
    metavar="N",
    help="Only while version N counts. By default whichever does.",
)


@click.command("diff")
@place_options
@json_option
def diff(place: Place, json: bool) -> None:
    """Say what the file would change of what counts, and change nothing.

    \b
    EXAMPLE
      telecine config diff --config new.yaml
    """
    text = _text(place)
    found = _told(place, lambda store: difference(store, _maker(place), text))
    if json:
        print_json(as_json(found))
        return
    lines = list(shown(found))
    click.echo("\n".join(lines) if lines else "it changes nothing")


@click.command("apply")
@place_options
@_based_on
@_note
@json_option
def apply(place: Place, based_on: int | None, note: str, json: bool) -> None:
    """Make the file's text the version that counts. Every gateway on the store follows within about a second.

    \b
    It is refused when the file is wrong, when it takes away an account that has open attempts, and with --based-on when
    another version was applied meanwhile.

    \b
    EXAMPLE
      telecine config apply --config new.yaml --note "cheaper route first"
    """
    text = _text(place)

    async def apply_to(store: Store) -> Outcome:
        number = await store.config_version() if based_on is None else based_on
        return await publish(store, _maker(place), text, By(actor=CLI, note=_short(note)), based_on=number)

    _say(_told(place, apply_to, begins=True), json=json)


@click.command("history")
@place_options
@option("--limit", type=Whole(1, 1_000), metavar="N", default=20, show_default=True, help="At most so many.")
@json_option
def history(place: Place, limit: int, json: bool) -> None:
    """List the versions, the newest first: when, by whom, and why.

    \b
    EXAMPLE
      telecine config history --limit 5
    """
    found = _told(place, lambda store: store.config_versions())
    rows = [as_row(one) for one in found[:limit]]
    with while_read():
        if json:
            print_json(*rows)
        else:
            print_table(COLUMNS, rows)


@click.command("show")
@place_options
@click.argument("version", type=Whole(1, VERSION_MAX), required=False)
def show(place: Place, version: int | None) -> None:
    """Print the text of the version that counts, or of another; secrets that stand in it literally are hidden.

    \b
    EXAMPLE
      telecine config show 3
    """

    async def text(store: Store) -> bytes:
        found = await store.config_at(version) if version else await store.config_now()
        if found is None:
            raise NoVersion(f"There is no version {version} with its text." if version else "No version counts yet.")
        return masked(found.text)

    with while_read():
        click.echo(_told(place, text), nl=False)


@click.command("rollback")
@place_options
@click.argument("version", type=Whole(1, VERSION_MAX))
@_based_on
@_note
@json_option
def rollback(place: Place, version: int, based_on: int | None, note: str, json: bool) -> None:
    """Make a new version with the text of an old one, and write it into the file where that was not edited.

    \b
    EXAMPLE
      telecine config rollback 3 --note "the new route is slow"
    """

    text = _text(place)

    async def roll_back(store: Store) -> Outcome:
        number = await store.config_version() if based_on is None else based_on
        done = await restore(store, _maker(place), version, By(actor=CLI, note=_short(note)), based_on=number)
        if isinstance(done, Published):
            await _write(store, place, text, done.version.number)
        return done

    _say(_told(place, roll_back), json=json)


COMMANDS: Final = (diff, apply, history, show, rollback)


def as_row(one: ConfigVersion) -> dict[str, Json]:
    facts = one.facts
    note = facts.note or (f"text of version {facts.restores}" if facts.restores else "")
    return {"version": one.number, "at": utc(one.at_ms), "actor": facts.actor, "digest": facts.digest, "note": note}


def as_json(found: ConfigChanges) -> dict[str, Json]:
    def changed(some: tuple[Changed, ...]) -> Json:
        return [{"name": one.name, "before": one.before, "after": one.after} for one in some]

    return {
        "routes_gained": [{"model": one.model, "route": one.route} for one in found.routes_gained],
        "routes_lost": [{"model": one.model, "route": one.route} for one in found.routes_lost],
        "prices": changed(found.prices),
        "limits": changed(found.limits),
        "settings": changed(found.settings),
        "accounts_lost": list(found.accounts_lost),
        "restart": list(found.restart),
    }


def shown(found: ConfigChanges) -> Iterator[str]:
    """For people: what is gained, lost and changed, a line each."""
    yield from (f"+ {one.model} gains {one.route}" for one in found.routes_gained)
    yield from (f"- {one.model} loses {one.route}" for one in found.routes_lost)
    for kind, some in (("price of ", found.prices), ("limit ", found.limits), ("", found.settings)):
        yield from (f"~ {kind}{one.name}: {one.before or '-'} -> {one.after or '-'}" for one in some)
    yield from (f"! {name} has another account or none: drain it first" for name in found.accounts_lost)
    yield from (f"! {key} counts from the next start on" for key in found.restart)


def _say(done: Outcome, *, json: bool) -> None:
    if isinstance(done, Overtaken):
        raise Failure(f"version {done.number} counts by now; look at it with telecine config diff, and apply again")
    number = done.version.number if isinstance(done, Published) else done.number
    if json:
        print_json({"version": number, "changed": isinstance(done, Published)})
    else:
        click.echo(f"version {number} counts" + ("" if isinstance(done, Published) else " already"))


def _told(place: Place, use: Callable[[Store], Awaitable[T]], *, begins: bool = False) -> T:
    """As `with_store`, with what is refused as one sentence."""
    try:
        return with_store(place, use, begins=begins)
    except (AccountInUse, NoVersion) as error:
        raise Failure(str(error)) from error


def _text(place: Place) -> bytes:
    return load_config(place.config, os.environ).raw


def _maker(place: Place) -> Maker:
    return Maker(str(place.config), os.environ, None, check_fates)


def _short(note: str) -> str:
    if len(note) > NOTE_MAX or not note.isprintable():
        raise click.UsageError(f"a note is one line of at most {NOTE_MAX} characters")
    return note


async def _write(store: Store, place: Place, before: bytes, number: int) -> None:
    """Into the file, unless somebody edited it: the next start would take an old text for an old file all the same."""
    now, path = await store.config_at(number), place.config
    file = ConfigOnDisk(path, before)
    if now is None or latest_with(file.digest, await store.config_versions()) is None:
        return
    try:
        file.write(now.text)
    except OSError as error:
        raise Failure(f"version {number} counts, but {path} cannot be written: {error.strerror}") from error
