"""A configuration as comparisons see it: every key with its value, secrets told apart without being told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace
from pydantic import BaseModel, SecretStr

from gateway.config.document import HIDDEN
from gateway.config.masking import is_secret
from gateway.config.models import Config
from gateway.config.problems import Path, show
from gateway.domain.config_changes import Changed, ConfigChanges, ConfigView, changes
from gateway.work.making import Made

_DIGEST = f"{HIDDEN}:"


def compare(before: Made, after: Made) -> ConfigChanges:
    """What the second would change."""
    found = changes(_view(before), _view(after), restart=after.restart)
    return replace(found, settings=tuple(map(_hidden, found.settings)))


def _view(made: Made) -> ConfigView:
    one = made.snapshot
    return ConfigView(
        models=one.models, limits=one.limits, accounts=one.accounts, settings=dict(_settings(made.file.config))
    )


def _settings(config: Config) -> Iterator[tuple[str, str]]:
    for path, value in _leaves((), config):
        if "prices" not in path:  # told as prices
            yield show(path), _text(path, value)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """Routes by their names: their order is told by the list."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in value.model_fields_set or type(value).model_fields}
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _leaves((*path, str(name)), below)
    elif path[-1:] == ("routes",) and isinstance(value, tuple):
        yield path, [one.route for one in value]
        for one in value:
            yield from _leaves((*path, one.route), one)
    else:
        yield path, value


def _text(path: Path, value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return _DIGEST + hashlib.sha256(text.encode()).hexdigest() if is_secret(path) else text


def _hidden(one: Changed) -> Changed:
    """Whether a secret changed is told, and nothing of it."""
    before, after = (
        HIDDEN if side is not None and side.startswith(_DIGEST) else side for side in (one.before, one.after)
    )
    return Changed(name=one.name, before=before, after=after)
