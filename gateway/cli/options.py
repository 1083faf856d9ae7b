"""The options that commands share. Each is also a variable: `--data-dir` is TELECINE_DATA_DIR; empty means unset."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.types import BoolParamType

from gateway.domain.moments import Period, parse_moment
from gateway.domain.money import parse_dollars

F = TypeVar("F", bound=Callable[..., object])
UNITS_S: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
DURATION_S_MAX: Final = 100 * 365 * 86_400
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhd]?)", re.ASCII)
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class _Path(click.Path):
    """Empty is no path: `Path("")` would be the folder one stands in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("a path must not be empty", param, ctx)
        return super().convert(value, param, ctx)


class Whole(click.IntRange):
    """A whole number in a range, in plain digits; the refusal names the range."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)
        self.name = f"whole number from {least} to {most}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not _DIGITS.fullmatch(value):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return super().convert(value, param, ctx)


class Moment(click.ParamType[int]):
    """A UTC date or RFC 3339, as Unix milliseconds."""

    name = "moment"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[int]):
    """`90`, `90s`, `15m`, `12h`, `30d` as seconds. `instead`: what to do rather than ask for more than is sensible."""

    name = "duration"

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 15m, 12h or 30d", param, ctx)
        seconds = int(found[1]) * UNITS_S[found[2]]
        if seconds > DURATION_S_MAX:
            self.fail(f"{value!r} is longer than a hundred years; {self._instead}", param, ctx)
        return seconds


class OrZero(Duration):
    """Such a duration, or none at all."""

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return 0 if value in ("0", 0) else super().convert(value, param, ctx)


def duration_text(seconds: int) -> str:
    """`24h`: in the largest unit that it is a whole number of, up to hours."""
    unit = next(one for one in ("h", "m", "s") if seconds % UNITS_S[one] == 0)
    return f"{seconds // UNITS_S[unit]}{unit}"


class Dollars(click.ParamType[int]):
    """`0.01` as micro-dollars."""

    name = "dollars"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_dollars(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Switch(BoolParamType):
    """An option without a value, as a variable."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        found = self.str_to_bool(value)
        if found is None:
            self.fail(f"{value!r} is neither on (1, true, yes, on) nor off (0, false, no, off, or empty).", param, ctx)
        return found


class Positive(click.Command):
    """A command whose arguments are never negative: `-1` is told as what it is, not as an unknown option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name[1:2].isdigit():
                raise click.UsageError("an amount must not be negative", ctx) from error
            raise


DIRECTORY = _Path(path_type=Path, file_okay=False)
FILE = _Path(path_type=Path, dir_okay=False)


def option(name: str, *, help: str, **settings: Any) -> Callable[[F], F]:  # noqa: A002 - click's own word
    """An option with its variable, which the help names too."""
    variable = "TELECINE_" + name.removeprefix("--").replace("-", "_").upper()
    if settings.get("is_flag"):
        settings["type"] = Switch()
    return click.option(name, envvar=variable, show_envvar=True, help=help, **settings)


@dataclass(frozen=True)
class Place:
    """Where a gateway lives."""

    config: Path
    data_dir: Path


def place_options(command: Callable[..., object]) -> Callable[..., object]:
    """`--config` and `--data-dir`, which the command receives as one `place`."""

    @config_option
    @option(
        "--data-dir", type=DIRECTORY, default=Path("data"), show_default=True, help="The private store and the clips."
    )
    @functools.wraps(command)
    def placed(config: Path, data_dir: Path, **others: Any) -> object:
        return command(place=Place(config, data_dir), **others)

    return placed


def period_options(command: Callable[..., object]) -> Callable[..., object]:
    """`--since` and `--until`, which the command receives as one `period`."""

    @option("--since", type=Moment(), metavar="MOMENT", help="From then on: a UTC date (its beginning) or RFC 3339.")
    @option("--until", type=Moment(), metavar="MOMENT", help="Before then, written likewise.")
    @functools.wraps(command)
    def timed(since: int | None, until: int | None, **others: Any) -> object:
        if since is not None and until is not None and since >= until:
            raise click.UsageError("--since must lie before --until")
        return command(period=Period(since, until), **others)

    return timed


def config_option(command: F) -> F:
    return option("--config", type=FILE, default=Path("config.yaml"), show_default=True, help="The configuration.")(
        command
    )


def json_option(command: F) -> F:
    return option("--json", is_flag=True, help="Print JSON: one object a line.")(command)
