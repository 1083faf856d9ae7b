"""A real `telecine serve` in a process group of its own, on a free port, with its own data directory.

    with Gateway(tmp_path, config=through(vendor.base_url)) as gateway:
        key = gateway.create_key("some project")
        ... gateway.base_url, key ...

Everything that descends from it carries a mark in its environment, so `stop` can prove that nothing was left behind,
whatever process group or parent it went to. Blocking; an async test that may not wait uses `asyncio.to_thread`.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support import commands

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "config.yaml"
READY = "Telecine listens on "
FIRST_KEY = "A key that controls everything, shown this once: "
READY_S_MAX = 30.0
STOP_S_MAX = 45.0
LEFT_S_MAX = 10.0  # what dies with its parent may take a moment
MARK = "TELECINE_TEST_MARK"
BLOCK = 100
PORTS = range(20_000, 32_000, BLOCK)  # the first of each block
TELECINE = (sys.executable, "-m", "gateway")
# Packages that `pip install .` does not bring, but that libraries load where they find them: without them a gateway is
# what a user has, and starts in less time.
PLAIN = Path(__file__).with_name("plain")

PROVIDER = """\
  simulated:
    adapter: openai
    base_url: {base_url}
    api_key: {api_key}
    poll_min_s: 0.2
    poll_max_s: 0.5
{more}"""
MODELS = """\
models:
  sora-2:
    aliases: [sora-2-2025-10-06, sora-2-2025-12-08]
    routes: [simulated/sora-2]
  sora-2-pro:
    routes: [simulated/sora-2-pro]
"""


def through(base_url: str, api_key: str = "sk-vendor", *, provider: str = "", top: str = "") -> str:
    """A configuration with the simulated vendor as the one provider. `provider`: more lines of its section, indented
    by four; `top`: further sections."""
    return f"{top}providers:\n" + PROVIDER.format(base_url=base_url, api_key=api_key, more=provider) + MODELS


class Gateway:
    """Started and stopped by `with`, or by hand as often as a test likes: the data directory stays."""

    def __init__(
        self,
        folder: Path,
        *,
        config: str | None = None,
        workers: int = 1,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = TELECINE,
        pinned: Sequence[str] = (),
        extras: bool = False,
    ) -> None:
        """`config`: its text; None is the shipped file. `pinned`: words before the command, such as `taskset -c 0`.
        `extras`: with the packages of `telecine[otel]`."""
        self.folder = folder
        self.data_dir = folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.url}/v1"
        self.workers = workers
        self.env = dict(env or {})
        self._command = (*pinned, *command)
        self._telecine = tuple(command)
        self._extras = extras
        self._mark = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config = SHIPPED if config is None else folder / "config.yaml"
        if config is not None:
            self.config.write_text(config)

    def __enter__(self) -> Gateway:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is not None:
                self.stop()
        finally:
            self._sweep()

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self, *, ready_s_max: float = READY_S_MAX, unless: Callable[[], bool] = lambda: False) -> Gateway:
        """Returns when it listens, or when `unless` says that it will not; AssertionError with its last words else."""
        assert self._process is None
        self._out, self._err = self.folder / "serve.out", self.folder / "serve.err"
        options = ("--config", self.config, "--data-dir", self.data_dir, "--port", self.port, "--workers", self.workers)
        with self._out.open("wb") as out, self._err.open("ab") as err:
            self._process = subprocess.Popen(
                [*self._command, "serve", *map(str, options)],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        process = self._process
        until(lambda: READY in self._out.read_text() or process.poll() is not None or unless(), ready_s_max)
        if READY not in self._out.read_text() and not unless():
            self.kill()
            raise AssertionError(f"telecine serve did not start:\n{self.log()[-4_000:]}")
        return self

    def stop(self) -> int:
        """SIGTERM to the master. Its exit status; AssertionError if a process is left."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self.wait(STOP_S_MAX)
        assert until(lambda: not self.pids(), LEFT_S_MAX), f"left behind: {self.command_lines()}"
        return status

    def wait(self, seconds_max: float = STOP_S_MAX) -> int:
        """Until the master is gone by itself."""
        assert self._process is not None
        try:
            status = self._process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"telecine serve still runs:\n{self.log()[-4_000:]}") from None
        self._process = None
        return status

    def kill(self) -> None:
        """SIGKILL to the whole process group at once; returns when nothing of it is left."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait()
        assert until(lambda: not self.pids(), LEFT_S_MAX), f"left behind: {self.command_lines()}"

    def kill_master(self) -> None:
        """SIGKILL to the master only. What becomes of the others is for the test to see (`pids`)."""
        assert self._process is not None
        self._process.kill()
        self.wait()

    @property
    def master(self) -> int:
        assert self._process is not None
        return self._process.pid

    # --- projects and keys ---------------------------------------------------------------------------------------

    def create_key(self, project: str = "tests") -> str:
        """A new project with a key: its secret."""
        self.telecine("projects", "create", project)
        key: str = self.telecine("keys", "create", "--project", project)["key"]
        return key

    @contextmanager
    def client(self, project: str) -> Iterator[httpx.Client]:
        """A client of /v1 with the key of a new project."""
        headers = {"Authorization": f"Bearer {self.create_key(project)}"}
        with httpx.Client(base_url=self.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as one:
            yield one

    def telecine(self, *words: str) -> dict[str, Any]:
        """One command with `--json`, beside the running gateway or without one: the object that it prints."""
        options = ("--json", "--config", str(self.config), "--data-dir", str(self.data_dir))
        if self._telecine == TELECINE:
            done = commands.telecine(self.folder, (*words, *options), self._environment())
        else:
            ran = subprocess.run(
                [*self._telecine, *words, *options],
                cwd=self.folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=commands.SECONDS_MAX,
                check=False,
            )
            done = commands.Done(ran.returncode, ran.stdout, ran.stderr)
        assert done.status == 0, f"telecine {' '.join(words)}: {done.err}"
        said: dict[str, Any] = json.loads(done.out)
        return said

    def ledger(self) -> list[dict[str, Any]]:
        """Every entry, as `telecine ledger export` writes it."""
        options = ("--format", "jsonl", "--config", str(self.config), "--data-dir", str(self.data_dir))
        done = commands.telecine(self.folder, ("ledger", "export", *options), self._environment())
        assert done.status == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    # --- looking -------------------------------------------------------------------------------------------------

    def log(self) -> str:
        """What it wrote: the ready line, and the log of all its lives."""
        return self._out.read_text() + self._err.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """The log's lines of all its lives, without one that is still being written."""
        whole = self._err.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def figure(self, name: str, /, *, absent: float = 0, **labels: str) -> float:
        """The sum of a metric's series with these labels, as `/metrics` has them now; `absent` where there is none."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False, verify=False, timeout=30).text
        samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
        found = [one.value for one in samples if one.name == name and labels.items() <= one.labels.items()]
        return sum(found) if found else absent

    def pids(self) -> list[int]:
        """Every living process that descends from this gateway, whatever group it is in."""
        return [
            int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and self._is_ours(int(path.name))
        ]

    def command_lines(self) -> dict[int, str]:
        return {pid: command_line(pid) for pid in self.pids()}

    def _is_ours(self, pid: int) -> bool:
        try:
            if self._mark.encode() not in Path(f"/proc/{pid}/environ").read_bytes():
                return False
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELECINE_")}
        path = [] if self._extras else [str(PLAIN), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**inherited, **({"PYTHONPATH": os.pathsep.join(path)} if path else {}), MARK: self._mark, **self.env}

    def _sweep(self) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if (figures := self.data_dir / "metrics").is_symlink():  # into memory, where a killed gateway leaves it
            shutil.rmtree(figures.resolve(), ignore_errors=True)
        self._process = None


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def until(true: Callable[[], object], seconds_max: float, *, every_s: float = 0.02) -> bool:
    """Wait for something to become true; whether it did."""
    deadline = time.monotonic() + seconds_max
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to outgoing connections. Until it is listened
    on no other test gets it: those of a process come from a block of its own, each in its turn."""
    for _ in range(BLOCK):
        port = next(_own_ports())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@cache
def _own_ports() -> Iterator[int]:
    """Of a block that no other process has: a worker of this run, the run itself, another run beside it or within."""
    claim = socket.socket(socket.AF_UNIX)
    for first in random.sample(PORTS, len(PORTS)):
        try:
            claim.bind(f"\0telecine-test-ports-{first}")
        except OSError:
            continue
        claim.detach()  # bound until this process ends
        return cycle(range(first, first + BLOCK))
    raise AssertionError("no free block of ports")
