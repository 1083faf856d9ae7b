"""`make bench`: the product beside this machine's floor, measured in interleaved rounds.

    python -m tests.bench [--quick] [--only WORD ...] [--peer PROGRAM] [--json FILE]

One worker, the configuration as shipped with a fast simulated vendor before the mock, logs and metrics on.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tests.bench import load
from tests.bench.calls import creates, limited, peer, reads
from tests.bench.content import content
from tests.bench.pace import FULL, QUICK, Pace
from tests.bench.planning import planning
from tests.bench.polling import poll_lag
from tests.bench.rows import PEER_CREATES_PER_S, PEER_RETRIEVES_PER_S, Row, table
from tests.bench.stage import ASKS, SERVES

MEASURES: Final[Mapping[str, Callable[[Path, Pace], list[Row]]]] = {
    "creates": creates,
    "limited": limited,
    "reads": reads,
    "content": content,
    "poll-lag": poll_lag,
    "planning": planning,
}
NOTES = f"""\
floor: a bare Litestar route with one Redis read (creates: one Redis write) under the same server with its settings, on
its cores, with its kind of private Valkey; for content, nginx with the same file; for creates with all limits and caps,
the product without any. A plan is measured alone.
Ratios are medians over the rounds, product and floor in turn.
Peer (LiteLLM proxy 1.106, one worker, no database, 16 connections, this class of machine):
{PEER_CREATES_PER_S} creates/s, {PEER_RETRIEVES_PER_S} retrieves/s; the targets are 10 and 20 times that."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute, one short round: does it run?")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), help="measure only these")
    parser.add_argument(
        "--peer", metavar="PROGRAM", help="a LiteLLM proxy: measure creates and retrieves beside it, too"
    )
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    given = parser.parse_args()
    began = time.monotonic()
    pace = QUICK if given.quick else FULL
    loading = f"  {'load':<12} {' '.join([*ASKS, sys.executable, '-m', load.__name__, 'PLAN'])}"
    where = f"serving on {' '.join(SERVES) or 'any core'}, asking on {' '.join(ASKS) or 'any core'}"
    print(f"{platform.platform()}, Python {platform.python_version()}; {where}\n{loading}", flush=True)
    rows: list[Row] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="telecine-bench-") as folder:
        measures = dict(MEASURES) | ({"peer": partial(peer, given.peer)} if given.peer else {})
        for name in [*(given.only or MEASURES), *(["peer"] if given.peer else [])]:
            try:
                rows += measures[name](Path(folder) / name, pace)
            except AssertionError as error:
                missing.append(f"{name} could not be measured: {error}")
                print(f"  {missing[-1]}", flush=True)
    print(f"\n{table(rows)}\n\n{NOTES}\n{time.monotonic() - began:.0f} s in all")
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
    sys.exit("\n".join(missing) or 0)


main()
