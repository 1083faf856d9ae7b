"""What a process loads that it never uses costs time at every start and memory until its end."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Where OpenTelemetry is installed, the library of the store loads its metrics by itself; what exports is ours to leave.
SERVERS_AND_CLIENTS = {"aiohttp", "httpx", "litestar", "av", "PIL", "opentelemetry.exporter", "opentelemetry.sdk.trace"}


@pytest.mark.parametrize("module", ["gateway.serve.master", "gateway.cli.projects", "gateway.cli.keys"])
def test_who_only_reads_the_configuration_and_the_store_loads_no_http_and_no_media(module: str) -> None:
    script = f"import sys, {module}; print(*sorted({SERVERS_AND_CLIENTS!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []
