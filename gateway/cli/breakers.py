"""`telecine breakers`: which providers and routes are left alone for a while, and an operator's word against it."""

from __future__ import annotations

import os

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Place, json_option, place_options
from gateway.cli.output import print_json, print_table
from gateway.cli.storing import with_store
from gateway.cli.who import who
from gateway.config.load import load_config
from gateway.domain import chart as charts
from gateway.domain.breaker import Scope
from gateway.domain.chart import BLANK
from gateway.store.store import Store
from providers.contract import Json

COLUMNS = ("scope", "name", "state", "reason", "opens_for_s", "probes", "success", "weight")


@click.group("breakers")
def command() -> None:
    """List the circuit breakers of providers and routes, and close one by hand.

    A provider or a route whose attempts fail is left alone for a while; then a few probes are let through, and one that
    succeeds closes the breaker. A key that is refused or an account without credit opens the provider's at once: once
    that is mended, nobody needs to wait.
    """


@command.command("list")
@json_option
@place_options
def list_(json: bool, place: Place) -> None:
    """List every provider and route with its breaker, its share of successes and what that rests on.

    Shares fade: half of what they rest on is forgotten in ten minutes.
    """
    rows = with_store(place, lambda store: _rows(store, place))
    if json:
        print_json(*rows)
    else:
        print_table(COLUMNS, rows)


@command.command("reset")
@click.argument("name")
@json_option
@place_options
def reset(name: str, json: bool, place: Place) -> None:
    """Close the breaker of NAME, a provider or a route, on all replicas within a second or two.

    A provider that asked not to be called for a while is called again. What is known of its successes and its speed
    stays. An event in the store tells who did it.

    \b
    EXAMPLES
      telecine breakers reset vendor
      telecine breakers reset vendor/sora-2
    """
    full = full_name(name, place)
    was_open = with_store(place, lambda store: store.close_breaker(full, by=who()))
    if json:
        print_json({"name": name, "state": "closed", "was_open": was_open})
    else:
        click.echo(f"{name} is closed" if was_open else f"{name} was closed already; nothing is held against it now")


async def _rows(store: Store, place: Place) -> list[dict[str, Json]]:
    found = await store.charts()
    names = [*configured(place), *sorted(set(found.raw) - set(configured(place)))]
    known = {name: charts.decode_chart(raw) or BLANK for name, raw in found.raw.items()}
    return [charts.row(name, known.get(name, BLANK), found.now_ms) for name in names if charts.is_name(name)]


def configured(place: Place) -> list[str]:
    """Providers in the order of the file, each with its routes behind it."""
    config = load_config(place.config, os.environ).config
    routes = {entry.route for model in config.models.values() for entry in model.routes}
    found = []
    for provider in config.providers:
        found.append(charts.name_of(Scope.PROVIDER, provider))
        found += [charts.name_of(Scope.ROUTE, one) for one in sorted(routes) if one.partition("/")[0] == provider]
    return found


def full_name(name: str, place: Place) -> str:
    full = charts.name_of(Scope.ROUTE if "/" in name else Scope.PROVIDER, name)
    if full not in configured(place):
        raise Failure(f'no provider and no route is called "{name}"; telecine breakers list shows them')
    return full
