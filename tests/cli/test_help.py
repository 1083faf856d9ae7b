"""The manual: every command explains itself, every option has its variable, and asking costs nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import COMMANDS, telecine
from tests.cli.telecine import telecine as run


def commands(group: click.Group = telecine, path: str = "telecine") -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


LEAVES = [(path, command) for path, command in commands() if not isinstance(command, click.Group)]


def test_the_commands_that_scripts_rely_on_exist() -> None:
    """Names and options that others build on."""
    names = {path: {word for one in command.params for word in one.opts} for path, command in LEAVES}
    place = {"--config", "--data-dir"}
    assert names["telecine serve"] == {"--host", "--port", "--workers"} | place
    assert names["telecine projects create"] == {"name", "--json"} | place
    assert {"--project", "--json"} | place <= names["telecine keys create"]
    assert {"telecine projects list", "telecine keys list", "telecine keys revoke"} <= set(names)
    assert names["telecine config check"] == {"--config"}


@pytest.mark.parametrize(("path", "command"), LEAVES)
def test_every_option_is_also_a_variable(path: str, command: click.Command) -> None:
    """`--data-dir` is TELECINE_DATA_DIR, and the help says so and what it is for."""
    for one in command.params:
        if isinstance(one, click.Option):
            variable = "TELECINE_" + one.opts[0].removeprefix("--").replace("-", "_").upper()
            assert one.envvar == variable, f"{path} {one.opts[0]}"
            assert one.show_envvar
            assert one.help


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_every_command_says_what_it_does(path: str, command: click.Command) -> None:
    """In sentences; commands that take arguments or options show an example."""
    assert command.help
    assert command.help.split("\n\n")[0].rstrip().endswith("."), path


def test_defaults_are_the_documented_ones() -> None:
    """./config.yaml, 127.0.0.1, 8080, ./data, 1."""
    serve = dict(LEAVES)["telecine serve"]
    defaults = {one.opts[0]: one.default for one in serve.params}
    assert defaults == {
        "--config": Path("config.yaml"),
        "--data-dir": Path("data"),
        "--host": "127.0.0.1",
        "--port": 8080,
        "--workers": 1,
    }


def test_the_list_of_commands_needs_none_of_them() -> None:
    """`telecine --help` names each command, and imports nothing heavy for that."""
    code = (
        "import sys; from gateway.cli import telecine\n"
        "telecine.main(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'redis', 'granian', 'litestar', 'httpx', 'ruamel.yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout
    for part in ("FILES", "ENVIRONMENT", "EXIT STATUS", "telecine serve"):
        assert part in done.stdout


def test_what_cannot_be_understood_is_said_with_status_two(tmp_path: Path) -> None:
    """Unknown commands and options, and a value of the wrong kind."""
    for words in (["sevre"], ["serve", "--colour"], ["serve", "--port", "70000"], ["keys", "create"]):
        done = run(tmp_path, *words)
        assert done.status == 2
        assert "Error:" in done.err
        assert not done.out


def test_the_version_is_the_package_s() -> None:
    """`telecine --version` says what pip installed."""
    import gateway

    assert f"telecine {gateway.__version__}" in run(Path.cwd(), "--version").out


FATE = """\
providers:
  mock:
    adapter: mock
    settings: {fate: "FATE"}
models:
  m: {routes: [mock/mock-video]}
"""


@pytest.mark.parametrize("fate", ["nope:3", "break:7", "slow=abc"])
def test_a_fate_that_no_sandbox_knows_is_refused_with_its_line(tmp_path: Path, fate: str) -> None:
    """Else every video would fail as if its request were wrong."""
    (tmp_path / "config.yaml").write_text(FATE.replace("FATE", fate))
    for words in (("config", "check"), ("serve", "--port", "0")):
        done = run(tmp_path, *words)
        assert done.status == 1
        assert done.err.startswith("config.yaml:4: providers.mock.settings.fate: ")


@pytest.mark.parametrize(
    ("words", "environ", "sentence"),
    [
        (("config", "check", "--config", ""), {}, "a path must not be empty"),
        (("serve", "--port", "70000"), {}, "70000 is not in the range 0<=x<=65535"),
        (("serve",), {"TELECINE_PORT": "x"}, "'x' is not a valid whole number from 0 to 65535"),
    ],
)
def test_a_wrong_option_says_what_is_allowed(
    tmp_path: Path, words: tuple[str, ...], environ: dict[str, str], sentence: str
) -> None:
    """Exit status 2, and nothing was done."""
    done = run(tmp_path, *words, **environ)
    assert (done.status, sentence in done.err) == (2, True)


def test_a_wrong_switch_in_the_environment_is_told_what_it_may_be(tmp_path: Path) -> None:
    """By words, without an empty one between commas."""
    done = run(tmp_path, "projects", "list", TELECINE_JSON="maybe")
    assert done.status == 2
    assert "'maybe' is neither on (1, true, yes, on) nor off (0, false, no, off, or empty)" in done.err
    for value in ("", "No", "TRUE"):
        assert "neither" not in run(tmp_path, "projects", "list", TELECINE_JSON=value).err
