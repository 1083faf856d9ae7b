"""Single values of a configuration's text, set or taken away: everything else stays as it was written.

A value that stands there is replaced in its place, to the character. What is new, or goes, is done in the tree, which
keeps comments and order, and may set spaces otherwise.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from ruamel.yaml import YAML

from gateway.config.document import DEPTH_MAX
from gateway.config.masking import replaced, scalars
from gateway.config.problems import ConfigError, Path, Problem

ASTRAL: Final = 0x10000
WIDTH: Final = 4_096  # lines are never folded


class ConfigEdit(Struct, frozen=True):
    """`path`: keys, and places in lists from 0. `remove`: the key goes, whatever `value` is."""

    path: Path
    value: Any = None
    remove: bool = False


def edited(file: str, text: bytes, edits: Sequence[ConfigEdit]) -> bytes:
    """ConfigError for a place that cannot be."""
    for one in edits:
        if not 0 < len(one.path) <= DEPTH_MAX:
            raise ConfigError(file, [Problem(0, (), f"a path has 1 to {DEPTH_MAX} steps")])
        text = _in_place(text, one) or _in_tree(file, text, one)
    return text


def _in_place(text: bytes, edit: ConfigEdit) -> bytes | None:
    """None where no single value stands there, or is to."""
    if edit.remove or isinstance(edit.value, dict | list):
        return None
    found = list(scalars(text))
    place = next(((one.start, one.end) for one in found if one.path == edit.path), None)
    if place is None or sum((one.start, one.end) == place for one in found) > 1:  # an alias repeats it elsewhere
        return None
    return replaced(text.decode(), {place: _written(edit.value)}).encode()


def _written(value: Any) -> str:
    """A scalar in YAML: as in JSON, but for characters that YAML does not take as they are, or JSON writes as two."""
    if not isinstance(value, str):
        return json.dumps(value)
    chars = (
        json.dumps(one)[1:-1] if one.isprintable() and ord(one) < ASTRAL else f"\\U{ord(one):08x}" for one in value
    )
    return f'"{"".join(chars)}"'


def _in_tree(file: str, text: bytes, edit: ConfigEdit) -> bytes:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(text.decode())
    parent = tree
    for step in edit.path[:-1]:
        if isinstance(parent, dict) and isinstance(step, str) and parent.get(step) is None and not edit.remove:
            parent[step] = {}
        parent = _below(file, parent, step, edit.path)
    last = edit.path[-1]
    if edit.remove:
        _below(file, parent, last, edit.path)
        del parent[last]
    elif isinstance(parent, dict) and isinstance(last, str):
        parent[last] = edit.value
    elif isinstance(parent, list) and last == len(parent):
        parent.append(edit.value)
    else:
        _below(file, parent, last, edit.path)
        parent[last] = edit.value
    out = io.BytesIO()
    yaml.dump(tree, out)
    return out.getvalue()


def _below(file: str, parent: Any, step: str | int, path: Path) -> Any:
    try:
        if isinstance(parent, dict) and isinstance(step, str):
            return parent[step]
        if isinstance(parent, list) and isinstance(step, int) and step >= 0:
            return parent[step]
    except (KeyError, IndexError):
        pass
    raise ConfigError(file, [Problem(0, path, "there is no such place")])
