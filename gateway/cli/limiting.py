"""The options that limit a key or a project, as several commands take them, and how limits are shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click
from msgspec.structs import replace

from gateway.cli.failure import Failure
from gateway.cli.options import Dollars, Duration, Whole, duration_text, option
from gateway.cli.output import print_json
from gateway.domain.limits import COUNT_MAX, RPM_MAX, TIERS, Limits
from gateway.domain.money import format_dollars
from gateway.domain.priorities import parse_priority, told_priority
from gateway.domain.reuse import NEVER
from gateway.domain.tags import TAGS_MAX, parse_class, parse_tag
from providers.contract import Json, Size

T = TypeVar("T")
NONE: Final = "none"
OFF: Final = "off"
LIST_MAX: Final = 64
BRIEF_CHARS_MAX: Final = 60


class OrNone(click.ParamType[Any]):
    """A value of another kind, or `none`: no such limit any more."""

    def __init__(self, inner: click.ParamType[Any]) -> None:
        self._inner = inner
        self.name = inner.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return NONE if value == NONE else self._inner.convert(value, param, ctx)


class Several(click.ParamType[Any]):
    """Values between commas, each once, and read by `read`, which raises ValueError."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        words = [word.strip() for word in value.split(",")]
        try:
            if len(words) > LIST_MAX:
                raise ValueError
            return tuple(dict.fromkeys(self._read(word) for word in words))
        except ValueError:
            self.fail(f"{value!r} is not a list such as {self.name}", param, ctx)


class Reuse(Duration):
    """`24h`; `off` is no time at all."""

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return NEVER if value == OFF else super().convert(value, param, ctx)


def _model(word: str) -> str:
    if not word or len(word) > 128 or not word.isprintable():
        raise ValueError
    return word


def _size(word: str) -> str:
    size = Size.parse(word)
    if not (size.width and size.height):
        raise ValueError
    return str(size)


def _second(word: str) -> int:
    if not (word.isascii() and word.isdigit() and 1 <= int(word) <= 3_600):
        raise ValueError
    return int(word)


class Priority(click.ParamType[int]):
    """`batch`, `standard`, `interactive`, or a number."""

    name = "priority"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_priority(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Class(click.ParamType[str]):
    """`trial`, `internal`."""

    name = "class"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_class(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Tag(click.ParamType[tuple[str, str]]):
    """`campaign=spring`. In the variable several stand between blanks."""

    name = "tag"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        try:
            return value if isinstance(value, tuple) else parse_tag(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def limit_options(command: Callable[..., object]) -> Callable[..., object]:
    """Every limit as an option; the command receives as `limiting` what makes of old limits the new ones."""

    @option(
        "--tier", type=click.Choice(list(TIERS)), help="Requests per minute as OpenAI's tiers have them: 25 to 375."
    )
    @option("--rpm", type=OrNone(Whole(1, RPM_MAX)), metavar="N|none", help="New videos per minute.")
    @option("--in-flight", type=OrNone(Whole(1, COUNT_MAX)), metavar="N|none", help="Videos that have not ended.")
    @option(
        "--seconds-per-day", type=OrNone(Whole(1, COUNT_MAX)), metavar="N|none", help="Seconds of video a day (UTC)."
    )
    @option("--max-cost", type=OrNone(Dollars()), metavar="DOLLARS|none", help="The most that one video may cost.")
    @option("--models", type=OrNone(Several("sora-2,sora-2-pro", _model)), metavar="A,B|none", help="Only these.")
    @option("--sizes", type=OrNone(Several("720x1280,1280x720", _size)), metavar="WxH,WxH|none", help="Only these.")
    @option(
        "--seconds", type=OrNone(Several("4,8,12", _second)), metavar="N,N|none", help="Only clips of these lengths."
    )
    @option("--sandbox-only", type=click.Choice(["yes", "no"]), help="Always the simulator, whatever the routes say.")
    @option("--routing", type=click.Choice(["allowed", "denied"]), help="Whether requests may carry `routing`.")
    @option("--priority", type=OrNone(Priority()), metavar="LEVEL|none", help="Of videos that name none themselves.")
    @option("--priority-max", type=OrNone(Priority()), metavar="LEVEL|none", help="The most that a video may name.")
    @option(
        "--reuse",
        type=OrNone(Reuse("clips do not live so long")),
        metavar="DURATION|off|none",
        help="Answer identical creates with a finished clip for so long; off: never, whatever its project says.",
    )
    @option(
        "--project-class",
        type=OrNone(Class()),
        metavar="NAME|none",
        help="What metrics tell its spending apart by; of a key, before its project's.",
    )
    @option(
        "--tag",
        type=Tag(),
        multiple=True,
        metavar="NAME=VALUE",
        help="A default tag of its videos and their ledger entries. May be repeated.",
    )
    @option("--no-tag", multiple=True, metavar="NAME", help="Take this default tag away. May be repeated.")
    @functools.wraps(command)
    def limited(tag: Sequence[tuple[str, str]], no_tag: Sequence[str], **given: Any) -> object:
        asked = {name: given.pop(name) for name in _OPTIONS}
        if asked["tier"] is not None and asked["rpm"] is not None:
            raise click.UsageError("--tier and --rpm say the same; give one of them")
        named = [name for name, _ in tag] + list(no_tag)
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise click.UsageError(f'the tag "{twice}" is named twice')
        tags = functools.partial(_tagged, dict(tag), no_tag)
        return command(limiting=lambda old: _limited(asked, replace(old, tags=tags(old.tags))), **given)

    return limited


_OPTIONS: Final = {
    "tier": "rpm",
    "rpm": "rpm",
    "in_flight": "in_flight",
    "seconds_per_day": "seconds_per_day",
    "max_cost": "request_max_micros",
    "models": "models",
    "sizes": "sizes",
    "seconds": "seconds",
    "sandbox_only": "sandbox_only",
    "routing": "routing_denied",
    "priority": "priority",
    "priority_max": "priority_max",
    "reuse": "reuse_s",
    "project_class": "project_class",
}
_LISTS: Final = frozenset({"models", "sizes", "seconds"})
_TEXTS: Final = frozenset({"project_class"})


def _limited(asked: dict[str, Any], old: Limits) -> Limits:
    changes: dict[str, Any] = {}
    for name, value in asked.items():
        field = _OPTIONS[name]
        if value is None:
            continue
        if name == "tier":
            changes[field] = TIERS[value]
        elif name == "sandbox_only":
            changes[field] = value == "yes"
        elif name == "routing":
            changes[field] = value == "denied"
        elif value == NONE:
            changes[field] = () if field in _LISTS else "" if field in _TEXTS else None
        else:
            changes[field] = value
    return replace(old, **changes)


def _tagged(new: Mapping[str, str], gone: Sequence[str], old: Mapping[str, str]) -> dict[str, str]:
    for name in gone:
        if name not in old:
            known = f"there are {', '.join(old)}" if old else "there is none"
            raise Failure(f'no default tag is called "{name}"; {known}')
    tags = {name: value for name, value in {**old, **new}.items() if name not in gone}
    if len(tags) > TAGS_MAX:
        raise Failure(f"there would be {len(tags)} default tags; at most {TAGS_MAX} can be")
    return dict(sorted(tags.items()))


def shown_limits(limits: Limits) -> dict[str, Json]:
    """Those that are set, as JSON."""
    most = limits.request_max_micros
    values: dict[str, Json] = {
        "rpm": limits.rpm,
        "in_flight": limits.in_flight,
        "seconds_per_day": limits.seconds_per_day,
        "max_cost": None if most is None else format_dollars(most),
        "models": list(limits.models) or None,
        "sizes": list(limits.sizes) or None,
        "seconds": list(limits.seconds) or None,
        "sandbox_only": limits.sandbox_only or None,
        "routing": "denied" if limits.routing_denied else None,
        "priority": None if limits.priority is None else told_priority(limits.priority),
        "priority_max": None if limits.priority_max is None else told_priority(limits.priority_max),
        "reuse": None if limits.reuse_s is None else duration_text(limits.reuse_s) if limits.reuse_s else OFF,
        "project_class": limits.project_class or None,
        "tags": {**limits.tags} or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def print_limits(owner: str, limits: Limits, *, json: bool) -> None:
    """For programs an object, for people a line each."""
    found = shown_limits(limits)
    if json:
        print_json(found)
    elif not found:
        click.echo(f"{owner} has no limits")
    else:
        for name, value in found.items():
            click.echo(f"{name.replace('_', '-')}: {_told(value)}")


def _told(value: Json) -> str:
    match value:
        case dict():
            return ", ".join(f"{name}={one}" for name, one in value.items())
        case list():
            return ", ".join(map(str, value))
        case True:
            return "yes"
        case _:
            return str(value)


def brief_tags(limits: Limits) -> str:
    """In a column of a table."""
    text = _told({**limits.tags})
    return text if len(text) <= BRIEF_CHARS_MAX else f"{text[:BRIEF_CHARS_MAX]}…"
