"""`telecine providers drain` and `enable`: no new work for a provider or a route, and work again."""

from __future__ import annotations

import time

import click

from gateway.cli.breakers import full_name
from gateway.cli.options import Place, json_option, place_options
from gateway.cli.output import print_json
from gateway.cli.storing import with_store


@click.command("drain")
@click.argument("name")
@json_option
@place_options
def drain(name: str, json: bool, place: Place) -> None:
    """Give NAME, a provider or a route, no new work, on all replicas within a second or two.

    What runs there is followed to its end; what waited for it goes elsewhere or waits. It lasts, over restarts too,
    until `telecine providers enable`.

    \b
    EXAMPLES
      telecine providers drain vendor
      telecine providers drain vendor/sora-2
    """
    full, now_ms = full_name(name, place), time.time_ns() // 1_000_000
    changed = with_store(place, lambda store: store.drain(full, now_ms=now_ms), begins=True)
    if json:
        print_json({"name": name, "drained": True, "changed": changed})
    else:
        click.echo(f"{name} gets no new work" if changed else f"{name} was drained already")


@click.command("enable")
@click.argument("name")
@json_option
@place_options
def enable(name: str, json: bool, place: Place) -> None:
    """Give NAME, a provider or a route that was drained, work again.

    \b
    EXAMPLE
      telecine providers enable vendor
    """
    full = full_name(name, place)
    changed = with_store(place, lambda store: store.enable(full))
    if json:
        print_json({"name": name, "drained": False, "changed": changed})
    else:
        click.echo(f"{name} gets work again" if changed else f"nobody had drained {name}")
