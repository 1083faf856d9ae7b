"""`telecine budgets`: caps on spend, for a scope in a window. The store holds them; scripts read them at every hold."""

from __future__ import annotations

import os
import time

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Dollars, Place, Positive, json_option, option, place_options
from gateway.cli.output import print_json, print_table
from gateway.cli.storing import with_store
from gateway.config.load import load_config
from gateway.domain.audit import CLI
from gateway.domain.budgets import THRESHOLDS, Budget, Cap, Window, counter_of, resets_at, sane_thresholds
from gateway.domain.money import format_dollars
from gateway.store.store import Store
from gateway.work.scopes import NoScope, bound_by_balance, full_scope
from providers.contract import Json

COLUMNS = ("budget", "cap", "spent", "held", "left", "overrun", "thresholds")


class Percents(click.ParamType[tuple[int, ...]]):
    """`50,80,100`, rising; an empty text is none."""

    name = "percents"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",")] if value.strip() else []
        percents = tuple(int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 3)
        if len(percents) != len(words) or not sane_thresholds(percents):
            self.fail(f"{value!r} is not a rising list of percents such as 50,80,100", param, ctx)
        return percents


@click.group("budgets")
def command() -> None:
    """Set, list and remove caps on spend.

    A cap is for a SCOPE: a project, a key, a provider or the whole gateway; and for a window: a day or a month (UTC),
    or all time. What is held for videos that still run counts as spent, and no new video is let in that could bring
    both together above a cap, however many ask at once. A cap holds from the moment that it is set, whatever was spent
    before: one that is set below that is overrun at once, which is an event as any other overrun is.

    \b
    SCOPE
      project:NAME|ID   key:ID   provider:NAME   gateway
    """


@command.command("set", cls=Positive)
@click.argument("scope")
@click.argument("cap", type=Dollars(), metavar="DOLLARS")
@option("--window", type=click.Choice([one.value for one in Window]), required=True, help="What the cap is for.")
@option(
    "--thresholds",
    type=Percents(),
    default=THRESHOLDS,
    metavar="PERCENTS",
    help="Parts of the cap that raise an event, once in each window. [default: 50,80,100]",
)
@json_option
@place_options
def set_(scope: str, cap: int, *, window: str, thresholds: tuple[int, ...], json: bool, place: Place) -> None:
    """Cap what SCOPE may spend in a window at DOLLARS.

    \b
    EXAMPLES
      telecine budgets set project:films 50 --window day
      telecine budgets set provider:vendor 1000 --window month --thresholds 80,95,100
    """

    async def make(store: Store) -> Budget:
        full = await _scope(store, scope, place)
        _refuse_bound(full, window, place)
        await store.set_cap(full, Window(window), Cap(cap, thresholds), actor=CLI)
        found = await store.list_budgets(_now_ms())
        return next(one for one in found if (one.scope, one.window) == (full, window))

    budget = with_store(place, make, begins=True)
    if json:
        print_json(shown(budget))
    else:
        click.echo(f"{budget.scope} may spend {format_dollars(cap)} {_per(budget.window)}{_over(budget)}")


@command.command("list")
@json_option
@place_options
def list_(json: bool, place: Place) -> None:
    """List every cap with what counts against it in its present window."""
    found = [shown(one) for one in with_store(place, lambda store: store.list_budgets(_now_ms()))]
    if json:
        print_json(*found)
    else:
        print_table(COLUMNS, [{**row, "thresholds": ",".join(map(str, _list(row["thresholds"])))} for row in found])


@command.command("remove")
@click.argument("scope")
@option("--window", type=click.Choice([one.value for one in Window]), required=True, help="Which of its caps.")
@json_option
@place_options
def remove(scope: str, window: str, json: bool, place: Place) -> None:
    """Remove the cap of SCOPE for a window; of a provider also when it is configured no more.

    \b
    EXAMPLES
      telecine budgets remove project:films --window day
    """

    async def take(store: Store) -> tuple[str, bool]:
        full = scope.replace(":", "/", 1) if scope.startswith("provider:") else await _scope(store, scope, place)
        return full, await store.remove_cap(full, Window(window), actor=CLI)

    full, was_there = with_store(place, take)
    if not was_there:
        raise Failure(f"{full} has no cap {_per(Window(window))}; telecine budgets list shows all")
    if json:
        print_json({"budget": f"{full}/{window}", "status": "removed"})
    else:
        click.echo(f"{full} has no cap {_per(Window(window))} any more")


def shown(budget: Budget) -> dict[str, Json]:
    """A budget as JSON. Dollars as text, exactly."""
    return {
        "budget": f"{budget.scope}/{budget.window}",
        "cap": format_dollars(budget.cap.micros),
        "spent": format_dollars(budget.settled_micros),
        "held": format_dollars(budget.held_micros),
        "left": format_dollars(budget.left_micros),
        "overrun": format_dollars(budget.overrun_micros) if budget.overrun_micros else None,
        "thresholds": list(budget.cap.thresholds),
    }


def _over(budget: Budget) -> str:
    """What a cap means that lies below what counts against it already."""
    if not budget.overrun_micros:
        return ""
    reset = resets_at(counter_of(f"{budget.scope}/{budget.window}", _now_ms()))
    until = f"until {reset}, or until" if reset else "until"
    more = f"{format_dollars(budget.overrun_micros)} more are spent or held already"
    return f"; {more}: no new video is let in that counts there {until} a cap allows it"


async def _scope(store: Store, text: str, place: Place) -> str:
    """`project:films` as the store names it. What does not exist is refused: a typing error would cap nothing."""
    known = load_config(place.config, os.environ).config.providers
    try:
        return await full_scope(store, text, known)
    except NoScope as error:
        match error.kind:
            case "project":
                raise Failure(f'no project is called "{error.name}"; telecine projects list shows them') from None
            case "key":
                raise Failure(f'no key has the id "{error.name}"; telecine keys list shows them') from None
            case "provider":
                names = ", ".join(sorted(known))
                raise Failure(f'{place.config} has no provider "{error.name}"; it has {names}') from None
            case _:
                write = "write project:NAME, key:ID, provider:NAME or gateway"
                raise Failure(f'"{text}" is no scope; {write}') from None


def _refuse_bound(scope: str, window: str, place: Place) -> None:
    """A provider's budget that its account's balance sets."""
    bound = bound_by_balance(scope, Window(window), load_config(place.config, os.environ).config)
    if bound is not None:
        raise Failure(f"the account's balance is the total budget of {bound}; see its `balance` in {place.config}")


def _per(window: Window) -> str:
    return {"day": "a day", "month": "a month"}.get(window, "in all")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
