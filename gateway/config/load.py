"""From a file to a checked configuration, or to every problem in it at once, each with its line."""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Final

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from gateway.config.document import FILE_BYTES_MAX, Document, read_document
from gateway.config.models import Config
from gateway.config.problems import ConfigError, Path, Problem
from gateway.config.rules import broken_rules, did_you_mean

EMPTY: Final = "must not be empty"


class ConfigFile(Struct, frozen=True):
    """A configuration that holds together, and where each part of it stands."""

    config: Config
    document: Document
    raw: bytes
    version: str  # of the file as written; secrets from the environment have no part in it

    def error(self, *broken: tuple[Path, str]) -> ConfigError:
        """For what only a later reader can know, such as an adapter: the same words with the same lines."""
        return ConfigError(self.document.file, [self.document.problem(path, reason) for path, reason in broken])


def load_config(path: FilePath, environ: Mapping[str, str]) -> ConfigFile:
    """ConfigError with everything that is wrong."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(str(path), [Problem(0, (), f"cannot be read: {error.strerror}")]) from error
    return parse_config(str(path), raw, environ)


def parse_config(file: str, raw: bytes, environ: Mapping[str, str]) -> ConfigFile:
    document = read_document(file, raw, environ)
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(file, problems_of(error, document, Config)) from None
    problems = [document.problem(path, reason) for path, reason in broken_rules(config)]
    if problems:
        raise ConfigError(file, sorted(problems, key=lambda problem: problem.line))
    return ConfigFile(config, document, raw, hashlib.sha256(raw).hexdigest()[:12])


def problems_of(
    error: ValidationError, document: Document, model: type[BaseModel], below: Path = ()
) -> Sequence[Problem]:
    """Pydantic's findings in our words. Values are never quoted; some are secrets."""
    problems = []
    for found in error.errors(include_url=False, include_input=False):
        loc = tuple(step for step in found["loc"] if step != "[key]")
        path = below + loc
        match found["type"]:
            case "extra_forbidden":
                reason = f"unknown key{did_you_mean(str(loc[-1]), _keys_at(model, loc[:-1]))}"
            case "missing":
                reason = "is required"
            case "too_short":
                reason = EMPTY
            case "value_error":
                reason = str(found["ctx"]["error"])
            case "tuple_type":
                reason = "should be a list"
            case _:
                reason = found["msg"].removeprefix("Input ")
        problems.append(document.problem(path, reason))
    # An entry that is refused leaves its list empty: one mistake, told once.
    told = {problem.path for problem in problems}
    problems = [one for one in problems if one.reason != EMPTY or not any(_inside(other, one.path) for other in told)]
    return sorted(problems, key=lambda problem: problem.line)


def _inside(path: Path, around: Path) -> bool:
    return len(path) > len(around) and path[: len(around)] == around


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that may stand at a place in a file of this model."""
    found = _models_in(annotation_at(model, path))
    return list(found[0].model_fields) if found else []


def annotation_at(model: type[BaseModel], path: Path) -> object:
    """What may stand at a place in a file of this model; None where nothing may."""
    annotation: object = model
    for step in path:
        annotation = _below(annotation, step)
    return annotation


def _below(annotation: object, step: str | int) -> object:
    for model in _models_in(annotation):
        if isinstance(step, str) and step in model.model_fields:
            return model.model_fields[step].annotation
    arguments = [one for one in typing.get_args(annotation) if _models_in(one)]
    return arguments[-1] if arguments else None


def _models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that an annotation speaks of directly or inside `tuple[…]`, `dict[…]` or `… | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for one in typing.get_args(annotation) for model in _models_in(one)]
