"""`telecine serve` as a family of processes: who dies, who notices, what is left, what the next start finds."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.serve.fleet import LEAVE
from gateway.serve.master import LOCK_S_MAX
from gateway.store.datadir import make_data_dir
from gateway.store.embedded import borrowed
from tests.cli.telecine import telecine
from tests.support.commands import Done
from tests.support.gateway import Gateway, until
from tests.support.opens import waited_for

SHIPPED = Path(__file__).parents[2] / "config.yaml"
RECOVERS_S_MAX = 20.0
GRACE_S = 30.0  # of a stop, as shipped
COUNTS_S_MAX = 10.0  # a request is counted once its answer has gone
WAITS_S_MAX = 30.0  # until it is seen to wait
HALF = b'{"model": "sora-2", "prompt": "a paper boat", '
REST = b'"seconds": "5"}'  # no model renders five seconds: answered 400, and nothing is made


def answers(gateway: Gateway, path: str = "/readyz") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def pid_of(gateway: Gateway, *words: str) -> int:
    """The one process whose command line holds all these words."""
    (pid,) = [pid for pid, line in gateway.command_lines().items() if all(word in line for word in words)]
    return pid


def begun_request(gateway: Gateway, key: str) -> socket.socket:
    """A create whose body has half arrived, and that a worker reads: only then does it ask for the body."""
    wire = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    head = (
        f"POST /v1/videos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(HALF + REST)}\r\nExpect: 100-continue\r\n\r\n"
    )
    wire.sendall(head.encode())
    asked = wire.recv(65_536)
    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n", asked
    wire.sendall(HALF)
    return wire


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """The shipped configuration, running."""
    with Gateway(tmp_path) as running:
        yield running


# --- starting ----------------------------------------------------------------------------------------------------


def test_port_zero_takes_a_free_one_and_prints_it(tmp_path: Path) -> None:
    """The printed address answers as soon as it is printed."""
    shutil.copy(SHIPPED, tmp_path / "config.yaml")
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        key, said = (process.stdout.readline().decode() for _ in range(2))
        assert "sk-tc-" in key  # of the first start
        try:
            found = re.fullmatch(r"Telecine listens on http://127\.0\.0\.1:(\d+)\n", said)
            assert found is not None, said
            connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=5)
            connection.request("GET", "/readyz")
            assert connection.getresponse().status == 200
            connection.close()
        finally:
            process.terminate()
        assert process.wait(30) == 0
        assert process.stdout.read() == b""


def test_a_port_in_use_is_one_sentence(gateway: Gateway, tmp_path: Path) -> None:
    """Also when another gateway of the same user has it, whose workers would share it without a word."""
    place = ("--config", str(SHIPPED), "--data-dir", str(tmp_path / "other"))
    done = telecine(tmp_path, "serve", "--port", str(gateway.port), *place)
    assert done.status == 1
    assert done.err == f"telecine: cannot listen on http://127.0.0.1:{gateway.port}: the port is in use\n"
    assert not (tmp_path / "other").exists()


def test_a_data_directory_in_use_is_one_sentence(gateway: Gateway, tmp_path: Path) -> None:
    """The second gateway gives up at once, before it has started anything; the first is not disturbed."""
    place = ("--config", str(SHIPPED), "--data-dir", str(gateway.data_dir))
    said, ends = list[Done](), [time.monotonic()]
    # The port of the first and the last is in use, which is found before any data directory is looked at.
    for port in (gateway.port, 0, gateway.port):
        said.append(telecine(tmp_path, "serve", "--port", str(port), *place))
        ends.append(time.monotonic())
    before, took, after = (ended - began for began, ended in pairwise(ends))
    assert took - min(before, after) < 0.8 * LOCK_S_MAX, "it does not wait for the lock"
    done = said[1]
    assert done.status == 1
    assert f"is in use by process {gateway.master} (serve)" in done.err
    assert done.err.count("\n") == 1
    assert answers(gateway)


def test_a_short_command_is_waited_for(tmp_path: Path) -> None:
    """What has the data directory for a moment does not keep the gateway from starting."""
    gateway = Gateway(tmp_path)
    make_data_dir(gateway.data_dir)
    with borrowed(gateway.data_dir), waited_for(gateway.data_dir / "redis" / "lock") as waits:
        held = threading.Thread(target=gateway.start)
        held.start()
        assert until(waits, WAITS_S_MAX)
        assert held.is_alive()
    held.join()
    assert gateway.stop() == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--host", "no.such.host.invalid"], 'telecine: cannot listen on "no.such.host.invalid"'),
        (["--host", ""], 'telecine: cannot listen on "": this is no address of a machine'),
        (["--host", "192.0.2.1"], "telecine: cannot listen on http://192.0.2.1:8080: this machine does not have"),
        (["--config", "absent.yaml"], "absent.yaml: cannot be read"),
        (["--port", "0", "--data-dir", "config.yaml/data"], "telecine: "),
    ],
)
def test_what_cannot_start_is_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    """Exit status 1 and nothing left behind."""
    shutil.copy(SHIPPED, tmp_path / "config.yaml")
    done = telecine(tmp_path, "serve", *words)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(sentence)
    assert done.err.count("\n") == 1


def test_a_configured_store_that_is_away_ends_the_start(tmp_path: Path) -> None:
    """A worker that cannot reach the store says so once, and the gateway does not pretend to run."""
    text = SHIPPED.read_text().replace("\n  url: null", f"\n  url: unix://{tmp_path}/absent.sock")
    (tmp_path / "config.yaml").write_text(text)
    done = telecine(tmp_path, "serve", "--port", "0")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"telecine: the store at {tmp_path}/absent.sock cannot be reached\n"


def test_half_a_head_is_not_waited_for(tmp_path: Path) -> None:
    """A client that begins a request and says no more loses its connection after `header_timeout_s`."""
    config = SHIPPED.read_text().replace("header_timeout_s: 10", "header_timeout_s: 1")
    with Gateway(tmp_path, config=config) as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as wire:
            wire.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            assert b"200" not in wire.recv(1_024)
        assert answers(gateway)


def test_workers_add_up_their_figures(tmp_path: Path) -> None:
    """`/metrics` is the whole gateway's whichever worker answers, and a new life begins from nothing."""
    with Gateway(tmp_path, workers=2) as gateway:
        for _ in range(2):
            for _ in range(20):
                assert answers(gateway, "/readyz")
            assert until(lambda: requests_counted(gateway) == 20, COUNTS_S_MAX)
            assert gateway.stop() == 0
            gateway.start()
            assert requests_counted(gateway) == 0
        assert gateway.stop() == 0


def test_a_dead_worker_takes_no_figure_back(tmp_path: Path) -> None:
    """What it had counted stays counted, its files are removed, and the figure of workers is that of those who live."""
    with Gateway(tmp_path, workers=2) as gateway:
        for _ in range(20):
            assert answers(gateway, "/readyz")
        assert until(lambda: requests_counted(gateway) == 20, COUNTS_S_MAX)
        for _ in range(2):
            victim = int(left_by(gateway)[0].stem.partition("_")[2])
            os.kill(victim, signal.SIGKILL)
            assert until(lambda victim=victim: not left_by(gateway, victim), RECOVERS_S_MAX)  # type: ignore[misc]
            assert until(lambda: len(left_by(gateway)) >= 2, RECOVERS_S_MAX)
        assert until(lambda: answers(gateway, "/healthz"), RECOVERS_S_MAX)
        assert requests_counted(gateway) == 20
        assert gateway.stop() == 0


def left_by(gateway: Gateway, pid: int | None = None) -> list[Path]:
    """The files of figures of one worker; None: of all that live."""
    name = "[0-9]*" if pid is None else str(pid)
    return list((gateway.data_dir / "metrics").glob(f"counter_{name}.db"))


def requests_counted(gateway: Gateway) -> int:
    """Requests to `/readyz` that `/metrics` knows of."""
    return round(gateway.figure("telecine_requests_total", endpoint="readyz"))


# --- deaths ------------------------------------------------------------------------------------------------------


def test_nothing_outlives_a_killed_master(gateway: Gateway) -> None:
    """Worker, store and sandbox end with it, and the next start finds everything as it was."""
    gateway.create_key("films")
    gateway.kill_master()
    assert until(lambda: not gateway.pids(), RECOVERS_S_MAX), gateway.command_lines()
    gateway.start()
    assert answers(gateway)
    assert gateway.telecine("keys", "list", "--project", "films")["role"] == 1
    assert gateway.stop() == 0


def test_who_dies_is_started_again(gateway: Gateway) -> None:
    """The worker, twice in a row, then the sandbox, then the store: each comes back and the gateway answers."""
    for words in (("spawn_main",), ("spawn_main",), ("gateway.sandbox", "--socket"), ("valkey-server",)):
        before = pid_of(gateway, *words)
        os.kill(before, signal.SIGKILL)
        assert until(lambda before=before: before not in gateway.pids(), 5)  # type: ignore[misc]
        assert until(lambda: answers(gateway), RECOVERS_S_MAX), gateway.log()[-3_000:]
        assert until(lambda words=words: pid_of_any(gateway, *words), RECOVERS_S_MAX)  # type: ignore[misc]
    assert until(lambda: {"helper_restarted", "store_restarted"} <= set(events(gateway)), RECOVERS_S_MAX)
    assert events(gateway).count("worker_restarted") == 2
    assert gateway.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_machine_that_lends_nothing_more_ends_nobody_else(tmp_path: Path, workers: int) -> None:
    """The master can open no file, so it can start no process either; who died meanwhile comes back once it can, and
    what a worker had counted is counted."""
    with Gateway(tmp_path, workers=workers) as gateway:
        for _ in range(20):
            assert answers(gateway)
        assert until(lambda: requests_counted(gateway) == 20, COUNTS_S_MAX)
        limits = resource.prlimit(gateway.master, resource.RLIMIT_NOFILE)
        resource.prlimit(gateway.master, resource.RLIMIT_NOFILE, (1, limits[1]))
        for pid, line in gateway.command_lines().items():
            if "spawn_main" in line or "gateway.sandbox --socket" in line:
                os.kill(pid, signal.SIGKILL)
        said = {"helper_not_started", "worker_not_restarted"}
        assert until(lambda: all(events(gateway).count(one) > workers for one in said), RECOVERS_S_MAX), gateway.log()
        resource.prlimit(gateway.master, resource.RLIMIT_NOFILE, limits)
        assert until(lambda: events(gateway).count("worker_restarted") == workers, RECOVERS_S_MAX), gateway.log()
        assert until(lambda: "helper_restarted" in events(gateway), RECOVERS_S_MAX)
        assert until(lambda: answers(gateway, "/healthz"), RECOVERS_S_MAX), gateway.log()[-3_000:]
        assert workers == 1 or requests_counted(gateway) == 20
        assert gateway.stop() == 0


def events(gateway: Gateway) -> list[str]:
    """What the log told, in its order."""
    return [line["event"] for line in gateway.lines()]


def pid_of_any(gateway: Gateway, *words: str) -> bool:
    return any(all(word in line for word in words) for line in gateway.command_lines().values())


# --- stopping ----------------------------------------------------------------------------------------------------


def test_ctrl_c_stops_the_whole_family(gateway: Gateway) -> None:
    """A terminal sends SIGINT to every process of the group; the master still ends them in order, with status 0."""
    os.killpg(gateway.master, signal.SIGINT)
    assert gateway.wait() == 0
    assert until(lambda: not gateway.pids(), 10), gateway.command_lines()


def test_a_request_that_ends_within_the_grace_is_answered(gateway: Gateway) -> None:
    """SIGTERM takes no new connection; the request that had begun gets its whole answer."""
    with begun_request(gateway, gateway.create_key()) as wire:
        os.kill(gateway.master, signal.SIGTERM)
        assert until(lambda: not answers(gateway), GRACE_S / 2)
        time.sleep(0.5)
        wire.sendall(REST)
        assert wire.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert gateway.wait() == 0
    assert "requests_cut" not in gateway.log()


def test_what_does_not_end_within_the_grace_is_cut_and_counted(tmp_path: Path) -> None:
    """The stop is bounded whatever a client does, and the log says how many it cost."""
    config = SHIPPED.read_text().replace("stop_grace_s: 30", "stop_grace_s: 1")
    with Gateway(tmp_path, config=config) as gateway, begun_request(gateway, gateway.create_key()):
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began < GRACE_S
        (cut,) = [line for line in gateway.log().splitlines() if "requests_cut" in line]
        assert json.loads(cut)["requests"] == 1


def test_what_a_worker_cut_is_counted_for_as_long_as_the_gateway_lives(tmp_path: Path) -> None:
    """The worker is gone by then, so another tells it; a client that hangs up is no request that was cut."""
    config = SHIPPED.read_text().replace("stop_grace_s: 30", "stop_grace_s: 1")
    with Gateway(tmp_path, config=config, workers=2) as gateway:
        key = gateway.create_key()
        begun_request(gateway, key).close()
        with begun_request(gateway, key):
            workers = [pid for pid, line in gateway.command_lines().items() if "spawn_main" in line]
            for pid in workers:
                os.kill(pid, LEAVE)
            assert until(lambda: events(gateway).count("worker_restarted") == len(workers), RECOVERS_S_MAX)
        assert until(lambda: answers(gateway, "/healthz"), RECOVERS_S_MAX)
        assert gateway.figure("telecine_requests_cut_total") == 1
        assert gateway.stop() == 0


@pytest.mark.parametrize(
    ("moment_s", "number"), [(0.0, signal.SIGTERM), (0.2, signal.SIGINT), (0.5, signal.SIGTERM), (0.9, signal.SIGTERM)]
)
def test_a_stop_that_comes_while_it_starts_is_a_stop_as_told(
    tmp_path: Path, moment_s: float, number: signal.Signals
) -> None:
    """Status 0, nothing is left and nothing is complained of, however soon after the first moment that heeds it."""
    gateway = Gateway(tmp_path)
    gateway.start(unless=heeding(gateway, moment_s))
    os.kill(gateway.master, number)
    assert gateway.wait() == 0
    assert until(lambda: not gateway.pids(), 10), gateway.command_lines()
    assert "Traceback" not in gateway.log()


def heeding(gateway: Gateway, seconds: float) -> Callable[[], bool]:
    """Whether the master has caught SIGTERM for so long."""
    since: list[float] = []

    def over() -> bool:
        status = Path(f"/proc/{gateway.master}/status").read_text()
        (caught,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt"))
        if not since and caught >> (signal.SIGTERM - 1) & 1:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() >= since[0] + seconds

    return over


def test_the_data_directory_is_its_owners_alone(tmp_path: Path) -> None:
    """Whoever makes it first, a command or the gateway."""
    shutil.copy(SHIPPED, tmp_path / "config.yaml")
    assert telecine(tmp_path, "projects", "create", "films", "--data-dir", "below/data").status == 0
    for folder in (tmp_path / "below" / "data", tmp_path / "below" / "data" / "redis"):
        assert folder.stat().st_mode & 0o777 == 0o700
