"""`make bench` itself runs from beginning to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.bench.rows import Row
from tests.support.gateway import ROOT


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_benchmark_measures_every_row(tmp_path: Path) -> None:
    """In its quick form: figures above zero for everything that it promises, and every process's command line."""
    rows = tmp_path / "rows.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stderr
    measured = {row.name: row for row in msgspec.json.decode(rows.read_bytes(), type=list[Row])}
    for what in ("creates", "creates, every core", "creates with all limits and caps", "retrieves", "lists of 20"):
        for connections in (16, 64):
            row = measured[f"{what}, {connections} connections"]
            assert row.product > 0 and row.ratio, row
    assert measured["content of 50 MB, one reader"].product > 0
    assert any(name.startswith("poll lag") and name.endswith("p99") for name in measured)
    assert sum(name.startswith("plan over 50 routes") for name in measured) == 6
    for role in ("supervisor", "worker", "Valkey", "floor", "vendor", "load"):
        assert f"  {role:<12} " in done.stdout, role
