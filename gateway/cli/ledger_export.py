"""`telecine ledger export`: every entry of the ledger, page by page, as CSV or JSON Lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct

from gateway.cli.failure import Failure
from gateway.cli.options import FILE, Place, option, period_options, place_options
from gateway.cli.output import utc_ms
from gateway.cli.stdout import while_read
from gateway.cli.storing import providers_of, with_store
from gateway.domain.ledger import Entry
from gateway.domain.moments import Period
from gateway.domain.money import format_usd
from gateway.domain.tables import cell, csv_bytes
from gateway.store.audit import pages
from gateway.store.store import Store
from providers.contract import Json


def tags_of(text: str) -> Json:
    """As the ledger keeps them."""
    found: Json = msgspec.json.decode(text or "{}")
    return found


class Column(Struct, frozen=True):
    name: str
    about: str
    value: Callable[[Entry], Json]


# Everything that an export says of an entry. A new field is one line here, and one in docs/ledger.md.
COLUMNS: Final = (
    Column("id", "The entry's own name, unique in the ledger.", lambda one: one.posting.id),
    Column("at", "When it was made: UTC, to the millisecond.", lambda one: utc_ms(one.at_ms)),
    Column("kind", "hold, settle, void, adjust, dispute or carry.", lambda one: one.posting.kind.value),
    Column("answers", "The entry that it ends, corrects or decides.", lambda one: one.posting.answers),
    Column(
        "amount_micros",
        "Held, settled, disputed, or (signed) adjusted or carried: micro-dollars.",
        lambda one: one.posting.amount_micros,
    ),
    Column("amount_usd", "The same in dollars.", lambda one: format_usd(one.posting.amount_micros)),
    Column("released_micros", "Of the hold that it ends: micro-dollars.", lambda one: one.posting.released_micros),
    Column("released_usd", "The same in dollars.", lambda one: format_usd(one.posting.released_micros)),
    Column("presumed", "Whether the settled amount is an assumption.", lambda one: one.posting.presumed),
    Column("reason", "Why, in a few words.", lambda one: one.posting.reason),
    Column("project", "Who pays: the project's id.", lambda one: one.posting.project),
    Column("key", "Who asked: the key's id.", lambda one: one.posting.key_id),
    Column("provider", "The provider's name in the configuration.", lambda one: one.posting.provider),
    Column("route", "The provider's model.", lambda one: one.posting.route),
    Column("model", "The model as the client named it.", lambda one: one.posting.model),
    Column("tags", "The video's tags: a JSON object, in CSV as text.", lambda one: tags_of(one.posting.tags)),
    Column("video", "The video's id.", lambda one: one.posting.video),
    Column("attempt", "The attempt's id: the video's and an ordinal.", lambda one: one.posting.attempt),
    Column("counters", "The counters that it moved: a list, in CSV with spaces.", lambda one: [*one.posting.counters]),
    Column("spared", "So many of the first counters do not bear the amount.", lambda one: one.posting.spared),
    Column("delivered", "Whether it is for the clip that the client got.", lambda one: one.posting.delivered),
    Column("dearest_micros", "Of that settle: the plan's dearest route.", lambda one: one.posting.dearest_micros),
    Column("dearest_usd", "The same in dollars.", lambda one: format_usd(one.posting.dearest_micros)),
)

HELP = "\n".join(
    [
        "Print every entry in the ledger's order, as CSV with a line of names, or as JSON Lines.",
        "",
        "What is asked for streams from the store page by page, so a ledger of any length can be exported while the",
        "gateway works. Entries never change, so a later export begins with an earlier one, until entries are old",
        "enough to be trimmed (retention.ledger): one entry for each counter then carries what they add up to.",
        "",
        "\b",
        "COLUMNS",
        *(f"  {one.name:<16}{one.about}" for one in COLUMNS),
        "",
        "In CSV a text that a spreadsheet would take for a formula begins with an apostrophe.",
        "",
        "\b",
        "EXAMPLES",
        "  telecine ledger export --since 2026-11-01 --until 2026-12-01 --output november.csv",
        "  telecine ledger export --format jsonl --project demo | jq .amount_micros",
    ]
)


@click.command("export", help=HELP)
@option("--format", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True, help="How to write it.")
@option("--output", type=FILE, help="A file, which appears when it is complete. [default: stdout]")
@period_options
@option("--project", metavar="NAME|ID", help="Only what this project pays.")
@option("--provider", metavar="NAME", help="Only what this provider costs.")
@place_options
def export(
    *,
    format: str,  # noqa: A002 - the option's name
    output: Path | None,
    period: Period,
    project: str | None,
    provider: str | None,
    place: Place,
) -> None:
    known = provider is None or provider in providers_of(place)
    with while_read(), _opened(output) as out:

        async def run(store: Store) -> bool:
            owner = await store.find_project(project) if project is not None else None
            if project is not None and owner is None:
                raise Failure(f'no project is called "{project}"; telecine projects list shows them')
            met = known
            _put(out, _head(format))
            async for page in pages(store):
                met = met or any(one.posting.provider == provider for one in page)
                chosen = (
                    one
                    for one in page
                    if period.holds(one.at_ms)
                    and (owner is None or one.posting.project == owner.id)
                    and (provider is None or one.posting.provider == provider)
                )
                _put(out, _written(chosen, format))
            return met

        if not with_store(place, run):
            raise Failure(f'no provider is called "{provider}", in the configuration or in the ledger')


def _head(form: str) -> bytes:
    return csv_bytes([[one.name for one in COLUMNS]]) if form == "csv" else b""


def _written(entries: Iterable[Entry], form: str) -> bytes:
    if form == "csv":
        return csv_bytes([cell(one.value(entry)) for one in COLUMNS] for entry in entries)
    rows = ({one.name: one.value(entry) for one in COLUMNS} for entry in entries)
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _put(out: FileIO, data: bytes) -> None:
    """All of it. Failure if it cannot be written; that nobody reads it is none."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[out.write(rest) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(f"the entries cannot be written: {error.strerror}") from error


@contextmanager
def _opened(output: Path | None) -> Iterator[FileIO]:
    """Where to write, without a buffer that would hold on to what failed. Failure if there is no such place."""
    if output is None or str(output) == "-":
        with _open(sys.stdout.fileno(), output) as out:
            yield out
    elif output.exists() and not output.is_file():  # a pipe, a device
        with _open(output, output) as out:
            yield out
    else:
        with _beside(output.resolve() if output.is_symlink() else output) as out:
            yield out


@contextmanager
def _beside(output: Path) -> Iterator[FileIO]:
    """A file that takes its place when it is complete, over an earlier one; for its owner's eyes."""
    part = output.with_name(f".{output.name[:100]}.{os.getpid()}.part")
    with _open(part, output) as out:
        try:
            part.chmod(0o600)
            yield out
            _put_in_place(part, output)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _put_in_place(part: Path, output: Path) -> None:
    try:
        part.replace(output)
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error


def _open(place: Path | int, output: Path | None) -> FileIO:
    try:
        return FileIO(place, "w", closefd=not isinstance(place, int))
    except OSError as error:
        raise Failure(f"{output or 'the output'} cannot be written: {error.strerror}") from error
