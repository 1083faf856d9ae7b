"""How a file looks: it introduces itself, it is short, its functions fit a screen, nothing in it is left to do."""

from __future__ import annotations

import ast
import re
import subprocess

from tests.tidy.sources import ROOT, Source, sources, tree_of

LINES_MAX = 400
FUNCTION_LINES_MAX = 50

CODE = ("providers", "gateway")
ALL = (*CODE, "tests")

TOP_LEVEL = {
    *(".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "Dockerfile", "Makefile", "README.md", "config.yaml"),
    *("deploy", "docs", "gateway", "providers", "pyproject.toml", "tests"),
}

_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
# One machine's own: its folders, and hosts that only it can reach. Written apart so that this file does not hold them.
_MACHINE = re.compile("(^|[^A-Za-z0-9_.])/(wo" + "rk|fa" + "rm)/")
_REGISTRY = re.compile("(index-url|find-links|registry)[ =:]+['\"]?(https?|fi" + "le)://")


def test_a_file_opens_by_saying_what_lives_in_it() -> None:
    """The first thing in every file is its docstring; an empty file has nothing to say."""
    assert [str(one.path) for one in sources(*ALL) if one.text.strip() and not ast.get_docstring(tree_of(one))] == []


def test_a_file_can_be_read_in_one_sitting() -> None:
    """At most LINES_MAX lines."""
    assert {str(one.path): lines for one in sources(*ALL) if (lines := one.text.count("\n")) > LINES_MAX} == {}


def test_a_function_fits_a_screen() -> None:
    """At most FUNCTION_LINES_MAX lines, its docstring not counted."""
    assert [long for source in sources(*CODE) for long in _long_functions(source)] == []


def test_nothing_is_left_to_do() -> None:
    """Unfinished work stands in issues, not in the code."""
    assert [str(one.path) for one in sources(*CODE) if _UNFINISHED.search(one.text)] == []


def test_nothing_belongs_to_one_machine() -> None:
    """No absolute path of a workplace and no address of a package registry in any tracked text."""
    wrong = []
    for path in _tracked():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        wrong += [path for pattern in (_MACHINE, _REGISTRY) if pattern.search(text)]
    assert wrong == []


def test_nothing_strays_to_the_top() -> None:
    """What a program left where it was started is not committed by an oversight."""
    assert {path.split("/")[0] for path in _tracked()} <= TOP_LEVEL


def _long_functions(source: Source) -> list[str]:
    found = []
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None and len(node.body) > 1
            lines = (node.end_lineno or 0) - node.body[1 if documented else 0].lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(f"{source.path}:{node.lineno} {node.name} has {lines} lines")
    return found


def _tracked() -> list[str]:
    """What git tracks; without git (an unpacked archive) every file of the known folders."""
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return found.stdout.splitlines()
    tops = ("providers", "gateway", "tests", "docs", ".ci")
    return [str(path.relative_to(ROOT)) for top in tops for path in (ROOT / top).rglob("*") if path.is_file()]
