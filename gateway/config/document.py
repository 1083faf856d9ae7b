"""YAML as plain data that remembers its lines. Bounded: file size, depth, and the number of nodes after aliases.

Belongs here: YAML's own rules (one document, no duplicate keys, no tags) and `${ENV}` in values.
Does not: what the keys mean; that is `models`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway.config.problems import ConfigError, Path, Problem
from providers.contract import Json

FILE_BYTES_MAX = 256 * 1024
NODES_MAX = 50_000
DEPTH_MAX = 24
HIDDEN = "<hidden>"
"""Stands for a secret where a text is shown (`masking`), and never in one that counts."""

_TAG = "tag:yaml.org,2002:"
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|(\{))")
_KEY_KINDS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
_TRUE = frozenset({"true", "True", "TRUE"})


class Document(Struct, frozen=True):
    """The file's data, and for every path in it the line where it begins."""

    file: str
    data: dict[str, Json]
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """Of the path, or of the nearest place around it that was written down."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, reason: str) -> Problem:
        return Problem(self.line(path), path, reason)


def read_document(file: str, raw: bytes, environ: Mapping[str, str]) -> Document:
    """ConfigError when it is not one bounded YAML mapping or names a variable that is not set."""
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError(file, [Problem(0, (), f"the file is larger than {FILE_BYTES_MAX // 1024} KiB")])
    root = compose(file, raw)
    if root is None:
        raise ConfigError(file, [Problem(0, (), "the file is empty")])
    reader = _Reader(file, environ)
    data = reader.value(root, ())
    if not isinstance(data, dict) and not reader.problems:
        reader.problems.append(Problem(1, (), "the file is not a mapping of sections such as `providers:`"))
    if reader.problems:
        raise ConfigError(file, reader.problems)
    assert isinstance(data, dict)
    return Document(file, data, reader.lines)


def compose(file: str, raw: bytes) -> Node | None:
    """The tree of nodes, which know where they stand. ConfigError; None: the file is empty."""
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(file, [Problem(line, (), "the file is not UTF-8 text")]) from error
    except RecursionError:
        raise ConfigError(file, [Problem(0, (), f"nested deeper than {DEPTH_MAX} levels")]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"not valid YAML: {error.problem or error.context or 'unreadable'}"
        raise ConfigError(file, [Problem(mark.line + 1 if mark else 0, (), reason)]) from error
    except YAMLError as error:
        raise ConfigError(file, [Problem(0, (), "not valid YAML: a character that YAML does not allow")]) from error
    return root


def references(raw: bytes) -> frozenset[str]:
    """The names of all variables that a text speaks of, wherever it does."""
    found = _VARIABLE.finditer(raw.decode("utf-8", "replace"))
    return frozenset(one.group(1) for one in found if one.group(1))


class _Reader:
    """Turns nodes into data. Counts every node that it sees, so an alias costs what it expands to."""

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self.file = file
        self.environ = environ
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._nodes = 0

    def value(self, node: Node, path: Path) -> Json:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise self._too_much(node, path, f"more than {NODES_MAX} values, counting what aliases repeat")
        if len(path) > DEPTH_MAX:
            raise self._too_much(node, path, f"nested deeper than {DEPTH_MAX} levels")
        match node:
            case MappingNode():
                return self._mapping(node, path)
            case SequenceNode() if _kind(node) == "seq":
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(node, path)
        self._wrong(node, path, f"the YAML tag {node.tag} is not supported")
        return None

    def _mapping(self, node: MappingNode, path: Path) -> Json:
        if _kind(node) != "map":
            self._wrong(node, path, f"the YAML tag {node.tag} is not supported")
            return None
        data: dict[str, Json] = {}
        for key, item in node.value:
            name = self._key(key, path)
            if name is None:
                continue
            if name in data:
                first = self.lines[(*path, name)]
                self._wrong(key, (*path, name), f"the key stands here twice; the first is on line {first}")
                continue
            self.lines[(*path, name)] = key.start_mark.line + 1
            data[name] = self.value(item, (*path, name))
        return data

    def _key(self, key: Node, path: Path) -> str | None:
        kind = _kind(key)
        if kind == "merge":
            self._wrong(key, path, "merge keys (`<<`) are not supported")
            return None
        if isinstance(key, ScalarNode) and kind in _KEY_KINDS and key.value:
            return str(key.value)
        self._wrong(key, path, "a key must be plain text")
        return None

    def _scalar(self, node: ScalarNode, path: Path) -> Json:
        text = str(node.value)
        match _kind(node):
            case "null":
                return None
            case "bool":
                return text in _TRUE
            case "int" | "float":
                return self._number(node, text, path)
            case "str" | "timestamp":
                return self._expanded(node, text, path)
        self._wrong(node, path, f"the YAML tag {node.tag} is not supported")
        return None

    def _number(self, node: ScalarNode, text: str, path: Path) -> Json:
        try:
            return int(text.replace("_", ""), 0) if _kind(node) == "int" else float(text.replace("_", ""))
        except ValueError:
            self._wrong(node, path, "not a number; write text in quotes")
            return None

    def _expanded(self, node: ScalarNode, text: str, path: Path) -> Json:
        """`${NAME}` and `${NAME:-default}` from the environment, `$$` for a dollar. Empty means unset, here too."""

        def one(found: re.Match[str]) -> str:
            name, default, brace = found.group(1, 2, 3)
            if brace:
                self._wrong(node, path, "`${` begins no variable such as ${NAME} or ${NAME:-default}; write $${ for it")
                return ""
            if name is None:
                return "$"
            value = self.environ.get(name, "")
            if not value and default is None:
                self._wrong(node, path, f"the environment variable {name} is not set")
            return value or default or ""

        if HIDDEN in text:
            self._wrong(node, path, f"{HIDDEN} stands for a secret that was not shown; write the value itself")
            return None
        expanded = _VARIABLE.sub(one, text)
        return None if text and not expanded else expanded

    def _too_much(self, node: Node, path: Path, reason: str) -> ConfigError:
        return ConfigError(self.file, [Problem(node.start_mark.line + 1, path[:2], reason)])

    def _wrong(self, node: Node, path: Path, reason: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, path, reason))


def _kind(node: Node) -> str:
    """`str`, `int`, `map` …; a tag of any other family is left as it is."""
    return str(node.tag).removeprefix(_TAG)
