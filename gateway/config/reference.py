"""The manual of `config.yaml`, made from its models: `python -m gateway.config.reference > docs/configuration.md`.

A test fails when the file and the models disagree, so no key is undocumented and no default is told wrong.
"""

from __future__ import annotations

import re
from enum import Enum
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.models import (
    Assets,
    Breaker,
    Config,
    Gateway,
    Model,
    Modifier,
    PriceEntry,
    Provider,
    Retention,
    RouteEntry,
    Server,
    Store,
    Webhooks,
)
from gateway.config.ranking import Late, Weights
from gateway.config.section import Section
from gateway.config.telling import Log, Tracing
from gateway.config.values import Dollars, Factor, Fine, Lifetime, SizeText
from providers.contract import BILLION

INTRODUCTION = """\
# Configuration

`config.yaml` says which vendors there are and which models clients may name. `telecine config check` reads it as
`serve` does and names everything that is wrong, each with its line; a file with one mistake is refused whole, and an
unknown key is a mistake. This page is made from the code (`python -m gateway.config.reference`).

- `${NAME}` inside a value is replaced by the environment variable; `${NAME:-default}` has a default; `$$` is a dollar
  sign. A variable that is empty counts as unset. Inside `{…}` and `[…]` such a value needs quotes.
- Times are in seconds (`…_s`) or carry their unit (`90d`), sizes of files in bytes (`…_bytes_max`), money in dollars
  as text (`"0.10"`).
- At most 256 KiB; aliases (`&`, `*`) work and count as what they repeat; merge keys (`<<`) and tags do not.
"""

SECTIONS: tuple[tuple[str, type[Section]], ...] = (
    ("gateway", Gateway),
    ("store", Store),
    ("assets", Assets),
    ("server", Server),
    ("retention", Retention),
    ("webhooks", Webhooks),
    ("log", Log),
    ("tracing", Tracing),
    ("providers.NAME", Provider),
    ("providers.NAME.breaker", Breaker),
    ("models.NAME", Model),
    ("models.NAME.weights", Weights),
    ("models.NAME.routes[]", RouteEntry),
    ("models.NAME.routes[].late", Late),
    ("models.NAME.routes[].prices[]", PriceEntry),
    ("models.NAME.routes[].prices[].image", Modifier),
)

SPOKEN: dict[object, str] = {
    Dollars: "dollars",
    Fine: "decimal number",
    Factor: "decimal number",
    SizeText: "size",
    Lifetime: "time",
}


def reference() -> str:
    """The page, deterministic."""
    parts = [INTRODUCTION]
    for name, model in SECTIONS:
        rows = [_row(key, field) for key, field in model.model_fields.items()]
        table = "\n".join(["| key | value | default | meaning |", "| --- | --- | --- | --- |", *rows])
        parts.append(f"## `{name}`\n\n{cleandoc(model.__doc__ or '')}\n\n{table}\n")
    return "\n".join(parts)


def undocumented() -> list[str]:
    """Keys without a sentence, and models of the file that no section shows."""
    shown = {model for _, model in SECTIONS} | {Config}
    lacking = [
        f"{name}.{key}" for name, model in SECTIONS for key, f in model.model_fields.items() if not f.description
    ]
    return lacking + sorted(model.__name__ for model in set(Section.__subclasses__()) - shown)


def _row(key: str, field: FieldInfo) -> str:
    annotation = _written(field)
    default = "required" if field.is_required() else _default(field.default, annotation)
    return f"| `{key}` | {_kind(annotation)} | {default} | {field.description} |"


def _written(field: FieldInfo) -> object:
    """The annotation as it stands in the model; pydantic keeps a plain type and what was around it apart."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _default(value: object, annotation: object) -> str:
    if annotation == Factor and isinstance(value, int):
        value = value / BILLION
    if value is PydanticUndefined or value is None or value in ((), {}, ""):
        return ""
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, Section):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _kind(annotation: object) -> str:
    """An annotation as a reader of YAML would say it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in SPOKEN:
        return SPOKEN[annotation]
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_kind(one) for one in arguments if one is not NoneType))
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{one.value}`" for one in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", annotation.__name__).lower()
    names = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`", SecretStr: "secret text"}
    return names.get(annotation, "mapping") if isinstance(annotation, type) else "mapping"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - a page on stdout is what this command is for
