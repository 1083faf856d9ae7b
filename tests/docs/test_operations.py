"""What operators read is true: each command exists with its options, each alert has its runbook, each word its row."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from gateway.cli import telecine
from gateway.domain.readiness import Obstacle

ROOT = Path(__file__).parents[2]
PAGES = ("docs/operations.md", "deploy/README.md")
COMMAND = re.compile(r"\btelecine (?=[a-z])[^`\n]*", re.ASCII)
CODE = re.compile(r"```sh\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    """Every command line of ours, in blocks and in sentences."""
    code = [block or inline for block, inline in CODE.findall(text(page))]
    return [found.group().rstrip(") ") for one in code for found in COMMAND.finditer(one)]


def words_of(line: str) -> list[str]:
    """Without the shell's own: what comes behind a pipe, quotes and brackets."""
    return [word.strip("\"'()") for word in line.partition(" | ")[0].split()][1:]


def complaint(line: str) -> str | None:
    """What the command line would say of it; None if it can be understood. Words in capitals stand for anything."""
    command: click.Command = telecine
    words = words_of(line)
    while isinstance(command, click.Group):
        if not words:
            return None  # a sentence about the group
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"no command {words[0]}"
        command, words = found, words[1:]
    known = {name for one in command.params for name in one.opts if name.startswith("-")}
    wrong = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    return f"no option {wrong}" if wrong else None


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_with_its_options(page: str) -> None:
    lines = commands(page)
    assert len(lines) >= 3
    assert {line: said for line in lines if (said := complaint(line))} == {}


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert complaint("telecine ledger verfy") and complaint("telecine doctor --jason")


def test_every_alert_has_its_runbook() -> None:
    """And no runbook is of an alert that is gone."""
    rules = text("deploy/prometheus/rules.yml")
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert alerts
    assert sorted(re.findall(r"^### (Telecine\w+)$", text("docs/operations.md"), re.MULTILINE)) == sorted(alerts)


def test_every_word_of_readiness_is_explained() -> None:
    table = text("docs/operations.md")
    assert [one for one in Obstacle if f"| `{one.value}` |" not in table] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    """Files, and chapters of this page."""
    body = text(page)
    chapters = {head.lower().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", body, re.MULTILINE)}
    for target in re.findall(r"\]\(([^):]+)\)", body):
        path, _, chapter = target.partition("#")
        assert not path or (ROOT / page).parent.joinpath(path).exists(), target
        assert path or chapter in chapters, target
