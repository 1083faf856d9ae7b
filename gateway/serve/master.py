"""The master: takes the port, starts the private store, the sandbox and the workers, and ends them in reverse order.

It never builds the application. What it starts is tied to its life by the kernel, so even a SIGKILL leaves nothing.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from gateway.config.load import ConfigFile, load_config
from gateway.log import journal, take_over_libraries
from gateway.sandbox.check import check_fates
from gateway.serve.children import Helper
from gateway.serve.entry import Task, load
from gateway.serve.fleet import Fleet
from gateway.serve.ports import reserve, url_of
from gateway.snapshot import build_snapshot
from gateway.store.datadir import make_data_dir, served, socket_of
from gateway.store.embedded import Embedded

LOOK_EVERY_S: Final = 0.05
ANSWER_S_MAX: Final = 2.0
LOCK_S_MAX: Final = 5.0  # a short command is done by then, and what a killed gateway left
METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


class Serving(Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    config: Path
    data_dir: Path
    host: str
    port: int
    workers: int


class Stopped(BaseException):
    """A signal came before there were workers that it could be passed to."""


def serve(serving: Serving) -> int:
    """Until a signal; the exit status. ConfigError, NoPort, StoreRefused, NotStarted say why it cannot be."""
    take_over_libraries()
    multiprocessing.set_start_method("spawn", force=True)  # a worker inherits no thread, lock or file of the master
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stopped)
    try:
        file = load_config(serving.config, os.environ)
        with ExitStack() as stack:
            return _serve(serving, file, stack)
    except Stopped:
        return 0
    finally:
        journal.flush()


def _serve(serving: Serving, file: ConfigFile, stack: ExitStack) -> int:
    socket_path = socket_of(serving.data_dir.absolute() / "sandbox", "sandbox.sock")
    uses_sandbox = build_snapshot(file, sandbox_socket=str(socket_path)).uses_sandbox
    check_fates(file)
    held = stack.enter_context(reserve(serving.host, serving.port))
    address, port = held.getsockname()[:2]
    make_data_dir(serving.data_dir)
    store_url = _store(file, serving.data_dir, stack)  # first: who may not have the data directory starts nothing in it
    helpers = [_sandbox(serving.data_dir, socket_path, stack)] if uses_sandbox else []
    for helper in helpers:
        helper.await_ready()
    if serving.workers > 1:
        _metrics_folder(serving.data_dir, stack)
    server, grace_s = file.config.server, file.config.gateway.stop_grace_s

    def tick() -> None:
        if _asked.is_set():
            fleet.stop()
        for helper in helpers:
            helper.look(time.monotonic())

    fleet = Fleet(
        host=address,
        port=port,
        workers=serving.workers,
        grace_s=grace_s,
        header_timeout_s=server.header_timeout_s,
        connections_max=server.connections_max,
        tick=tick,
    )
    site = {
        "config": str(serving.config),
        "config_text": file.raw,
        "data_dir": str(serving.data_dir),
        "store_url": store_url,
        "sandbox_socket": str(socket_path) if uses_sandbox else None,
    }
    shown = url_of(serving.host, port)
    threading.Thread(target=_announce, args=(fleet, address, port, shown), name="announce", daemon=True).start()
    fleet.run(partial(load, Task(master=os.getpid(), grace_s=grace_s, site=site)))
    return 1 if fleet.failed else 0


def _store(file: ConfigFile, data_dir: Path, stack: ExitStack) -> str:
    """The configured store, else a private one."""
    if file.config.store.url is not None:
        return file.config.store.url.get_secret_value()
    embedded = Embedded(data_dir, wait_s=0 if served(data_dir) else LOCK_S_MAX)
    url = embedded.start()
    stack.callback(embedded.stop)
    embedded.supervise()
    return url


def _sandbox(data_dir: Path, socket_path: Path, stack: ExitStack) -> Helper:
    """The mock's vendor. Its jobs outlive it, so a death costs nobody anything."""
    program = (sys.executable, "-P", "-m", "gateway.sandbox")
    places = ("--socket", str(socket_path), "--data", str(data_dir / "sandbox"), "--parent", str(os.getpid()))
    helper = Helper("sandbox", (*program, *places))
    helper.start()
    stack.callback(helper.stop)
    return helper


def _metrics_folder(data_dir: Path, stack: ExitStack) -> None:
    """Where several workers add up their figures: fresh for each life of the gateway."""
    folder = data_dir / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ[METRICS_FOLDER] = str(folder.absolute())


def _announce(fleet: Fleet, address: str, port: int, shown: str) -> None:
    """Say where the gateway listens once it has really answered. Whether it is fit for work is another question, which
    the operator must be able to ask."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - read, not bound
    while not fleet.interrupt_signal:
        if _answers(reached, port):
            fleet.ready = True
            print(f"Telecine listens on {shown}", flush=True)  # noqa: T201 - scripts wait for this line
            return
        time.sleep(LOOK_EVERY_S)


def _answers(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=ANSWER_S_MAX)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    return False


# Python swallows what a signal raises in a callback of its own, such as one around a fork: the fleet looks here too.
_asked: Final = threading.Event()


def _stopped(*_: object) -> NoReturn:
    _asked.set()
    raise Stopped
