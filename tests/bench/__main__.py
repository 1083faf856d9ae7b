"""`make bench`: the product beside this machine's floor, measured in interleaved rounds.

    python -m tests.bench [--quick] [--only WORD ...] [--json FILE]

One worker, the configuration as shipped with a fast simulated vendor before the mock, logs and metrics on.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.bench import measures
from tests.bench.rows import PEER_CREATES_PER_S, PEER_RETRIEVES_PER_S, Row, table
from tests.bench.stage import ASKS, SERVES

NOTES = f"""\
floor: a bare Litestar route with one Redis read (creates: one Redis write) under the same server with its settings, on
its core, with its kind of private Valkey; for content, nginx with the same file. Ratios are medians over the rounds,
product and floor in turn. Peer (LiteLLM proxy 1.106, one worker, no database, 16 connections, this class of machine):
{PEER_CREATES_PER_S} creates/s, {PEER_RETRIEVES_PER_S} retrieves/s; the targets are 10 and 20 times that."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute, one short round: does it run?")
    parser.add_argument("--only", nargs="+", choices=list(measures.MEASURES), help="measure only these")
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    given = parser.parse_args()
    began = time.monotonic()
    pace = measures.QUICK if given.quick else measures.FULL
    where = f"serving on {' '.join(SERVES) or 'any core'}, asking on {' '.join(ASKS) or 'any core'}"
    print(f"{platform.platform()}, Python {platform.python_version()}; {where}\n", flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="telecine-bench-") as folder:
        for name in given.only or measures.MEASURES:
            rows += measures.MEASURES[name](Path(folder) / name, pace)
    print(f"\n{table(rows)}\n\n{NOTES}\n{time.monotonic() - began:.0f} s in all")
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
    sys.exit(0)


main()
