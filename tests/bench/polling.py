"""Poll lag: many videos in flight, each looked at every few seconds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from tests.bench import beside, load, stage
from tests.bench.pace import Pace, tell, tell_processes
from tests.bench.rows import Row, Target, histogram, quantile
from tests.support.gateway import Gateway, until

LAG: Final = "telecine_poll_lag_seconds"
LOOP_LAG: Final = "telecine_loop_lag_seconds"


def poll_lag(folder: Path, pace: Pace) -> list[Row]:
    """Many videos in flight, each looked at every few seconds: how late is a look?"""
    tell(f"poll lag with {pace.in_flight:,} videos in flight")
    folder.mkdir(parents=True)
    with (
        beside.fast_vendor(folder) as vendor,
        stage.product(folder / "product", vendor) as (gateway, key),
    ):
        began = time.monotonic()
        _fill(folder, gateway, key, pace.in_flight)
        submitted = until(lambda: stage.accepted(gateway) >= pace.in_flight, 120, every_s=0.5)
        assert submitted, f"only {stage.accepted(gateway):.0f} of {pace.in_flight} were submitted"
        tell(f"  created and submitted within {time.monotonic() - began:.1f} s")
        time.sleep(stage.POLL_S + 1)  # what the submissions delayed is over
        before = stage.scrape(gateway)
        time.sleep(pace.watch_s)
        after = stage.scrape(gateway)
        tell_processes(gateway)
    counts = histogram(after, LAG), histogram(before, LAG)
    polls = (max(counts[0].values()) - max(counts[1].values())) / pace.watch_s
    at = f"with {pace.in_flight:,} in flight"
    return [
        Row(name=f"looks {at}", unit="/s", products=[polls]),
        Row(name=f"poll lag {at}, p50", unit="ms", products=[1_000 * quantile(counts[1], counts[0], 0.5)]),
        Row(
            name=f"poll lag {at}, p99",
            unit="ms",
            products=[1_000 * quantile(counts[1], counts[0], 0.99)],
            target=Target(most=2_000),
        ),
        Row(
            name=f"event loop lag {at}, p99",
            unit="ms",
            products=[1_000 * quantile(histogram(before, LOOP_LAG), histogram(after, LOOP_LAG), 0.99)],
        ),
    ]


def _fill(folder: Path, gateway: Gateway, key: str, count: int) -> None:
    plan = load.Requests(
        port=gateway.port, connections=16, seconds=90, warm_s=0, requests=[stage.create(key)], count=count
    )
    answered = stage.ask(folder, plan, load.Answered)
    assert answered.answers >= count and not answered.wrong, answered
