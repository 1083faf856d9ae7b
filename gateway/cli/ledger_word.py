"""`telecine ledger disputes`, `decide` and `adjust`: charges beyond belief, and an operator's word about money."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import click
from msgspec import Struct

from gateway.cli.failure import Failure
from gateway.cli.options import Dollars, Place, json_option, option, place_options
from gateway.cli.output import print_json, print_table, utc
from gateway.cli.storing import with_store
from gateway.domain.money import format_dollars, format_usd
from gateway.domain.rulings import Misruled, Ruling, correct, decide
from gateway.domain.videos import Attempt, Video, attempt_id
from gateway.store.store import Store
from gateway.work.rule import Ruled, rule
from providers.contract import Json

COLUMNS: Final = ("attempt", "provider", "price", "booked", "disputed", "since")
READ_AT_ONCE: Final = 50


class Disputed(Struct, frozen=True):
    """A dispute with the attempt that it is about; None where the record is gone."""

    name: str
    micros: int
    attempt: Attempt | None


@click.command("disputes")
@json_option
@place_options
def disputes(json: bool, place: Place) -> None:
    """List what vendors charged beyond belief and nobody has decided yet.

    A charge is believed up to the price times `charge_factor_max`. Above that the price is booked, and the rest waits
    outside all counters and budgets, until `telecine ledger decide` says what it was.
    """
    found, total = with_store(place, _disputes)
    if json:
        print_json(*map(_shown, found))
    elif found:
        print_table(COLUMNS, [_row(one) for one in found])
    else:
        click.echo("nothing is disputed")
    if total > len(found):
        click.echo(f"{total - len(found)} more are not shown; decide some of these first", err=True)


@click.command("decide")
@click.argument("attempt")
@option("--amount", type=Dollars(), help="How much of what is disputed was right, in dollars.")
@option("--accept", is_flag=True, help="All of it was right: book it.")
@option("--reject", is_flag=True, help="Nothing of it was right: forget it.")
@option("--reason", default="decided by an operator", show_default=True, help="Stands in the entry.")
@json_option
@place_options
def decide_(
    attempt: str, *, amount: int | None, accept: bool, reject: bool, reason: str, json: bool, place: Place
) -> None:
    """Say what a disputed charge of ATTEMPT was, once and for all. What is accepted is booked on whom the attempt was.

    \b
    EXAMPLES
      telecine ledger decide video_0123456789abcdef….1 --reject --reason "ticket 4711: the vendor's clock"
      telecine ledger decide video_0123456789abcdef….1 --amount 1.20
    """
    if (amount is not None) + accept + reject != 1:
        raise click.UsageError("say one of --accept, --reject and --amount")
    _rule(place, attempt, decide(0 if reject else amount, sane(reason)), json=json)


@click.command("adjust")
@click.argument("attempt")
@option("--cost", type=Dollars(), required=True, help="What it cost in truth, in dollars.")
@option("--reason", default="corrected by an operator", show_default=True, help="Stands in the entry.")
@json_option
@place_options
def adjust(attempt: str, cost: int, reason: str, *, json: bool, place: Place) -> None:
    """Correct what ATTEMPT is booked at, by an entry for the difference: a presumed loss that was none, a late refund.

    \b
    EXAMPLES
      telecine ledger adjust video_0123456789abcdef….1 --cost 0 --reason "not on the bill of November"
    """
    _rule(place, attempt, correct(cost, sane(reason)), json=json)


def _rule(place: Place, name: str, ruling: Ruling, *, json: bool) -> None:
    try:
        ruled = with_store(place, lambda store: rule(store, name, ruling, random=os.urandom))
    except Misruled as error:
        raise Failure(str(error)) from error
    if json:
        print_json(_facts(name, ruled))
        return
    before, after = format_dollars(ruled.before.cost_micros), format_dollars(ruled.after.cost_micros)
    moved = f"is booked at {after} now, before at {before}" if after != before else f"stays booked at {after}"
    click.echo(f"{name} {moved}, {'on the house' if ruled.after.spared else f'on {ruled.project}'}")


async def _disputes(store: Store) -> tuple[list[Disputed], int]:
    found, total = await store.disputes()
    names = sorted(found)
    shown: list[Disputed] = []
    for at in range(0, len(names), READ_AT_ONCE):
        part = names[at : at + READ_AT_ONCE]
        records = await asyncio.gather(*(store.read(one.partition(".")[0]) for one in part))
        shown += [_disputed(one, found[one], video) for one, video in zip(part, records, strict=True)]
    return shown, total


def _disputed(entry: str, micros: int, video: Video | None) -> Disputed:
    name = entry.partition(":")[0]
    attempts = video.attempts if video is not None else ()
    mine = (one for one in attempts if video is not None and attempt_id(video.id, one.ordinal) == name)
    return Disputed(name, micros, next(mine, None))


def _row(one: Disputed) -> dict[str, Json]:
    attempt = one.attempt
    return {
        "attempt": one.name,
        "provider": attempt.provider if attempt else None,
        "price": format_dollars(attempt.price_micros) if attempt else None,
        "booked": format_dollars(attempt.cost_micros) if attempt else None,
        "disputed": format_dollars(one.micros),
        "since": utc(attempt.closed_ms) if attempt else None,
    }


def _shown(one: Disputed) -> dict[str, Json]:
    attempt = one.attempt
    return {
        "attempt": one.name,
        "provider": attempt.provider if attempt else None,
        "route": attempt.route if attempt else None,
        "price_usd": format_usd(attempt.price_micros) if attempt else None,
        "booked_usd": format_usd(attempt.cost_micros) if attempt else None,
        "disputed_usd": format_usd(one.micros),
        "on_house": bool(attempt and attempt.spared),
        "since": utc(attempt.closed_ms) if attempt else None,
    }


def _facts(name: str, ruled: Ruled) -> dict[str, Json]:
    return {
        "attempt": name,
        "before_usd": format_usd(ruled.before.cost_micros),
        "cost_usd": format_usd(ruled.after.cost_micros),
        "on_house": bool(ruled.after.spared),
    }


def sane(reason: str) -> str:
    """The entry is printed in tables and logs."""
    if not reason.strip() or len(reason) > 200 or not reason.isprintable():
        raise click.BadParameter("write one line of at most 200 characters", param_hint="--reason")
    return reason.strip()
