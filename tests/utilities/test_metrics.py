"""The figures: every metric with its help, closed label sets, and the same answer from however many workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway import metrics
from gateway.metrics.families import CHILDREN_MAX

ROOT = Path(__file__).resolve().parents[2]

FEED = """
from gateway import metrics
metrics.request_ended("video", "GET", "200", 0.01)
metrics.video_moved("sora-2", "mock", "queued")
metrics.attempt_ended("mock", "stored", None)
metrics.poll_lag(0.2)
metrics.store_time("face", 0.001)
metrics.upstream("mock", "poll", "running", 0.1)
metrics.requests_cut(2)
metrics.loop_lag(0.001)
"""


def samples(text: str) -> dict[str, float]:
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {f"{one.name}{sorted(one.labels.items())}": one.value for one in found}


def run(code: str, env: dict[str, str], folder: Path) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    path = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, **path, **env},
        cwd=folder,
        capture_output=True,
        timeout=30,
        check=True,
    )
    return done.stdout.decode()


def test_workers_are_added_up(tmp_path: Path) -> None:
    """A scrape that one worker answers tells of all of them."""
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(3):
        run(FEED, env, tmp_path)
    found = samples(run("from gateway import metrics; print(metrics.exposition().decode())", env, tmp_path))
    assert found["telecine_requests_total[('endpoint', 'video'), ('method', 'GET'), ('status', '200')]"] == 3
    assert found["telecine_videos_total[('model', 'sora-2'), ('provider', 'mock'), ('state', 'queued')]"] == 3
    assert found["telecine_poll_lag_seconds_count[]"] == 3
    assert found["telecine_requests_cut_total[]"] == 6


def test_one_process_tells_the_same(tmp_path: Path) -> None:
    """Without a folder for several workers nothing is written anywhere."""
    code = FEED + "print(metrics.exposition().decode())"
    found = samples(run(code, {}, tmp_path))
    assert found["telecine_request_seconds_count[('endpoint', 'video')]"] == 1
    assert found["telecine_upstream_seconds_count[('outcome', 'running'), ('provider', 'mock'), ('verb', 'poll')]"] == 1
    assert not any(name.endswith("_created[]") for name in found)
    assert list(tmp_path.iterdir()) == []


def test_every_metric_is_named_and_explained() -> None:
    """All begin with our name and say in a sentence what they are."""
    families = list(text_string_to_metric_families(metrics.exposition().decode()))
    assert len(families) > 10
    for family in families:
        assert family.name.startswith("telecine_")
        assert family.documentation.endswith(".") and family.documentation[0].isupper()


def test_labels_cannot_grow_without_bound(tmp_path: Path) -> None:
    """Should a caller ever pass what a client wrote, the rest is counted under one name."""
    code = f"""
from gateway import metrics
for number in range({CHILDREN_MAX} + 500):
    metrics.doubted(f"provider-{{number}}")
print(metrics.exposition().decode())
"""
    everything = samples(run(code, {}, tmp_path))
    found = {name: value for name, value in everything.items() if name.startswith("telecine_doubts_total")}
    assert len(found) == CHILDREN_MAX + 1
    assert found["telecine_doubts_total[('provider', 'other')]"] == 500
