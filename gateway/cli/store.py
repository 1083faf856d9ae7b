"""`telecine store`: what the gateway remembers with, and the word of an operator when it has forgotten."""

from __future__ import annotations

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Place, json_option, place_options
from gateway.cli.output import print_json
from gateway.cli.storing import with_store
from gateway.store.checks import Fitness
from gateway.store.outcomes import Rewound
from gateway.store.store import Store


@click.group("store")
def command() -> None:
    """Look at the store; accept one that forgot commits.

    A backup that was restored, or a replica that took over too early, lacks what the gateway saw committed. It notices
    by a sequence that every commit raises, and submits nothing until an operator has looked: a video that reads as
    waiting may have been sent to a provider and paid for. Where it cannot notice, `telecine store restored` tells it.
    """


@command.command("show")
@json_option
@place_options
def show(json: bool, place: Place) -> None:
    """Show which server the store is, whether it is fit, and whether it forgot commits."""
    fitness, rewound = with_store(place, _look)
    if json:
        print_json(
            {
                "server": fitness.server,
                "warnings": list(fitness.warnings),
                "forgot_commits": rewound is not None,
                "sequence_remembered": rewound.remembered if rewound else None,
                "sequence_met": rewound.met if rewound else None,
                "replica_took_over": rewound.promoted if rewound else None,
            }
        )
        return
    click.echo(f"server: {fitness.server}")
    for warning in fitness.warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"commits: {_told(rewound)}")


@command.command("restored")
@json_option
@place_options
def restored(json: bool, place: Place) -> None:
    """Say that the store is a backup: nothing is submitted until you accept it.

    Before the first start of a gateway whose whole data directory was restored, or whose data directory is new: what it
    would notice with was restored as well, or is not there. With a running gateway it holds within a second.
    """
    with_store(place, Store.note_backup)
    if json:
        print_json({"restored": True})
    else:
        click.echo("noted; nothing is submitted until `telecine store accept`")


@command.command("accept")
@json_option
@place_options
def accept(json: bool, place: Place) -> None:
    """Accept a store that forgot commits: submissions go on.

    Videos that were waiting to be sent when it was noticed count as in doubt: their providers are asked first where
    that is possible, and what cannot be found out follows the provider's policy `doubt`. Look at `telecine ledger
    verify` as well.
    """
    if not with_store(place, Store.accept_rewind):
        raise Failure("there is nothing to accept: the store forgot no commits, or it was accepted before")
    if json:
        print_json({"accepted": True})
    else:
        click.echo("accepted; the gateway submits again within a second")


async def _look(store: Store) -> tuple[Fitness, Rewound | None]:
    return await store.check(), store.rewound


def _told(rewound: Rewound | None) -> str:
    if rewound is None:
        return "none was forgotten, as far as the gateway saw"
    if rewound.remembered == rewound.met and not rewound.promoted:
        how = "an operator said that it is a backup"
    elif rewound.promoted:
        how = f"a replica took over after commit {rewound.remembered}, and may lack the last ones"
    else:
        how = f"the gateway saw number {rewound.remembered}, the store had {rewound.met}"
    return f"FORGOTTEN: {how}; nothing is submitted until `telecine store accept`"
