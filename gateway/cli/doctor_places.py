"""The doctor's look at this machine: folders and disks, the port, what a dead gateway left, the gateway that runs."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway.assets import disk
from gateway.cli.options import Place
from gateway.config.models import Config
from gateway.domain.checkup import Symptom, fail, of_disk, ok, warn
from gateway.serve.ports import url_of
from gateway.store.datadir import Lock, alive
from gateway.wiring import assets_root

ANSWER_S_MAX = 6.0
BODY_BYTES_MAX = 65_536
METRIC_FILES_MAX = 2_000


def look(place: Place, host: str, port: int, config: Config | None) -> Iterator[Symptom]:
    """`config` None: it could not be read, and only what does not depend on it is judged."""
    yield from _of_folder("disk.data", place.data_dir)
    if config is not None and config.assets.dir is not None:
        yield from _of_folder("disk.clips", clips_of(place, config))
    running = _readiness(host, port)
    yield from _of_lock(place.data_dir)
    yield from _of_metrics(place.data_dir, runs=running is not None)
    yield _of_gateway(host, port, running)


def clips_of(place: Place, config: Config) -> Path:
    return assets_root(config, place.data_dir)


def _of_folder(check: str, folder: Path) -> Iterator[Symptom]:
    """Of one that is still to be made, the nearest one above it is judged."""
    nearest = folder.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    try:
        seconds = disk.try_out(nearest)
        free_bytes = disk.free_bytes(nearest)
    except OSError as error:
        reason = error.strerror or "the disk refuses"
        yield fail(
            check, f"{folder} cannot be written: {reason}", "give it to the gateway's user, and look at its disk"
        )
        return
    yield from of_disk(check, free_bytes, seconds)


def _of_lock(data_dir: Path) -> Iterator[Symptom]:
    """The private store's, which the server inherits: it may have outlived the gateway that started it."""
    folder = data_dir / "redis"
    if not folder.is_dir():
        return
    lock = Lock(folder)
    try:
        free = lock.take()
    except OSError as error:
        reason = error.strerror or "the disk refuses"
        yield fail("locks", f"the lock of the private store cannot be read: {reason}", "give it to the gateway's user")
        return
    lock.release()
    note = lock.read()
    if free or note is None or alive(note.owner):
        yield ok("locks", "the private store has its owner" if not free else "nobody holds the private store")
        return
    yield warn(
        "locks",
        f"a private store runs whose gateway (process {note.owner}) is dead",
        "start the gateway: it ends that server and takes its data over",
    )


def _of_metrics(data_dir: Path, *, runs: bool) -> Iterator[Symptom]:
    """Where several workers add up their figures."""
    folder = data_dir / "metrics"
    if not folder.is_dir():
        return
    count = sum(1 for _ in folder.iterdir())
    if not runs:
        yield warn(
            "metrics", f"{count} files of figures were left by a gateway that was killed", "the next start removes them"
        )
    elif count > METRIC_FILES_MAX:
        yield warn("metrics", f"{count} files of figures make each scrape slow", "workers die often: look at the log")
    else:
        yield ok("metrics", f"{count} files of figures are added up")


def _of_gateway(host: str, port: int, answer: tuple[int, dict[str, Any]] | None) -> Symptom:
    where = url_of(host, port)
    if answer is None:
        if _taken(host, port):
            return fail("gateway", f"something else listens on {where}", "stop it, or choose another --port")
        return ok("gateway", f"no gateway listens on {where}, and the port is free")
    status, body = answer
    if status == http.client.OK:
        return ok("gateway", f"the gateway on {where} is ready")
    reasons = ", ".join(str(one) for one in body.get("reasons", ())) or f"it answers {status}"
    todo = "; ".join(str(one) for one in body.get("todo", ())) or "look at its log"
    return fail("gateway", f"the gateway on {where} is not ready: {reasons}", todo)


def _readiness(host: str, port: int) -> tuple[int, dict[str, Any]] | None:
    """What /readyz answers, if what listens there is a gateway."""
    connection = http.client.HTTPConnection(_reached(host), port, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", "/readyz")
        reply = connection.getresponse()
        body = msgspec.json.decode(reply.read(BODY_BYTES_MAX), type=dict[str, Any])
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()
    return (reply.status, body) if "status" in body and "reasons" in body else None


def _taken(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((_reached(host), port), timeout=1.0):
        return True
    return False


def _reached(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
