"""Places in a JSON document, as settings name them: `data.result.videos[0].url`. Reading one, and writing one.

Pure. Reading never fails: what is not there is missing. Relays wrap JSON into texts, so a text that holds an object or
a list is opened where a step leads into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from pydantic import AfterValidator

from providers.contract import Json
from providers.toolbox import Node

STEPS_MAX: Final = 12
INDEX_MAX: Final = 15
LINK_DEPTH_MAX: Final = 4
LINK_NAMES: Final = ("url", "video_url", "video", "resource")
LINK_CHARS_MAX: Final = 8_192

_PART: Final = re.compile(r"([A-Za-z0-9_-]{1,64})((?:\[[0-9]{1,2}\])*)", re.ASCII)
_LINK: Final = re.compile(r"https?://[!-~]{1,8180}", re.ASCII)
_EMPTY: Final[tuple[Json, ...]] = (None, "", [], {})

Step: TypeAlias = str | int


@lru_cache(4_096)
def steps(text: str) -> tuple[Step, ...]:
    """`a.b[0]` -> ("a", "b", 0). ValueError for what is no place."""
    found: list[Step] = []
    for part in text.split("."):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError("write a place in the JSON such as data.videos[0].url")
        found.append(match[1])
        found.extend(int(index) for index in re.findall(r"[0-9]+", match[2]))
    if len(found) > STEPS_MAX or any(isinstance(one, int) and one > INDEX_MAX for one in found):
        raise ValueError(f"a place has at most {STEPS_MAX} steps and no index above {INDEX_MAX}")
    return tuple(found)


def _place(text: str) -> str:
    steps(text)
    return text


Place: TypeAlias = Annotated[str, AfterValidator(_place)]


def look(document: Node, place: str) -> Node:
    """What stands there."""
    node = document
    for step in steps(place):
        node = _opened(node)[step]
    return node


def first(document: Node, places: Iterable[str]) -> Node:
    """The first of these places that holds something; a missing one where none does."""
    found = (look(document, place) for place in places)
    return next((node for node in found if node.raw not in _EMPTY), Node(None))


def _opened(node: Node) -> Node:
    """The JSON in a text; any other value as it is."""
    value = node.raw
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return Node(msgspec.json.decode(value))
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return node
    return node


def link_in(node: Node, depth: int = LINK_DEPTH_MAX) -> str | None:
    """The link that a place holds: a text, the first of a list, JSON in a text, or an object that names one."""
    value = node.raw
    if isinstance(value, str):
        if _LINK.fullmatch(value) or value.startswith("data:video/"):
            return value
        opened = _opened(node)
        return link_in(opened, depth - 1) if opened is not node and depth else None
    if not depth:
        return None
    inner: list[Node] = []
    if isinstance(value, list):
        inner = [Node(one) for one in value[: INDEX_MAX + 1]]
    elif isinstance(value, dict):
        inner = [node[name] for name in LINK_NAMES]
    return next((link for one in inner if (link := link_in(one, depth - 1)) is not None), None)


def put(body: dict[str, Json], place: str, value: Json) -> None:
    """Write a value there, making the objects and lists on the way. A value that is in the way gives way."""
    way = steps(place)
    here: Any = body
    for step, following in pairwise(way):
        empty: Json = [] if isinstance(following, int) else {}
        inner = _held(here, step)
        if not isinstance(inner, type(empty)):
            _hold(here, step, empty)
            inner = _held(here, step)
        here = inner
    _hold(here, way[-1], value)


def append(body: dict[str, Json], place: str, value: Json) -> None:
    """Add a value to the list there."""
    held = look(Node(body), place).raw
    put(body, place, [*held, value] if isinstance(held, list) else [value])


def _held(here: Any, step: Step) -> Any:
    if isinstance(here, list):
        return here[step] if isinstance(step, int) and step < len(here) else None
    return here.get(step)


def _hold(here: Any, step: Step, value: Json) -> None:
    if isinstance(here, list) and isinstance(step, int):
        here.extend([None] * (step + 1 - len(here)))
    here[step] = value


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The one with what the other says otherwise; objects are merged, all else is replaced."""
    both = {
        name: merged(base[name], value)
        for name, value in over.items()
        if isinstance(value, Mapping) and isinstance(base.get(name), Mapping)
    }
    return {**base, **over, **both}
