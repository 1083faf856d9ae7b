"""The simulated vendor in a process of its own, for tests and fixtures without an event loop.

with vendor_beside(folder, render_s=0.1) as vendor: ... vendor.base_url, asyncio.run(vendor.counts())
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import ended
from tests.support.vendor import ROOT
from tests.support.vendor_control import RemoteVendor


@contextmanager
def vendor_beside(folder: Path, *, pinned: Sequence[str] = (), **options: Any) -> Iterator[RemoteVendor]:
    """`options` as in `vendor_jobs.Options`; `pinned`: words before the command, such as `taskset -c 0`."""
    command = [*pinned, sys.executable, "-m", "tests.support.vendor", "--options", json.dumps(options)]
    with (folder / "vendor.err").open("ab") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    with process.stdout, ended(process):
        line = process.stdout.readline()
        assert line, f"the vendor did not start: {(folder / 'vendor.err').read_text()}"
        ready = json.loads(line)
        yield RemoteVendor(ready["base_url"], ready["api_key"], ready["pid"])
