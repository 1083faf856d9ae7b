"""What is wrong with a configuration file, told so that it can be mended: file, line, key and reason.

A problem never quotes a value that may be secret: reasons speak of names and rules only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

Path: TypeAlias = tuple[str | int, ...]
"""Where something stands in the file: `("models", "sora-2", "routes", 0)`."""

PROBLEMS_SHOWN_MAX = 20


class Problem(Struct, frozen=True, order=True):
    line: int  # from 1; 0: the file as a whole
    path: Path
    reason: str


class ConfigError(Exception):
    """The file is refused whole. Its text is one line per problem: `config.yaml:12: models.sora-2.routes: reason`."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        assert problems
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> list[str]:
        lines = [_line(self.file, problem) for problem in self.problems[:PROBLEMS_SHOWN_MAX]]
        hidden = len(self.problems) - len(lines)
        return [*lines, f"{self.file}: and {hidden} more"] if hidden else lines


def show(path: Path) -> str:
    """`("models", "wan-2.5", "routes", 0)` -> `models."wan-2.5".routes[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if step and not set(step) & set('."[] ') else f'"{step}"'
            text += f".{name}" if text else name
    return text


def _line(file: str, problem: Problem) -> str:
    """Of the file's own words nothing moves the cursor, begins a line or turns the direction of the rest."""
    place = f"{file}:{problem.line}" if problem.line else file
    line = f"{place}: {show(problem.path)}: {problem.reason}" if problem.path else f"{place}: {problem.reason}"
    return "".join(char if char.isprintable() else "?" for char in line)
