"""Projects, keys and limits as operators see and send them: in /admin, and in the audit log. Pure, without secrets.

Money is a text of dollars, exact; times are RFC 3339 in UTC. What is not limited is left out.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.domain.errors import BadInput
from gateway.domain.keys import Key, Project
from gateway.domain.limits import COUNT_MAX, NOTHING, RPM_MAX, Limits
from gateway.domain.moments import moment_text
from gateway.domain.money import format_usd, parse_dollars
from gateway.domain.priorities import PRIORITY_MAX
from gateway.domain.tags import TAGS_MAX, parse_class, parse_tag
from providers.contract import Json, Size

LIST_MAX: Final = 64
MODEL_CHARS_MAX: Final = 128
SECONDS_MAX: Final = 3_600
REUSE_S_MAX: Final = 100 * 365 * 86_400
NAME_CHARS_MAX: Final = 100

Count = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
Priority = Annotated[int, Meta(ge=0, le=PRIORITY_MAX)]
Dollars = Annotated[str, Meta(pattern=r"^[0-9]{1,10}(\.[0-9]{1,6})?$")]
"""Such as 12.50."""
Models = Annotated[list[str], Meta(max_length=LIST_MAX)]
Sizes = Annotated[list[str], Meta(max_length=LIST_MAX, description="Such as 1280x720.")]
Lengths = Annotated[list[int], Meta(max_length=LIST_MAX)]
Tags = Annotated[dict[str, str], Meta(max_length=TAGS_MAX)]


class LimitsShape(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Limits and default tags of a key or a project, all of them: what is left out is no limit."""

    rpm: Annotated[int, Meta(ge=1, le=RPM_MAX, description="New videos per minute.")] | None = None
    in_flight: Count | None = None
    seconds_per_day: Count | None = None
    max_cost_usd: Dollars | None = None
    models: Models = msgspec.field(default_factory=list)
    sizes: Sizes = msgspec.field(default_factory=list)
    seconds: Lengths = msgspec.field(default_factory=list)
    sandbox_only: bool = False
    routing: Literal["allowed", "denied"] = "allowed"
    priority: Priority | None = None
    priority_max: Priority | None = None
    reuse_s: Annotated[int, Meta(ge=0, le=REUSE_S_MAX, description="0: never, whatever others say.")] | None = None
    tags: Tags = msgspec.field(default_factory=dict)
    project_class: Annotated[
        str, Meta(pattern=r"^([a-z][a-z0-9-]{0,31})?$", description="What metrics tell its spending apart by.")
    ] = ""


class ProjectShape(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    status: str
    created_at: str
    limits: LimitsShape


class KeyShape(Struct, frozen=True, kw_only=True):
    """A key without its secret. `role`: 1 uses, 10 administers, 100 controls."""

    id: str
    project: str
    name: str
    role: int
    status: str
    created_at: str
    expires_at: str | None
    limits: LimitsShape


def limits_shape(limits: Limits) -> LimitsShape:
    most = limits.request_max_micros
    return LimitsShape(
        rpm=limits.rpm,
        in_flight=limits.in_flight,
        seconds_per_day=limits.seconds_per_day,
        max_cost_usd=None if most is None else format_usd(most),
        models=list(limits.models),
        sizes=list(limits.sizes),
        seconds=list(limits.seconds),
        sandbox_only=limits.sandbox_only,
        routing="denied" if limits.routing_denied else "allowed",
        priority=limits.priority,
        priority_max=limits.priority_max,
        reuse_s=limits.reuse_s,
        tags=limits.tags,
        project_class=limits.project_class,
    )


def limits_of(shape: LimitsShape | None, place: str = "limits") -> Limits:
    """BadInput names what does not fit, behind `place`."""
    if shape is None:
        return NOTHING
    return Limits(
        rpm=shape.rpm,
        in_flight=shape.in_flight,
        seconds_per_day=shape.seconds_per_day,
        request_max_micros=None if shape.max_cost_usd is None else _dollars(shape.max_cost_usd, place),
        models=tuple(dict.fromkeys(_model(one, f"{place}.models") for one in shape.models)),
        sizes=tuple(dict.fromkeys(_size(one, f"{place}.sizes") for one in shape.sizes)),
        seconds=tuple(dict.fromkeys(_seconds(one, f"{place}.seconds") for one in shape.seconds)),
        sandbox_only=shape.sandbox_only,
        routing_denied=shape.routing == "denied",
        priority=shape.priority,
        priority_max=shape.priority_max,
        reuse_s=shape.reuse_s,
        tags=dict(sorted(_tag(name, value, f"{place}.tags") for name, value in shape.tags.items())),
        project_class=_class(shape.project_class, place),
    )


def project_shape(project: Project) -> ProjectShape:
    return ProjectShape(
        id=project.id,
        name=project.name,
        status=project.status.value,
        created_at=moment_text(project.created_ms),
        limits=limits_shape(project.limits),
    )


def key_shape(key: Key) -> KeyShape:
    return KeyShape(
        id=key.id,
        project=key.project,
        name=key.name,
        role=key.role,
        status=key.status.value,
        created_at=moment_text(key.created_ms),
        expires_at=moment_text(key.expires_ms) if key.expires_ms else None,
        limits=limits_shape(key.limits),
    )


def as_json(shape: Struct) -> Json:
    """For the audit log."""
    told: Json = msgspec.to_builtins(shape)
    return told


def is_project_name(name: str) -> bool:
    """1 to NAME_CHARS_MAX printable characters, no blank at either end; and no id."""
    fits = 0 < len(name) <= NAME_CHARS_MAX and name == name.strip() and name.isprintable()
    return fits and not name.startswith("proj_")


def _dollars(text: str, place: str) -> int:
    try:
        return parse_dollars(text)
    except ValueError as error:
        raise BadInput(f"Invalid value: {error}.", param=f"{place}.max_cost_usd") from None


def _model(word: str, param: str) -> str:
    if not word or len(word) > MODEL_CHARS_MAX or not word.isprintable():
        raise BadInput(f"Invalid value: a model's name has 1 to {MODEL_CHARS_MAX} printable characters.", param=param)
    return word


def _size(word: str, param: str) -> str:
    try:
        size = Size.parse(word)
    except ValueError:
        size = Size(0, 0)
    if not (size.width and size.height):
        raise BadInput("Invalid value: a size is written as 1280x720.", param=param)
    return str(size)


def _seconds(value: int, param: str) -> int:
    if not 1 <= value <= SECONDS_MAX:
        raise BadInput(f"Invalid value: a clip lasts 1 to {SECONDS_MAX} seconds.", param=param)
    return value


def _class(word: str, place: str) -> str:
    try:
        return parse_class(word) if word else ""
    except ValueError as error:
        raise BadInput(f"Invalid value: {error}.", param=f"{place}.project_class") from None


def _tag(name: str, value: str, param: str) -> tuple[str, str]:
    try:
        if "=" in name:
            raise ValueError("a tag's name has no equals sign")
        return parse_tag(f"{name}={value}")
    except ValueError as error:
        raise BadInput(f"Invalid value: {error}.", param=param) from None
