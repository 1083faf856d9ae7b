"""The benchmark's arithmetic and its load, without a gateway."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import msgspec
import pytest

from tests.bench import load
from tests.bench.rows import Row, Target, histogram, quantile, table
from tests.support.http_desk import Desk, say

EXPOSITION = """\
# TYPE lag histogram
lag_bucket{le="0.1"} 90.0
lag_bucket{le="1.0"} 100.0
lag_bucket{le="+Inf"} 100.0
lag_count 100.0
other_bucket{le="0.1"} 7.0
"""


def test_a_quantile_is_of_what_happened_between_two_scrapes() -> None:
    """What the histogram held before is taken off; between two bounds a straight line."""
    after = histogram(EXPOSITION, "lag")
    assert quantile({}, after, 0.9) == pytest.approx(0.1)
    assert quantile({}, after, 0.95) == pytest.approx(0.55)
    assert quantile({0.1: 90, 1.0: 90, float("inf"): 90}, after, 0.5) == pytest.approx(0.55)
    assert quantile(after, after, 0.99) == 0


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    """Each round compares what was measured under the same weather."""
    row = Row(name="x", unit="/s", products=[80, 900, 70], floors=[100, 1000, 100])
    assert row.ratio == pytest.approx(0.8)
    assert row.product == 80


def test_a_row_says_whether_its_target_is_met_and_when_its_floor_is_missing() -> None:
    """A target about a floor that could not be had is neither met nor missed."""
    target = Target(least=10, ratio_least=0.75)
    met = Row(name="met", unit="/s", products=[80], floors=[100], target=target)
    missed = Row(name="missed", unit="/s", products=[70], floors=[100], target=target)
    blind = Row(name="blind", unit="/s", products=[80], target=target, why_no_floor="no nginx")
    assert (met.met, missed.met, blind.met) == (True, False, None)
    text = table([met, missed, blind])
    assert "met" in text and "MISSED" in text and "no nginx" in text and "≥ 10 /s, ≥ 0.75 of the floor" in text


async def ask(folder: Path, plan: msgspec.Struct) -> dict[str, float]:
    """Run the load in its own process."""
    path = folder / "plan.json"
    path.write_bytes(msgspec.json.encode(plan))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", str(path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    said: dict[str, float] = json.loads(out.splitlines()[-1])
    return said


async def test_the_load_counts_answers_and_wrong_ones(tmp_path: Path) -> None:
    """Every fourth answer is an error here, and is not counted as an answer."""
    numbers = iter(range(10**9))
    async with Desk(lambda _: say(503 if next(numbers) % 4 == 3 else 200, b"{}")) as desk:
        plan = load.Requests(
            port=desk.port, connections=4, seconds=0.4, warm_s=0.1, requests=["GET /x HTTP/1.1\r\nHost: x\r\n\r\n"]
        )
        said = await ask(tmp_path, plan)
    assert said["answers"] > 20
    assert said["wrong"] == pytest.approx(said["answers"] / 3, rel=0.1, abs=4)
    assert 0 < said["p50_ms"] <= said["p99_ms"]


async def test_the_load_fetches_whole_answers_fast_and_slowly(tmp_path: Path) -> None:
    """Fetched as fast as it comes; and read at a rate, by many."""
    request = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
    async with Desk(lambda _: say(200, bytes(2_000_000))) as desk:
        fetched = await ask(tmp_path, load.Fetch(port=desk.port, request=request, times=3))
        read = await ask(
            tmp_path, load.Slow(port=desk.port, request=request, connections=5, seconds=0.6, bytes_per_s=100_000)
        )
    assert fetched["size_bytes"] == 2_000_000
    assert fetched["mb_per_s"] > 1
    assert read["connections"] == 5
    assert 5 * 30_000 < read["total_bytes"] < 5 * 130_000
