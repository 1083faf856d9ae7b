"""Prometheus and promtool: from the PATH, else out of Debian's package, unpacked under .envs and not installed."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.gateway import ROOT, free_port, until
from tests.support.processes import ended

HOME: Final = ROOT / ".envs" / "prometheus"
FETCH_S_MAX: Final = 90.0
START_S_MAX: Final = 60.0


def program(name: str) -> str:
    """`prometheus` or `promtool`. Where neither can be had the test is skipped, and says so."""
    found = shutil.which(name) or _unpacked(name)
    if found is None:
        pytest.skip(f"{name} is not on the PATH, and Debian's package prometheus cannot be had here")
    return found


def _unpacked(name: str) -> str | None:
    place = HOME / "usr" / "bin" / name
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # tests run side by side
        if not place.exists():
            _quietly("apt-get", "-qq", "download", "prometheus")
            for package in HOME.glob("*.deb"):
                _quietly("dpkg", "-x", package.name, ".")
    return str(place) if place.exists() and _quietly(str(place), "--version") else None


def _quietly(*command: str) -> bool:
    try:
        done = subprocess.run(command, cwd=HOME, capture_output=True, timeout=FETCH_S_MAX, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[str]:
    """The URL of a Prometheus with this configuration, until the block ends."""
    port, command = free_port(), program("prometheus")
    (folder / "prometheus.yml").write_text(config)
    words = [
        command,
        "--config.file=prometheus.yml",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    with ended(process):
        assert until(lambda: _ready(url), START_S_MAX), (folder / "prometheus.log").read_text()[-2_000:]
        yield url


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5, trust_env=False, verify=False).status_code == 200
    except httpx.HTTPError:
        return False
