"""What is measured: the gateway as installed, the requests an SDK would send, the load that sends them.

Everything that serves runs on one core, everything that asks on another, so product and floor have the same machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from ruamel.yaml import YAML

from gateway.cli.options import Place
from gateway.cli.storing import with_store
from gateway.domain.budgets import Cap, Window
from gateway.domain.limits import COUNT_MAX, RPM_MAX, Limits
from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.store.store import Store
from tests.bench import load
from tests.support.gateway import ROOT, SHIPPED, Gateway, command_line

Said = TypeVar("Said", bound=msgspec.Struct)

INSTALLED: Final = (str(Path(sys.executable).with_name("telecine")),)
LOAD_S_MAX: Final = 120.0
PROJECT: Final = "bench"
POLL_S: Final = 5  # ECOSYSTEM's yardstick: 10,000 videos in flight, each looked at every five seconds
SDK_HEADERS: Final = {
    "Host": "127.0.0.1",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "User-Agent": "OpenAI/Python 3.52.0",
    "X-Stainless-Lang": "python",
    "X-Stainless-Package-Version": "3.52.0",
    "X-Stainless-OS": "Linux",
    "X-Stainless-Arch": "x64",
    "X-Stainless-Runtime": "CPython",
    "X-Stainless-Runtime-Version": "3.11.7",
    "X-Stainless-Async": "false",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Read-Timeout": "600",
}
BOUNDARY: Final = "d1f0b7c6a5e4438291a0bfce57d3e8f2"
FIELDS: Final = {"prompt": "A paper boat crosses a flooded chessboard", "model": "sora-2", "seconds": "4"}


def cores() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words before a command that pin it: for what serves, for what asks. Empty where there is one core only."""
    free = sorted(os.sched_getaffinity(0))
    if shutil.which("taskset") is None or len(free) < 2:
        return (), ()
    return ("taskset", "-c", str(free[0])), ("taskset", "-c", str(free[1]))


SERVES, ASKS = cores()


# --- requests as an SDK sends them -------------------------------------------------------------------------------


def get(path: str, key: str = "") -> str:
    return _request("GET", path, {"Authorization": f"Bearer {key}"} if key else {}, "")


def create(key: str = "", path: str = "/v1/videos") -> str:
    """The multipart body that the Python SDK makes of a create without a file."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in FIELDS.items()
    ]
    body = "".join([*parts, f"--{BOUNDARY}--\r\n"])
    more = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(len(body))}
    return _request("POST", path, {**more, "Authorization": f"Bearer {key}"}, body)


def _request(method: str, path: str, more: dict[str, str], body: str) -> str:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**SDK_HEADERS, **more}.items())]
    return "\r\n".join([*lines, "", body])


def call(url: str, key: str, text: str | None = None) -> Any:
    """One call of the benchmark's own: `text` is a whole request made above, of which only the body is used."""
    headers, data = {"Authorization": f"Bearer {key}"}, None
    if text is not None:
        data = text.partition("\r\n\r\n")[2].encode()
        headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data, headers), timeout=30) as reply:
        return json.loads(reply.read())


def scrape(gateway: Gateway) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{gateway.url}/metrics", timeout=30) as reply:
        text: str = reply.read().decode()
    return text


def accepted(gateway: Gateway) -> float:
    """How many submissions were accepted so far."""
    return gateway.figure("telecine_attempts_accepted_total")


# --- the load ----------------------------------------------------------------------------------------------------


def ask(folder: Path, plan: msgspec.Struct, kind: type[Said]) -> Said:
    """Run the load in its own process, on its own core."""
    with asking(folder, plan) as process:
        out, _ = process.communicate(timeout=LOAD_S_MAX)
    return msgspec.json.decode(out.splitlines()[-1], type=kind)


@contextmanager
def asking(folder: Path, plan: msgspec.Struct) -> Iterator[subprocess.Popen[bytes]]:
    path = folder / "plan.json"
    path.write_bytes(msgspec.json.encode(plan))
    command = [*ASKS, sys.executable, "-m", load.__name__, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


# --- the product -------------------------------------------------------------------------------------------------


def shipped_with(base_url: str, **more: Any) -> str:
    """The shipped configuration, with a fast vendor before the mock. (JSON is YAML.)"""
    data = YAML(typ="safe").load(SHIPPED.read_text())
    data["providers"]["bench"] = {
        "adapter": "openai",
        "base_url": base_url,
        "api_key": "sk-vendor",
        "poll_min_s": POLL_S,
        "poll_max_s": POLL_S,
        **more,
    }
    data["models"]["sora-2"]["routes"].insert(0, "bench/sora-2")
    return json.dumps(data, default=str)


@contextmanager
def product(
    folder: Path, base_url: str, *, pinned: tuple[str, ...] = SERVES, **provider: Any
) -> Iterator[tuple[Gateway, str]]:
    """A fresh gateway as installed, with a key."""
    text = shipped_with(base_url, **provider)
    gateway = Gateway(folder, config=text, command=INSTALLED, pinned=pinned)
    with gateway:
        yield gateway, gateway.create_key(PROJECT)


def limit(gateway: Gateway) -> None:
    """Every limit and every cap that there is, none of them reached."""

    async def put(store: Store) -> None:
        plenty = Limits(rpm=RPM_MAX, in_flight=COUNT_MAX, seconds_per_day=COUNT_MAX)
        project = await store.find_project(PROJECT)
        (key,) = (one for one in await store.list_keys() if project is not None and one.project == project.id)
        await store.limit_key(key.id, plenty)
        await store.limit_project(key.project, plenty)
        for scope in (f"key/{key.id}", f"project/{key.project}", "provider/bench", "gateway"):
            for window in Window:
                await store.set_cap(scope, window, Cap(AMOUNT_MICROS_MAX))

    with_store(Place(gateway.config, gateway.data_dir), put)


# --- processes ---------------------------------------------------------------------------------------------------

ROLES: Final = (
    ("valkey", "Valkey"),
    ("redis-server", "Valkey"),
    ("media_child", "media child"),
    ("sandbox.render", "renderer"),
    ("gateway.sandbox", "sandbox"),
    ("resource_tracker", "helper"),
)


def roles(gateway: Gateway) -> dict[int, str]:
    """What each of its processes is."""
    found = {}
    for pid, line in gateway.command_lines().items():
        named = next((role for word, role in ROLES if word in line), "worker")
        found[pid] = "supervisor" if pid == gateway.master else named
    return found


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descendants(process: subprocess.Popen[bytes]) -> list[str]:
    """Command lines of a floor's processes."""
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    family = {process.pid}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return [command_line(pid) for pid in sorted(family)]
