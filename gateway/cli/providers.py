"""`telecine providers`: the vendors behind the gateway: what they are, whether they answer, and one clip to try one."""

from __future__ import annotations

import asyncio
import sys
import time

import click
from msgspec.structs import asdict

from gateway.cli import providers_try
from gateway.cli.draining import drain, enable
from gateway.cli.options import Place, json_option, place_options
from gateway.cli.output import print_json, print_table, utc
from gateway.cli.probing import probe
from gateway.cli.storing import with_store
from gateway.cli.vendors import a_driver, endpoint_of, snapshot_of
from gateway.domain import chart as charts
from gateway.domain.accounts import Finding, Standing, asks, finding_of
from gateway.domain.breaker import Scope
from gateway.domain.chart import BLANK
from gateway.domain.cheapest import cheapest
from gateway.domain.ledger import utc_day
from gateway.domain.money import format_usd
from gateway.snapshot import Snapshot
from gateway.store.store import Store
from gateway.upstream.endpoints import Endpoint
from providers.contract import Json

COLUMNS = ("provider", "adapter", "route", "models", "cheapest", "breaker", "success", "balance")


@click.group("providers")
def command() -> None:
    """List the vendors behind the gateway, look whether one answers, make one clip to try it, drain it.

    A provider is one account at one vendor, as `config.yaml` describes it.
    """


command.add_command(probe)
command.add_command(providers_try.try_)
command.add_command(drain)
command.add_command(enable)


@command.command("list")
@json_option
@place_options
def list_(json: bool, place: Place) -> None:
    """List every provider with its adapter, its routes, their cheapest clips, what is known of them, and its balance.

    Balances are those that the running gateway read last; `providers check` asks now.
    """
    snapshot = snapshot_of(place)
    rows = with_store(place, lambda store: _rows(store, snapshot))
    if json:
        print_json(*rows)
    else:
        print_table(COLUMNS, [_told(row) for row in rows])


@command.command("check")
@click.argument("name")
@json_option
@place_options
def check(name: str, json: bool, place: Place) -> None:
    """Ask the provider NAME for its account: does it answer, does it take the credential, what has it left, does it
    know the models of our routes. Nothing is made, and nothing is charged.

    \b
    EXIT STATUS
      0  it answers as it should, or nothing can be asked there without paying
      1  it does not; one sentence says what to look at

    \b
    EXAMPLES
      telecine providers check mock
      telecine providers check mock --json
    """
    snapshot = snapshot_of(place)
    endpoint = endpoint_of(snapshot, name)
    finding = asyncio.run(asked(snapshot, endpoint))
    said = _check(snapshot, endpoint, finding)
    if json:
        print_json(said)
    else:
        click.echo("\n".join(_lines(said)))
    if finding.problem is not None:
        sys.exit(1)


async def asked(snapshot: Snapshot, endpoint: Endpoint) -> Finding:
    if not asks(endpoint.adapter):
        return Finding(reached=None)
    timeout_s = snapshot.settings.providers[endpoint.provider].poll_timeout_s
    async with a_driver() as driver:
        return finding_of(await driver.account(endpoint, endpoint.adapter.account(), timeout_s=timeout_s))


def _check(snapshot: Snapshot, endpoint: Endpoint, finding: Finding) -> dict[str, Json]:
    """A finding as JSON."""
    name, known = endpoint.provider, frozenset(finding.models)
    upstream = [route.model for route in snapshot.routes.values() if route.provider == name]
    balance = finding.balance
    return {
        "provider": name,
        "adapter": endpoint.adapter.kind,
        "reached": finding.reached,
        "credential": finding.credential,
        "has_api_key": snapshot.settings.providers[name].api_key is not None,
        "problem": finding.problem,
        "balance": {"amount": balance.amount, "unit": balance.unit.value} if balance else None,
        "models": {model: model in known if known else None for model in upstream},
        "notes": list(endpoint.adapter.notes(endpoint.base_url)),
    }


def _lines(said: dict[str, Json]) -> list[str]:
    """The same for people."""
    name, balance, models = said["provider"], said["balance"], said["models"]
    assert isinstance(models, dict)
    if said["reached"] is None:
        lines = [f"{name}: this adapter has nothing to ask at no cost; telecine providers try {name} makes one clip"]
    elif said["problem"] is not None:
        lines = [f"{name}: {said['problem']}"]
    else:
        lines = [f"{name} answers and takes the credential"]
    if not said["has_api_key"]:
        lines.append("credential: the configuration has no `api_key` for it")
    if isinstance(balance, dict):
        lines.append(f"balance: {balance['amount']} {balance['unit']}")
    lines += [f"model {model}: {_LISTED[listed]}" for model, listed in models.items() if isinstance(listed, bool)]
    return [*lines, *(f"note: {note}" for note in _texts(said["notes"]))]


_LISTED = {True: "known there", False: "not in the vendor's list; a route to it may be refused"}


async def _rows(store: Store, snapshot: Snapshot) -> list[dict[str, Json]]:
    """One row for each route, and one for a provider without any."""
    found, standings = await store.charts(), await store.standings()
    rows: list[dict[str, Json]] = []
    for name, endpoint in snapshot.endpoints.items():
        provider = _chart(found.raw, Scope.PROVIDER, name, found.now_ms)
        about: dict[str, Json] = {
            "provider": name,
            "adapter": endpoint.adapter.kind,
            "breaker": provider["state"],
            "balance": _balance(standings.get(name)),
        }
        routes = [route for route in snapshot.routes.values() if route.provider == name]
        if not routes:
            rows.append({**about, "route": None, "models": [], "cheapest": None, "success": None})
        for route in routes:
            own = _chart(found.raw, Scope.ROUTE, route.name, found.now_ms)
            trial = cheapest([route], utc_day(time.time_ns() // 1_000_000))
            public = [model.name for model in snapshot.models.values() if route in model.routes]
            rows.append(
                {
                    **about,
                    "route": route.name,
                    "models": list(public),
                    "cheapest": {
                        "price_usd": format_usd(trial.price_micros),
                        "seconds": trial.seconds,
                        "size": str(trial.size),
                    }
                    if trial is not None
                    else None,
                    "breaker": own["state"] if provider["state"] == "closed" else provider["state"],
                    "success": own["success"],
                }
            )
    return rows


def _chart(raw: dict[str, bytes], scope: Scope, name: str, now_ms: int) -> dict[str, Json]:
    full = charts.name_of(scope, name)
    return charts.row(full, charts.decode_chart(raw.get(full, b"")) or BLANK, now_ms)


def _balance(standing: Standing | None) -> dict[str, Json] | None:
    if standing is None or standing.unread:
        return None
    told = {name: value for name, value in asdict(standing).items() if name in ("amount", "unit")}
    usd = None if standing.micros is None else format_usd(standing.micros)
    return {**told, "worth_usd": usd, "read_at": utc(standing.at_ms)}


def _told(row: dict[str, Json]) -> dict[str, Json]:
    """A row for people."""
    clip, balance, success = row["cheapest"], row["balance"], row["success"]
    return {
        **row,
        "models": ", ".join(_texts(row["models"])),
        "cheapest": f"${clip['price_usd']} for {clip['seconds']} s {clip['size']}" if isinstance(clip, dict) else None,
        "success": f"{success:.1%}" if isinstance(success, float) else None,
        "balance": f"{balance['amount']} {balance['unit']}" if isinstance(balance, dict) else None,
    }


def _texts(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
