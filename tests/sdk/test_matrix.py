"""The lists of SDKs in the Makefile and here are the same, and the summary says what happened."""

from __future__ import annotations

import re

import pytest

from tests.sdk.matrix import OTHERS, PINNED, ROOT
from tests.sdk.summary import summary_lines


@pytest.mark.parametrize("language", ["python", "node"])
def test_the_makefile_builds_what_the_checks_need(language: str) -> None:
    """An environment that nobody builds would fail in everybody's first `make test`."""
    makefile = (ROOT / "Makefile").read_text()
    named = {
        name: set(re.findall(r"\d+\.\d+\.\d+", words))
        for name, words in re.findall(rf"^(SDK_{language.upper()}(?:_ALL)?) := (.*)$", makefile, re.MULTILINE)
    }
    pinned = {sdk.version for sdk in PINNED if sdk.language == language}
    others = {sdk.version for sdk in OTHERS if sdk.language == language}
    assert named == {f"SDK_{language.upper()}": pinned, f"SDK_{language.upper()}_ALL": others}


def test_the_summary_has_one_line_for_each_sdk_and_version() -> None:
    """Several test functions of one SDK are added up; a failure is said loudly."""
    one = {"language": "python", "version": "3.52.0", "newest": False, "checks": 300, "failures": 0}
    other = {"language": "node", "version": "7.55.0", "newest": True, "checks": 200, "failures": 2}
    assert summary_lines([one, other, {**one, "checks": 40}]) == [
        "openai for Node 7.55.0 (newest today): 200 checks, 2 FAILED",
        "openai for Python 3.52.0: 340 checks, all passed",
    ]
