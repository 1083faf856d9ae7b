"""Names of form fields with brackets, as SDKs flatten what is nested: `video[id]`, `characters[][id]`. Pure.

a        a text
a[b]     an object's member
a[b][]   one more entry of a list that is an object's member
a[]      one more entry of a list
a[][b]   a member of the list's last object; one that has it already is followed by the next object
"""

from __future__ import annotations

import re
from typing import Final

from gateway.domain.errors import BadInput
from gateway.domain.fields import shown
from providers.contract import Json

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\]){0,2})", re.DOTALL)
_STEP: Final = re.compile(r"\[([^\[\]]*)\]", re.DOTALL)


def put(fields: dict[str, Json], name: str, value: str) -> None:
    """Set one flattened field. BadInput for a name of another form, or one that was there already."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise _unreadable(name)
    root, steps = match[1], _STEP.findall(match[2])
    match steps:
        case []:
            _set(fields, root, value, name)
        case [""]:
            _list(fields, root, name).append(value)
        case ["", key] if key:
            items = _list(fields, root, name)
            last = items[-1] if items else None
            if not isinstance(last, dict) or key in last:
                last = {}
                items.append(last)
            last[key] = value
        case [key] if key:
            _set(_object(fields, root, name), key, value, name)
        case [key, ""] if key:
            _list(_object(fields, root, name), key, name).append(value)
        case _:
            raise _unreadable(name)


def twice(name: str) -> BadInput:
    return BadInput(f"Invalid value: '{shown(name)}' was sent twice, or in two forms.", param=shown(name))


def _unreadable(name: str) -> BadInput:
    return BadInput(f"Unknown parameter: '{shown(name)}'.", code="unknown_parameter", param=shown(name))


def _set(place: dict[str, Json], key: str, value: str, name: str) -> None:
    if key in place:
        raise twice(name)
    place[key] = value


def _object(fields: dict[str, Json], root: str, name: str) -> dict[str, Json]:
    value = fields.setdefault(root, {})
    if not isinstance(value, dict):
        raise twice(name)
    return value


def _list(fields: dict[str, Json], root: str, name: str) -> list[Json]:
    value = fields.setdefault(root, [])
    if not isinstance(value, list):
        raise twice(name)
    return value
