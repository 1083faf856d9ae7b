"""What a process loads that it never uses costs time at every start and memory until its end."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.tidy.sources import Source, sources, tree_of

# Where OpenTelemetry is installed, the library of the store loads its metrics by itself; what exports is ours to leave.
SERVERS_AND_CLIENTS = {"aiohttp", "httpx", "litestar", "av", "PIL", "opentelemetry.exporter", "opentelemetry.sdk.trace"}
CLIENTS = {
    f"httpx.{one}" for one in ("Client", "AsyncClient", "get", "post", "put", "patch", "delete", "request", "stream")
}


@pytest.mark.parametrize("module", ["gateway.serve.master", "gateway.cli.projects", "gateway.cli.keys"])
def test_who_only_reads_the_configuration_and_the_store_loads_no_http_and_no_media(module: str) -> None:
    script = f"import sys, {module}; print(*sorted({SERVERS_AND_CLIENTS!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []


def test_no_client_of_a_test_reads_the_certificates_of_the_machine() -> None:
    """Fifty milliseconds of work for each new client, and everything here speaks plain HTTP on loopback."""
    assert [f"{one.path}:{node.lineno}" for one in sources("tests") for node in _careless(one)] == []


def _careless(source: Source) -> Iterator[ast.Call]:
    """Calls that make a client of httpx and say neither how it verifies nor what carries it."""
    if "httpx" not in source.text or source.path.parts[1] == "bench":
        return
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLIENTS:
            said = {word.arg for word in node.keywords}
            if not said & {"verify", "transport"}:
                yield node
