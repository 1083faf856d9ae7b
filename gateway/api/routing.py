"""Which path leads to which endpoint below /v1: a tree of segments in which literals win over parameters.

Our own, because Litestar's router finds no raw ASGI handler below a path with parameters (it looks their names up by
HTTP method and fails), and because a model's id may hold slashes, raw or encoded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

E = TypeVar("E")

SEGMENTS_MAX: Final = 16


class Routes(Generic[E]):
    """Built once from patterns such as `/v1/videos/{video_id}` and `/v1/models/{model...}`; then only asked."""

    def __init__(self, patterns: Iterable[tuple[str, E]]) -> None:
        self._root: _Node[E] = _Node()
        for pattern, endpoint in patterns:
            self._add(pattern, endpoint)

    def find(self, path: str) -> tuple[E, dict[str, str]] | None:
        """The endpoint and what its parameters are, None for a path that is none of ours. One slash may end a path."""
        node, params = self._root, {}
        segments = path.removesuffix("/").split("/")[1:]
        if not path.startswith("/") or len(segments) > SEGMENTS_MAX:
            return None
        for at, segment in enumerate(segments):
            if not segment:
                return None
            following = node.literals.get(segment)
            if following is None:
                following = node.parameter
                if following is None:
                    return None
                if following.takes_rest:
                    params[following.name] = "/".join(segments[at:])
                    node = following
                    break
                params[following.name] = segment
            node = following
        return None if node.endpoint is None else (node.endpoint, params)

    def _add(self, pattern: str, endpoint: E) -> None:
        node = self._root
        for segment in pattern.split("/")[1:]:
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node())
                continue
            name = segment.strip("{}")
            if node.parameter is None:
                node.parameter = _Node(name.removesuffix("..."), takes_rest=name.endswith("..."))
            node = node.parameter
            assert node.name == name.removesuffix("..."), pattern
        assert node.endpoint is None, pattern
        node.endpoint = endpoint


class _Node(Generic[E]):
    __slots__ = ("endpoint", "literals", "name", "parameter", "takes_rest")

    def __init__(self, name: str = "", *, takes_rest: bool = False) -> None:
        self.name = name
        self.takes_rest = takes_rest
        self.literals: dict[str, _Node[E]] = {}
        self.parameter: _Node[E] | None = None
        self.endpoint: E | None = None
