"""The project's Python files, their syntax trees and what they import. Nothing is read before a rule asks."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]


class Source(Struct, frozen=True):
    path: Path  # from the root of the project
    module: str
    package: str  # what relative imports start from
    text: str


@cache
def sources(*tops: str) -> tuple[Source, ...]:
    """Every file below the given folders, in order."""
    return tuple(_read(path) for top in tops for path in sorted((ROOT / top).rglob("*.py")))


def _read(path: Path) -> Source:
    place = path.relative_to(ROOT)
    parts = place.with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    text = path.read_text(encoding="utf-8")
    package = module if is_package else module.rpartition(".")[0]
    return Source(place, module, package, text)


def tree_of(source: Source) -> ast.Module:
    """Not kept: hundreds of trees would slow every test that comes after. Parsed without the collector: a finalizer
    that prints a traceback parses too, and CPython 3.11 cannot parse within a parse ("AST constructor recursion depth
    mismatch")."""
    gc.disable()
    try:
        return ast.parse(source.text, filename=str(source.path))
    finally:
        gc.enable()


@cache
def imported(source: Source) -> frozenset[str]:
    """Every module that a file imports, at its top or anywhere inside: `from a import b` is both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(found)


def _base(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = source.package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
