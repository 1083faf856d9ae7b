"""One line per SDK and version at the end of a test run, whichever xdist worker ran it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.sdk.run import PROPERTY


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = summary_lines(
        value
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    )
    if lines:
        terminalreporter.section("the real clients")
        for line in lines:
            terminalreporter.write_line(line)


def summary_lines(outcomes: Iterable[dict[str, Any]]) -> list[str]:
    totals: dict[tuple[str, str, bool], list[int]] = {}
    for one in outcomes:
        total = totals.setdefault((one["language"], one["version"], one["newest"]), [0, 0])
        total[0] += one["checks"]
        total[1] += one["failures"]
    return [
        f"openai for {language.capitalize()} {version}{' (newest today)' if newest else ''}: {checks} checks, "
        + (f"{failures} FAILED" if failures else "all passed")
        for (language, version, newest), (checks, failures) in sorted(totals.items())
    ]
