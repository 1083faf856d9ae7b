"""Secrets that stand in a configuration's text: hidden from whoever reads it, and kept when what was read is sent back.

The text itself is edited at the places where the values stand, so comments and order survive. A reference such as
`${KEY}` is no secret. What a comment says is hidden only where it repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct
from pydantic import SecretStr
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway.config.document import HIDDEN, NODES_MAX, compose
from gateway.config.load import annotation_at
from gateway.config.models import Config
from gateway.config.problems import ConfigError, Path, Problem

REPEATS_CHARS_MIN: Final = 8  # a shorter value may be any word of a comment

IsSecret: TypeAlias = Callable[[Path], bool]

_REFERENCE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_TELLING: Final = re.compile(r"secret|token|password|credential|(^|_)keys?$", re.IGNORECASE)
_ANCHOR: Final = re.compile(r"&\S+\s+")


class Place(Struct, frozen=True):
    """A scalar value: where it stands in the text, in characters."""

    path: Path
    value: str
    start: int
    end: int
    line: int


def is_secret(path: Path) -> bool:
    """By the configuration's own models; of an adapter's settings, by what their names tell."""
    if path[:1] == ("providers",) and len(path) > 3 and path[2] == "settings":
        return any(isinstance(step, str) and _TELLING.search(step) is not None for step in path[3:])
    return holds_secret(annotation_at(Config, path))


def holds_secret(annotation: object) -> bool:
    """Whether an annotation is `SecretStr`, or that among others."""
    arguments: tuple[object, ...] = getattr(annotation, "__args__", ())
    return annotation is SecretStr or any(holds_secret(one) for one in arguments)


def masked(text: bytes, secret: IsSecret = is_secret) -> bytes:
    """The text with its secrets hidden. ConfigError if it is no YAML."""
    plain = text.decode()
    found = [one for one in scalars(text) if _hides(one, secret)]
    shown = replaced(plain, {(one.start, one.end): HIDDEN for one in found})
    for one in found:
        if len(one.value) >= REPEATS_CHARS_MIN:
            shown = shown.replace(one.value, HIDDEN)
    return shown.encode()


def literal_secrets(text: bytes, secret: IsSecret = is_secret) -> frozenset[str]:
    """The values that `masked` hides. ConfigError if it is no YAML."""
    return frozenset(one.value for one in scalars(text) if _hides(one, secret))


def unmasked(file: str, text: bytes, before: bytes | None) -> bytes:
    """What was sent, with every hidden value as it stood before at the same place, also one of which only a part was
    hidden. ConfigError for one that was not there; `before` None: nothing was."""
    if HIDDEN.encode() not in text:
        return text
    hidden = [one for one in scalars(text, file) if HIDDEN in one.value]
    old = {} if before is None else {one.path: one for one in scalars(before)}
    shown = {one.path: one.value for one in scalars(masked(before))} if before is not None else {}
    kept = (before or b"").decode()
    places = {
        (one.start, one.end): kept[old[one.path].start : old[one.path].end]
        for one in hidden
        if one.path in old and one.value in (HIDDEN, shown.get(one.path))
    }
    lost = [one for one in hidden if (one.start, one.end) not in places]
    if lost:
        raise ConfigError(file, [Problem(one.line, one.path, _lost(one)) for one in lost])
    return replaced(text.decode(), places).encode()


def _lost(one: Place) -> str:
    if one.value == HIDDEN:
        return f"{HIDDEN} keeps a value, and there was none here"
    return f"{HIDDEN} stands for a secret that was not shown; write the whole value, or leave it as it was"


def _hides(one: Place, secret: IsSecret) -> bool:
    return bool(one.value) and secret(one.path) and _REFERENCE.fullmatch(one.value) is None


def replaced(text: str, places: dict[tuple[int, int], str]) -> str:
    """The text with other words at these places, from and to, in characters."""
    for (start, end), value in sorted(places.items(), reverse=True):
        text = text[:start] + value + text[end:]
    return text


def scalars(text: bytes, file: str = "") -> Iterator[Place]:
    """Every scalar that is a value, in the text's order. What an alias repeats stands at its anchor, and is told for
    each of its paths. ConfigError if it is no YAML, or too much of it."""
    root = compose(file, text)
    plain, visits = text.decode(), 0
    waiting: list[tuple[Node, Path]] = [(root, ())] if root is not None else []
    while waiting:
        node, path = waiting.pop()
        visits += 1
        if visits > NODES_MAX:
            raise ConfigError(file, [Problem(0, (), f"more than {NODES_MAX} values, counting what aliases repeat")])
        match node:
            case MappingNode():
                waiting += [(value, (*path, str(key.value))) for key, value in reversed(node.value)]
            case SequenceNode():
                waiting += [(value, (*path, at)) for at, value in reversed(list(enumerate(node.value)))]
            case ScalarNode() if node.end_mark.index > node.start_mark.index:
                yield _place(plain, node, path)


def _place(plain: str, node: ScalarNode, path: Path) -> Place:
    """Without its anchor, and without the line's end behind a block."""
    start, end = node.start_mark.index, node.end_mark.index
    if anchor := _ANCHOR.match(plain, start, end):
        start = anchor.end()
    end -= len(plain[start:end]) - len(plain[start:end].rstrip())
    return Place(path, str(node.value), start, end, node.start_mark.line + 1)
