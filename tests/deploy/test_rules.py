"""Rules and dashboard ask for what there is; each alert says what to do, has its chapter, and fires when it should."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway import ROOT
from tests.support.prometheus import program
from tests.support.promql import DASHBOARD, RULES, panels, rules, series, wrong_in

CASES = Path(__file__).parent / "rules_test.yml"
CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
OPERATIONS = ROOT / "docs" / "operations.md"


def test_rules_and_dashboard_ask_for_what_there_is() -> None:
    """Every metric and every label in a query is one that the code declares, or a recording rule makes."""
    known = series()
    queries = [rule["expr"] for rule in rules()] + [query for _, query in panels()]
    assert len(queries) > 80
    assert [wrong for query in queries for wrong in wrong_in(query, known)] == []


@pytest.mark.parametrize(
    "query",
    [
        "telecine_no_such_total",
        'telecine_requests_total{path="x"}',
        "sum by (project) (telecine_videos_total)",
        "telecine_request_seconds",
    ],
)
def test_a_query_for_nothing_is_found(query: str) -> None:
    """A name, a label, a grouping, a histogram without its ending."""
    assert wrong_in(query, series())


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 20
    for rule in alerts:
        assert rule["alert"].startswith("Telecine")
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert ":" in rule["annotations"]["summary"], f"{rule['alert']} says what is wrong, and then what to do"
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_every_alert_has_its_chapter() -> None:
    """The link of an alert leads to a heading of the operations manual."""
    text = OPERATIONS.read_text(encoding="utf-8")
    headings = {line.lstrip("# ").strip().strip("`") for line in text.splitlines() if line.startswith("#")}
    assert [rule["alert"] for rule in rules() if "alert" in rule and rule["alert"] not in headings] == []


def test_the_dashboard_has_a_row_for_each_subject() -> None:
    everything = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    titles = [panel["title"] for panel in everything if panel["type"] == "row"]
    assert titles == ["Service level", "Videos", "Providers", "Money", "Queue", "Store", "Webhooks"]
    assert len({panel["id"] for panel in everything}) == len(everything)


def promtool(*words: str, folder: Path) -> None:
    done = subprocess.run([program("promtool"), *words], cwd=folder, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_prometheus_takes_configuration_and_rules() -> None:
    promtool("check", "config", CONFIG.name, folder=CONFIG.parent)
    promtool("check", "rules", RULES.name, folder=RULES.parent)


def test_alerts_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    """The cases stand in `rules_test.yml`, in promtool's own form."""
    (tmp_path / "rules.yml").write_text(RULES.read_text(encoding="utf-8"))
    (tmp_path / CASES.name).write_text(CASES.read_text(encoding="utf-8"))
    promtool("test", "rules", CASES.name, folder=tmp_path)
