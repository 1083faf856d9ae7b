"""What the product is measured with and beside: vendors behind it, floors next to it, each a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.stage import ASKS, SERVES, descendants
from tests.support.gateway import ROOT, command_line, free_port, until
from tests.support.processes import ended
from tests.support.vendor_beside import vendor_beside

START_S_MAX: Final = 30.0
PEER_START_S_MAX: Final = 90.0
PEER_MODEL: Final = "sora-2"
PEER_KEY: Final = "sk-peer"
DOWNLOAD_S_MAX: Final = 60.0
NGINX_HOME: Final = ROOT / ".envs" / "nginx"
NGINX_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
NGINX: Final = """\
{user}daemon off; worker_processes 1; pid {own}/pid; error_log {own}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {own}/access.log; sendfile on; tcp_nopush on;
  {temporary}
  types {{ video/mp4 mp4; }}
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@contextmanager
def process_on(
    port: int, command: Sequence[str], folder: Path, name: str, *, start_s_max: float = START_S_MAX
) -> Iterator[subprocess.Popen[bytes]]:
    """Something that serves on a port, until the block ends."""
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    with ended(process):
        listening = until(lambda: _answers(port) or process.poll() is not None, start_s_max)
        assert listening and process.poll() is None, (folder / f"{name}.log").read_text()[-2_000:]
        for line in descendants(process):
            print(f"  {name:<12} {line}", flush=True)
        yield process


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- vendors, on the core of those who ask -----------------------------------------------------------------------


@contextmanager
def fast_vendor(folder: Path) -> Iterator[str]:
    """The base URL of a vendor that accepts every job and never finishes one."""
    port = free_port()
    command = [*ASKS, sys.executable, "-m", "tests.bench.vendor", str(port)]
    with process_on(port, command, folder, "vendor"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def rendering_vendor(folder: Path, clips: Path) -> Iterator[str]:
    """The base URL of one that finishes at once; the clips are made before anything is measured."""
    with vendor_beside(folder, pinned=ASKS, fast=True, clips=str(clips), queue_s=0, render_s=0) as vendor:
        print(f"  {'vendor':<12} {command_line(vendor.pid)}", flush=True)
        yield vendor.base_url


# --- floors, on the core of what serves --------------------------------------------------------------------------


@contextmanager
def bare_route(folder: Path, pinned: tuple[str, ...] = SERVES) -> Iterator[int]:
    """The port of a bare Litestar route with one Redis read, under the same server with the same settings."""
    port = free_port()
    command = [*pinned, sys.executable, "-m", "tests.bench.floor", str(port), str(folder / "floor")]
    with process_on(port, command, folder, "floor"):
        yield port


@contextmanager
def litellm(folder: Path, program: str, vendor: str, pinned: tuple[str, ...]) -> Iterator[int]:
    """The port of a LiteLLM proxy, the peer that targets are of: one worker, no database, the same vendor."""
    port, config = free_port(), folder / "litellm.yaml"
    upstream = {"model": f"openai/{PEER_MODEL}", "api_base": vendor, "api_key": "sk-vendor"}
    settings = {
        "model_list": [{"model_name": PEER_MODEL, "litellm_params": upstream}],
        "general_settings": {"master_key": PEER_KEY},
        "litellm_settings": {"telemetry": False},
    }
    config.write_text(json.dumps(settings))  # JSON is YAML
    command = [*pinned, program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with process_on(port, [*command, "--num_workers", "1"], folder, "litellm", start_s_max=PEER_START_S_MAX):
        yield port


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[int | None]:
    """Serving the files under `root`; None where nginx cannot be had."""
    program = _nginx_program()
    if program is None:
        yield None
        return
    port, own = free_port(), folder / "nginx"
    own.mkdir(parents=True, exist_ok=True)
    temporary = "".join(f"{kind}_temp_path {own}/{kind};\n" for kind in NGINX_TEMPORARY)
    user = "user root;\n" if os.geteuid() == 0 else ""  # else root's worker could not read what only root may
    (own / "nginx.conf").write_text(NGINX.format(user=user, own=own, port=port, root=root, temporary=temporary))
    command = [*SERVES, program, "-p", str(own), "-c", str(own / "nginx.conf"), "-e", str(own / "error.log")]
    with process_on(port, command, folder, "nginx"):
        yield port


def _nginx_program() -> str | None:
    """From the PATH, else out of Debian's package, which is unpacked under .envs and not installed."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    unpacked = NGINX_HOME / "usr" / "sbin" / "nginx"
    if found is None and not unpacked.exists() and shutil.which("apt-get") and shutil.which("dpkg"):
        NGINX_HOME.mkdir(parents=True, exist_ok=True)
        _quietly("apt-get", "-qq", "download", "nginx")
        for package in NGINX_HOME.glob("*.deb"):
            _quietly("dpkg", "-x", str(package), ".")
    candidate = found or str(unpacked)
    return candidate if shutil.which(candidate) and _quietly(candidate, "-v") else None


def _quietly(*command: str) -> bool:
    try:
        done = subprocess.run(command, cwd=NGINX_HOME, capture_output=True, timeout=DOWNLOAD_S_MAX, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
