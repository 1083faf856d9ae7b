"""The private server: started, owned and stopped by the gateway, for as long as no other store is configured.

It listens on a Unix socket that only this user can open, on no port, and writes every commit to disk before it answers.
When its owner dies, however suddenly, the kernel asks it to stop; its data and its lock outlive nobody in between.
No asyncio in here: short commands use it as well.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gateway.log import log
from gateway.store import binary
from gateway.store.address import of_socket
from gateway.store.datadir import LOOK_EVERY_S, Lock, Note, alive, folder_of, socket_of
from gateway.store.errors import StoreRefused

WAIT_S: Final = 15.0  # for a lock, and for a server that does not answer at all
LOAD_S_MAX: Final = 600.0  # while it says that it is reading its data
STOP_S_MAX: Final = 20.0
ANSWER_S: Final = 2.0
LOG_BYTES_MAX: Final = 1_000_000
RESTART_S: Final = 0.2
RESTART_S_MAX: Final = 10.0
STEADY_S: Final = 5.0  # a server that lived so long did not die of what made it start
PR_SET_PDEATHSIG: Final = 1


class Embedded:
    """`start` in the main thread, then `supervise`, then `stop`. `role` tells those who meet the lock whom to expect:
    "serve" stays, "command" is soon gone. `wait_s` bounds the wait for the lock; 0 refuses at once."""

    def __init__(self, data: Path, *, role: str = "serve", wait_s: float = WAIT_S) -> None:
        self._folder = folder_of(data)
        self._socket = socket_of(self._folder)
        self._role = role
        self._wait_s = wait_s
        self._lock = Lock(self._folder)
        self._program: Path | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._supervisor: threading.Thread | None = None

    @property
    def url(self) -> str:
        return of_socket(self._socket)

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None else None

    def start(self) -> str:
        """The URL of the server, which answers by now. StoreRefused with a sentence for the operator."""
        self._program = binary.find()
        if not _wait_for(self._lock, self._socket, self._wait_s):
            raise StoreRefused(_held_by(self._lock.read(), self._folder))
        self._lock.write(Note(os.getpid(), self._role, str(self._socket)))
        try:
            self._spawn()
            self._await_answer()
        except BaseException:
            self._end_server()
            self._lock.release()
            raise
        level = "info" if self._role == "serve" else "debug"
        log("store_started", level, server=version_of(self._socket), pid=self.pid, role=self._role)
        return self.url

    def supervise(self) -> None:
        """From now on start the server again when it dies. In a thread, which lives until `stop`: the kernel ties the
        server's life to the thread that started it."""
        self._supervisor = threading.Thread(target=self._watch, name="store supervisor", daemon=True)
        self._supervisor.start()

    def stop(self) -> None:
        """Have it write everything down and end."""
        self._stopping.set()
        if self._supervisor is not None:
            self._supervisor.join()
            self._supervisor = None
        self._end_server()
        self._lock.release()

    def _spawn(self) -> None:
        assert self._program is not None
        parent, prctl = os.getpid(), _prctl()

        def tie_to_parent() -> None:
            if prctl is not None:
                prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
                if os.getppid() != parent:  # it died before the tie was made
                    os._exit(1)

        with _log_file(self._folder) as output:
            self._server = subprocess.Popen(  # noqa: S603 - our own program and settings
                [self._program, *_settings(self._folder, self._socket)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(self._lock.handle,),
                start_new_session=True,  # Ctrl-C is the gateway's to hear: it needs its store to the end
                preexec_fn=tie_to_parent,  # noqa: PLW1509 - two system calls, and no thread holds a lock they need
            )

    def _await_answer(self) -> None:
        assert self._server is not None
        began = time.monotonic()
        while True:
            answer = ask(self._socket, b"PING\r\n")
            if answer.startswith(b"+PONG"):
                return
            if self._server.poll() is not None:
                raise StoreRefused(f"the private store ended at once; {self._folder / 'server.log'} says why")
            loading = answer.startswith(b"-LOADING")
            if time.monotonic() - began > (LOAD_S_MAX if loading else WAIT_S):
                raise StoreRefused(f"the private store does not answer; {self._folder / 'server.log'} may say why")
            if self._stopping.wait(LOOK_EVERY_S / 5):
                raise StoreRefused("stopped while the private store was starting")

    def _watch(self) -> None:
        """Start it again whenever it ends: at once, or after growing pauses while it does not live long."""
        pause_s, began = RESTART_S, time.monotonic()
        while not self._stopping.wait(LOOK_EVERY_S):
            assert self._server is not None
            if self._server.poll() is None:
                continue
            log("store_died", level="error", status=self._server.returncode)
            if time.monotonic() - began > STEADY_S:
                pause_s = RESTART_S
            elif self._stopping.wait(pause_s):
                break
            else:
                pause_s = min(2 * pause_s, RESTART_S_MAX)
            began = time.monotonic()
            try:
                self._spawn()
                self._await_answer()
            except (StoreRefused, OSError) as error:
                log("store_not_restarted", level="error", reason=str(error), again_in_s=pause_s)
                self._end_server()
            else:
                log("store_restarted", level="warning", pid=self.pid)
        # The server that this thread started ends with it; better so than by the kernel's word a moment later.
        self._end_server()

    def _end_server(self) -> None:
        if self._server is None or self._server.poll() is not None:
            return
        self._server.terminate()
        try:
            self._server.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            log("store_killed", level="error", pid=self._server.pid)
            self._server.kill()  # what it acknowledged is on disk
            self._server.wait()


@contextmanager
def borrowed(data: Path, *, wait_s: float = WAIT_S) -> Iterator[str]:
    """The URL of the private store for one short command: the running gateway's, else one started for this moment."""
    folder = folder_of(data)
    lock, until = Lock(folder), time.monotonic() + wait_s
    own = Embedded(data, role="command", wait_s=0)
    while True:
        note = lock.read()
        if note is not None and _serves(note):
            yield of_socket(note.socket)
            return
        try:
            url = own.start()
            break
        except StoreRefused:
            if time.monotonic() >= until or not _locked(lock):
                raise
            time.sleep(LOOK_EVERY_S)
    try:
        yield url
    finally:
        own.stop()


def ask(path: Path, command: bytes) -> bytes:
    """The beginning of a server's answer; nothing if there is none."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.settimeout(ANSWER_S)
        wire.connect(str(path))
        wire.sendall(command)
        return wire.recv(8_192)
    return b""


def version_of(path: Path) -> str:
    """ "Valkey 9.1.2", as the server says it."""
    lines = dict(line.partition(":")[::2] for line in ask(path, b"INFO server\r\n").decode("ascii", "replace").split())
    if "valkey_version" in lines:
        return f"Valkey {lines['valkey_version']}"
    return f"Redis {lines.get('redis_version', 'of unknown version')}"


def _settings(folder: Path, path: Path) -> list[str]:
    settings: dict[str, str] = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "aof-load-truncated": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "databases": "1",
        "daemonize": "no",
        "set-proc-title": "no",  # it would overwrite the environment by which a process can be told from its likes
        "logfile": "",
    }
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def _wait_for(lock: Lock, path: Path, wait_s: float) -> bool:
    """Take the lock. A server whose owner is dead and that nobody told is asked to end."""
    if lock.take():
        return True
    note = lock.read()
    if note is not None and not alive(note.owner):
        ask(path, b"SHUTDOWN\r\n")
        wait_s = max(wait_s, STOP_S_MAX)
    return lock.wait(wait_s)


def _serves(note: Note) -> bool:
    return note.role == "serve" and alive(note.owner) and ask(Path(note.socket), b"PING\r\n").startswith(b"+PONG")


def _locked(lock: Lock) -> bool:
    taken = lock.take()
    lock.release()
    return not taken


def _held_by(note: Note | None, folder: Path) -> str:
    who = f"process {note.owner} ({note.role})" if note is not None else "another process"
    return f"the private store in {folder} is in use by {who}; stop that, or choose another data directory"


def _prctl() -> Callable[..., int] | None:
    """Linux has it; elsewhere an orphaned server is found and ended by the next start."""
    if sys.platform != "linux":
        return None
    found: Callable[..., int] = ctypes.CDLL(None).prctl
    return found


@contextmanager
def _log_file(folder: Path) -> Iterator[int]:
    """The server's own words, kept short: begun anew when long."""
    path = folder / "server.log"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        flags |= os.O_TRUNC
    handle = os.open(path, flags, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)
