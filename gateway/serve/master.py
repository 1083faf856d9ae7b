"""The master: takes the port, starts the private store, the sandbox and the workers, and ends them in reverse order.

It never builds the application. What it starts is tied to its life by the kernel, so even a SIGKILL leaves nothing.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import secrets
import signal
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from msgspec import Struct

from gateway.config.load import ConfigFile, load_config
from gateway.log import journal, log, take_over_libraries
from gateway.metrics.families import MULTIPROCESS as METRICS_FOLDER
from gateway.metrics.folding import fold
from gateway.sandbox.check import check_fates
from gateway.sandbox.keyring import put_first
from gateway.serve.children import Helper
from gateway.serve.config_watch import Begun, ConfigWatch
from gateway.serve.entry import Task, load
from gateway.serve.figures import clear_figures, figures_folder
from gateway.serve.fleet import Fleet
from gateway.serve.opening import opening
from gateway.serve.ports import reserve, url_of
from gateway.store.datadir import make_data_dir, own, served, socket_of
from gateway.store.embedded import Embedded
from gateway.store.errors import StoreAway, StoreRefused
from gateway.store.store import Store
from gateway.work.configuring import FILE_REFUSED
from gateway.work.making import Made, Maker

LOOK_EVERY_S: Final = 0.05
ANSWER_S_MAX: Final = 2.0
ANOTHER_KEY: Final = "if there is none yet: telecine keys create --project NAME --role 100"
LOCK_S_MAX: Final = 5.0  # a short command is done by then, and what a killed gateway left


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
    maker = Maker(str(serving.config), os.environ, str(socket_path), check_fates)
    made = maker.make(file.raw)
    held = stack.enter_context(reserve(serving.host, serving.port))
    address, port = held.getsockname()[:2]
    make_data_dir(serving.data_dir)
    store_url = _store(file, serving.data_dir, stack)  # first: who may not have the data directory starts nothing in it
    keyless, sandbox_key = _begin(store_url, file.config.gateway.name)
    sandbox = Sandbox(serving.data_dir, socket_path, sandbox_key, stack)
    site: dict[str, Any] = {
        "config": str(serving.config),
        "data_dir": str(serving.data_dir),
        "store_url": store_url,
        "name": file.config.gateway.name,
        "sandbox_socket": str(socket_path),
        "replica": secrets.token_hex(8),
    }
    begun = _configuration(serving, replace(maker, started=made.file.config), made, site, sandbox=sandbox, stack=stack)
    settings = begun.made.snapshot.settings
    if begun.made.snapshot.uses_sandbox:
        sandbox.begin()
    _figures(serving, stack)
    grace_s = settings.gateway.stop_grace_s

    dead: set[int] = set()  # workers whose figures still have files of their own

    def tick() -> None:
        if _asked.is_set():
            fleet.stop()
        sandbox.look()
        _bury(dead)

    fleet = Fleet(
        host=address,
        port=port,
        workers=serving.workers,
        grace_s=grace_s,
        header_timeout_s=settings.server.header_timeout_s,
        connections_max=settings.server.connections_max,
        tick=tick,
        buried=dead.add,
    )
    shown = url_of(serving.host, port)
    said = (fleet, address, port, shown, keyless)
    threading.Thread(target=_announce, args=said, name="announce", daemon=True).start()
    fleet.run(partial(load, Task(master=os.getpid(), grace_s=grace_s, site=site)))
    return 1 if fleet.failed else 0


def _configuration(
    serving: Serving, maker: Maker, made: Made, site: dict[str, Any], *, sandbox: Sandbox, stack: ExitStack
) -> Begun:
    """What to begin with, watched from now on. `site`: what a worker that starts later is told."""

    def changed(begun: Begun) -> None:
        site.update(config_text=begun.text, config_number=begun.number)
        if begun.made.snapshot.uses_sandbox:
            sandbox.wanted.set()

    watch = ConfigWatch(
        maker,
        serving.config,
        partial(Store, site["store_url"], name=site["name"]),
        replica=site["replica"],
        refused=serving.data_dir / FILE_REFUSED,
        changed=changed,
    )
    begun = watch.begin(made)
    site.update(config_text=begun.text, config_number=begun.number, started_text=begun.text)
    watch.start()
    stack.callback(watch.stop)
    return begun


def _store(file: ConfigFile, data_dir: Path, stack: ExitStack) -> str:
    """The configured store, else a private one."""
    if file.config.store.url is not None:
        stack.callback(own(data_dir, LOCK_S_MAX).release)
        return file.config.store.url.get_secret_value()
    embedded = Embedded(data_dir, wait_s=0 if served(data_dir) else LOCK_S_MAX)
    url = embedded.start()
    stack.callback(embedded.stop)
    embedded.supervise()
    return url


def _begin(store_url: str, name: str) -> tuple[str, bytes | None]:
    """An operator's key at the very first start: on stdout, and never in the log. Why it cannot be known whether this
    is one, empty if it is known; and the sandbox's key, if that is."""
    try:
        found = opening(store_url, name)
    except (StoreAway, StoreRefused) as error:
        return str(error), None
    if found.first_key is not None:
        print(f"A key that controls everything, shown this once: {found.first_key}", flush=True)  # noqa: T201
    return "", found.sandbox_key


class Sandbox:
    """The mock's vendor, begun when a configuration uses it. Its jobs outlive it, so a death costs nobody anything."""

    def __init__(self, data_dir: Path, socket_path: Path, key: bytes | None, stack: ExitStack) -> None:
        program = (sys.executable, "-P", "-m", "gateway.sandbox")
        self._folder = data_dir / "sandbox"
        places = ("--socket", str(socket_path), "--data", str(self._folder), "--parent", str(os.getpid()))
        self.wanted = threading.Event()  # set by whoever finds that it is; begun by the thread that lives longest
        self._helper = Helper("sandbox", (*program, *places))
        self._began = False
        self._key = key
        self._stack = stack

    def begin(self) -> None:
        """And wait until it can be used."""
        self._start()
        self._helper.await_ready()

    def look(self) -> None:
        if self.wanted.is_set() and not self._began:
            self._start()
        self._helper.look(time.monotonic())

    def _start(self) -> None:
        self._began = True
        if self._key is not None:
            with suppress(OSError):  # then what it makes meanwhile is sealed with its own, and opened later as well
                put_first(self._folder, self._key)
        self._helper.start()
        self._stack.callback(self._helper.stop)


def _figures(serving: Serving, stack: ExitStack) -> None:
    """Several workers add theirs up; what an earlier life left goes."""
    if serving.workers > 1:
        os.environ[METRICS_FOLDER] = str(figures_folder(serving.data_dir, stack))
    else:
        clear_figures(serving.data_dir)


def _bury(dead: set[int]) -> None:
    """Their figures stay, their files go. Where none can be opened now they go at a later tick, and count meanwhile."""
    folder = os.environ.get(METRICS_FOLDER)
    with suppress(OSError):
        for pid in tuple(dead):
            if folder is not None:
                fold(Path(folder), pid)
            dead.discard(pid)


def _announce(fleet: Fleet, address: str, port: int, shown: str, keyless: str) -> None:
    """Say where the gateway listens once it has really answered. Whether it is fit for work is another question, which
    the operator must be able to ask. `keyless`: why nobody knows whether this start had to make a key; where the store
    stays away the workers say it, and there is no start."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - read, not bound
    while not fleet.interrupt_signal:
        if _answers(reached, port):
            fleet.ready = True
            print(f"Telecine listens on {shown}", flush=True)  # noqa: T201 - scripts wait for this line
            if keyless:
                log("first_key_not_shown", level="warning", reason=keyless, todo=ANOTHER_KEY)
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
