"""`telecine doctor`: what can be wrong with an installation is looked at, and each finding says what helps."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from gateway.cli import doctor_places, doctor_store, doctor_vendors
from gateway.cli.options import Place, Whole, json_option, option, place_options
from gateway.cli.output import print_json
from gateway.cli.stdout import while_read
from gateway.cli.vendors import sandbox_of
from gateway.config.load import ConfigFile, load_config
from gateway.config.masking import literal_secrets
from gateway.config.problems import ConfigError
from gateway.domain import checkup
from gateway.domain.checkup import Level, Symptom, fail, ok, warn, worst
from gateway.domain.ledger import utc_day
from gateway.sandbox.check import check_fates
from gateway.snapshot import Snapshot, build_snapshot
from gateway.work.configuring import FILE_REFUSED

PORT_MAX = 65_535


@click.command("doctor")
@place_options
@option("--host", default="127.0.0.1", show_default=True, help="Where the gateway listens, or shall.")
@option("--port", type=Whole(1, PORT_MAX), metavar="PORT", default=8080, show_default=True, help="And its port.")
@json_option
def command(place: Place, host: str, port: int, json: bool) -> None:
    """Look at everything that a gateway stands on, and say what to do about what is wrong.

    The configuration, the store (its version, memory, persistence, replicas, speed and clock), every provider at no
    cost, disks, ports, leftovers, budgets, and the gateway itself if one runs. Nothing is changed and nothing charged;
    small files are written and removed. Works before the first start as well as beside a running gateway.

    \b
    Each line is one finding: ok, warn or fail, what was looked at, and what to do. With --json one object a line:
    check, level, says, todo.

    \b
    EXAMPLES
      telecine doctor
      telecine doctor --config production.yaml --json

    \b
    EXIT STATUS
      0  nothing has failed; warnings may be there
      1  something has failed
    """
    found: list[Symptom] = []
    with while_read():
        for symptom in symptoms(place, host, port):
            found.append(symptom)
            _print(symptom, as_json=json)
        if not json:
            click.echo(_sum(found))
    if worst(found) is Level.FAIL:
        sys.exit(1)


def symptoms(place: Place, host: str, port: int) -> Iterator[Symptom]:
    """In the order in which they matter, each as soon as it is known."""
    try:
        file = load_config(place.config, os.environ)
        snapshot = build_snapshot(file, sandbox_socket=str(sandbox_of(place)))
        check_fates(file)
    except ConfigError as error:
        for line in str(error).splitlines():
            yield fail("config.file", line, "mend that line; telecine config check reads the file again")
        yield from doctor_places.look(place, host, port, None)
        return
    yield from _of_config(place, file, snapshot)
    with doctor_store.opened(place, file.config) as seen:
        yield from seen.symptoms()
        yield from checkup.of_models(snapshot.models.values(), seen.drained(snapshot), utc_day(_now_ms()))
        yield from seen.of_clips(doctor_places.clips_of(place, file.config))
        yield from asyncio.run(doctor_vendors.look(snapshot, seen.barred()))
    yield from doctor_places.look(place, host, port, file.config)


def _of_config(place: Place, file: ConfigFile, snapshot: Snapshot) -> Iterator[Symptom]:
    says = f"{place.config} is sound: {len(snapshot.endpoints)} providers, {len(snapshot.routes)} routes"
    yield ok("config.file", f"{says}, every secret is set")
    refused = place.data_dir / FILE_REFUSED
    if refused.exists() and file.raw:
        yield fail(
            "config.refused",
            f"the running gateway refused this file: {_first_line(refused)}",
            "mend it, or take back the edit; the last good version serves on",
        )
    literal = [one for one in literal_secrets(file.raw) if not _bare_url(one)]
    if literal:
        yield warn(
            "config.secrets",
            f"{len(literal)} secrets stand in {place.config} itself, and so in the store and its backups",
            "write each as ${NAME}, set that variable, and rotate the secret",
        )
    yield from checkup.of_prices(snapshot.routes.values(), utc_day(_now_ms()))


def _bare_url(text: str) -> bool:
    """An address of the store without a password in it."""
    return text.startswith(("redis://", "rediss://", "unix://")) and "@" not in text


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:500].splitlines()[0]
    except (OSError, IndexError):
        return "it does not say why"


def _print(symptom: Symptom, *, as_json: bool) -> None:
    if as_json:
        print_json({"check": symptom.check, "level": str(symptom.level), "says": symptom.says, "todo": symptom.todo})
        return
    todo = f" -> {symptom.todo}" if symptom.todo else ""
    line = f"{symptom.level:4}  {symptom.check:17}  {symptom.says}{todo}"
    click.echo("".join(char if char.isprintable() else "?" for char in line))


def _sum(found: Sequence[Symptom]) -> str:
    counts = {level: sum(one.level is level for one in found) for level in Level}
    return f"{counts[Level.FAIL]} failed, {counts[Level.WARN]} to look at, {counts[Level.OK]} fine"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
