"""The figures: every metric with its help, closed label sets, and the same answer from however many workers."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import metrics
from gateway.log import journal
from gateway.metrics.families import CATALOGUE, CHILDREN_MAX
from gateway.metrics.folding import fold
from gateway.metrics.reference import reference, undocumented

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


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    """It stands in memory, and who logs out may have what stands there cleared."""
    gone = tmp_path / "gone"
    code = f"{FEED}\nimport shutil\nshutil.rmtree({str(gone)!r})\nprint(metrics.exposition().decode())"
    assert samples(run(code, {"PROMETHEUS_MULTIPROC_DIR": str(gone)}, tmp_path)) == {}
    assert gone.is_dir()
    fold(tmp_path / "gone", 7)


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


def test_a_dead_workers_figures_stay_and_its_files_go(tmp_path: Path) -> None:
    """Counters never go back, gauges go with who set them, and a thousand deaths leave no thousand files."""
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    code = FEED + "metrics.doubts_open(3)\nimport os\nprint(os.getpid())"
    show = "from gateway import metrics; print(metrics.exposition().decode())"
    dead = [int(run(code, env, tmp_path)) for _ in range(3)]
    before = samples(run(show, env, tmp_path))
    assert before["telecine_doubts_open[]"] == 3
    for pid in dead:
        fold(tmp_path, pid)
    fold(tmp_path, dead[0])
    after = samples(run(show, env, tmp_path))
    gone = {name for name, value in before.items() if after.get(name) != value}
    assert gone <= {"telecine_doubts_open[]"}
    assert "telecine_doubts_open[]" not in after
    assert not [one.name for one in tmp_path.iterdir() if any(str(pid) in one.name for pid in dead)]


def test_what_a_dead_worker_left_unreadable_is_told_and_goes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "counter_77.db").write_bytes(struct.pack("iiI", 40, 0, 16) + b"\xff" * 52)
    fold(tmp_path, 77)
    journal.flush()
    assert "figures_lost" in capfd.readouterr().err
    assert not (tmp_path / "counter_77.db").exists()


def test_series_of_what_is_not_configured_stay_away(tmp_path: Path) -> None:
    """Of providers, routes and models, also where a breaker has their name; what has none of them stays."""
    code = """
from gateway import metrics
metrics.breaker_states({(scope, name): "open" for scope, name in (
    ("provider", "here"), ("provider", "gone"), ("route", "here/sora-2"), ("route", "gone/sora-2"))})
for name in ("here", "gone"):
    metrics.doubted(name)
    metrics.odd_word(name)
    metrics.route_health(f"{name}/sora-2", 1.0, {4: 2.0})
    metrics.video_moved(name, None, "completed")
    metrics.budget_crossed("project", "day", 100)
named = metrics.Named({"here"}, {"here/sora-2"}, {"here"})
print(metrics.exposition(named).decode())
"""
    shown = run(code, {}, tmp_path)
    assert "gone" not in shown
    found = samples(shown)
    assert found["telecine_doubts_total[('provider', 'here')]"] == 1
    assert found["telecine_videos_total[('model', 'here'), ('provider', 'none'), ('state', 'completed')]"] == 1
    assert sum(name.startswith("telecine_breaker_state") for name in found) == 2
    assert any(name.startswith("telecine_budget_events_total") for name in found)


def test_a_limit_that_is_taken_away_leaves_no_figure_at_any_worker(tmp_path: Path) -> None:
    """A gauge would stay where it stood for ever; each worker says of its own that they have no value any more."""
    before = """
from gateway import metrics
metrics.limits_left({("a", "rpm"): 9, ("b", "rpm"): 3})
metrics.in_flight({"a": 2, "b": 1})
metrics.breaker_states({("provider", "a"): "open", ("provider", "b"): "closed"})
metrics.balance("a", "usd", 5.0, 5_000_000, 0)
metrics.route_health("a/m", 1.0, {4: 2.0})
metrics.provider_queues({"a": 4})
"""
    after = """
metrics.limits_left({("b", "rpm"): 2})
metrics.in_flight({"b": 1})
metrics.breaker_states({("provider", "b"): "closed"})
metrics.balances_known({})
metrics.routes_known([])
metrics.provider_queues({})
"""
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    run(before, env, tmp_path)
    show = "from gateway import metrics; print(metrics.exposition().decode())"
    assert "telecine_provider_limit_left[('limit', 'rpm'), ('provider', 'a')]" in samples(run(show, env, tmp_path))
    shown = samples(run(f"{before}{after}print(metrics.exposition().decode())", env, tmp_path))
    kept = [name for name in shown if any(f"'{one}'" in name for one in ("a", "a/m"))]
    assert kept == []
    assert shown["telecine_provider_limit_left[('limit', 'rpm'), ('provider', 'b')]"] == 2


def test_the_manual_is_what_the_code_declares() -> None:
    """After a change: `make docs`. No label is without a word of what it holds."""
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == reference()
    assert undocumented() == []


def test_names_and_units_follow_prometheus_conventions() -> None:
    """Counters end in _total; histograms and times in _seconds; dollars in _usd; nothing is told in milliseconds."""
    for one in CATALOGUE:
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        assert one.kind != "histogram" or one.name.endswith("_seconds"), one.name
        assert not re.search(r"_(ms|millis|micros|kb|mb|minutes|dollars)(_|$)", one.name), one.name
