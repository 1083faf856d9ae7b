"""The README's code blocks, and one shell script that runs them as a reader would, in order."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(Struct, frozen=True):
    language: str
    text: str


def blocks(path: Path = ROOT / "README.md") -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(path.read_text(encoding="utf-8"))]


def script(port: int) -> str:
    """Every block but the two of make, on another port; `telecine serve` is the first terminal, the rest the second."""
    lines = [
        "set -eu",
        f"export TELECINE_PORT={port}",
        'curl() { command curl -sS --fail-with-body "$@"; echo; }',
    ]
    for block in blocks():
        if block.language == "python":
            lines += ["python - <<'END'", block.text.rstrip(), "END"]
        elif not block.text.startswith("make "):
            lines += [_second_terminal(line) for line in block.text.splitlines()]
    lines += ["kill -TERM $SERVE", "wait $SERVE"]
    return "\n".join(lines).replace(":8080", f":{port}") + "\n"


def _second_terminal(line: str) -> str:
    if line != "telecine serve":
        return line
    wait = "for _ in $(seq 600); do grep -q 'Telecine listens' serve.out && break; sleep 0.1; done; cat serve.out"
    return (
        f"telecine serve > serve.out 2> serve.err & SERVE=$!\ntrap 'kill -TERM $SERVE 2>/dev/null || true' EXIT\n{wait}"
    )
