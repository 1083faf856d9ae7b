"""The chores, the image and the package, as far as they can be held without building them."""

from __future__ import annotations

import json
import re
import subprocess

import gateway
from tests.docs.readme import ROOT


def lines(name: str) -> list[str]:
    """A file's instructions: comments dropped, continued lines joined."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_image_runs_without_root_and_says_how_it_is() -> None:
    """A user of its own before the entry point, a health check, data in a volume, SIGTERM to stop."""
    final = lines("Dockerfile")[[line.startswith("FROM") for line in lines("Dockerfile")].index(True) :]
    stages = [index for index, line in enumerate(final) if line.startswith("FROM")]
    run = final[stages[-1] :]
    words = [line.split(maxsplit=1)[0] for line in run]
    assert words.index("USER") < words.index("ENTRYPOINT")
    (user,) = [line for line in run if line.startswith("USER")]
    assert user.split()[1] not in ("root", "0")
    assert {"HEALTHCHECK", "VOLUME", "EXPOSE", "STOPSIGNAL"} <= set(words)
    (health,) = [line for line in run if line.startswith("HEALTHCHECK")]
    program = json.loads(health[health.index("[") :])[2]
    compile(program, "health check", "exec")
    assert "/healthz" in program


def test_the_image_gets_only_what_it_needs() -> None:
    """Everything that the Dockerfile copies passes .dockerignore, which lets nothing else in."""
    allowed = {line[1:] for line in lines(".dockerignore") if line.startswith("!")}
    copied = [line.split()[1:-1] for line in lines("Dockerfile") if re.match(r"COPY (?!--from)", line)]
    assert {name.removeprefix("./") for names in copied for name in names} == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_the_chores_explain_themselves() -> None:
    """`make` alone lists every chore; CI runs what a developer runs."""
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for chore in ("setup", "demo", "test", "test-all", "bench", "lint", "types", "clean"):
        assert re.search(rf"^  make {chore} +\S", said, re.MULTILINE), chore
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_versions_agree() -> None:
    """The package, the program and the changelog's newest entry."""
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    newest = re.findall(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[0]
    assert version == gateway.__version__ == newest
