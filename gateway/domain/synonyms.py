"""How long and how large: one value each, under any of the names that clients have for it. Pure.

A word that makes no sense at all is kept, like a value that no route has: only where the model's routes are known can
its refusal say what would do (`gateway.domain.fitting`). Refused here is what no routes could mend: a value of a wrong
type, half of a pair, names that disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from msgspec import Struct

from gateway.domain import fields as read
from gateway.domain.errors import BadInput
from gateway.domain.fields import shown
from providers.contract import Json, Size

T = TypeVar("T")

SECONDS: Final = ("seconds", "duration", "n_seconds")
SIZE: Final = ("size", "width", "height", "aspect_ratio", "resolution")
SIDE_MAX: Final = 99_999

_PAIRS: Final = (("width", "height"), ("aspect_ratio", "resolution"))


class Said(Struct, Generic[T], frozen=True):
    """A client's word on its clip's length or size."""

    value: T | None  # None: no such value, whatever the routes can do
    param: str  # the name that it came under
    problem: str  # the beginning of its refusal, which goes on with what is supported


def seconds_of(given: Mapping[str, Json]) -> Said[int] | None:
    """None if the client left the length open."""
    return _agreed([_seconds(name, given[name]) for name in SECONDS if name in given])


def size_of(given: Mapping[str, Json]) -> Said[Size] | None:
    """None if the client left the size open."""
    for pair in _PAIRS:
        there = [name for name in pair if name in given]
        if len(there) == 1:
            (lacking,) = set(pair) - set(there)
            raise read.missing(lacking, f" '{there[0]}' says a size only together with it; or send 'size'.")
    said = [_size(given["size"])] if "size" in given else []
    if "width" in given:
        said.append(_sides(given["width"], given["height"]))
    if "aspect_ratio" in given:
        said.append(_shape(given["aspect_ratio"], given["resolution"]))
    return _agreed(said)


def _seconds(name: str, value: Json) -> Said[int]:
    return Said(read.count(name, value), name, _invalid(value))


def _size(value: Json) -> Said[Size]:
    return Said(read.size("size", value), "size", _invalid(value))


def _sides(width: Json, height: Json) -> Said[Size]:
    sides = []
    for name, value in (("width", width), ("height", height)):
        side = read.count(name, value)
        if side is None:
            return Said(None, name, f"{_invalid(value)} '{name}' must be a whole number.")
        if not 1 <= side <= SIDE_MAX:
            return Said(None, name, _invalid(value))
        sides.append(side)
    size = Size(*sides)
    return Said(size, "width", f"Invalid value: 'width' and 'height' make {size}.")


def _shape(ratio: Json, resolution: Json) -> Said[Size]:
    shape, lines = read.ratio("aspect_ratio", ratio), read.lines("resolution", resolution)
    if shape is None:
        return Said(None, "aspect_ratio", f"{_invalid(ratio)} 'aspect_ratio' is a ratio such as '16:9'.")
    if lines is None:
        return Said(None, "resolution", f"{_invalid(resolution)} 'resolution' is the shorter side such as '720p'.")
    size = size_of_shape(shape, lines)
    return Said(size, "aspect_ratio", f"Invalid value: 'aspect_ratio' and 'resolution' make {size}.")


def size_of_shape(shape: tuple[int, int], lines: int) -> Size:
    """16:9 with 720 lines -> 1280x720: the lines are the shorter side; the longer one is made even."""
    across, down = shape
    if across >= down:
        return Size(_even(lines * across / down), lines)
    return Size(lines, _even(lines * down / across))


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)


def _invalid(value: Json) -> str:
    return f"Invalid value: '{shown(str(value))}'."


def _agreed(said: list[Said[T]]) -> Said[T] | None:
    """What all names say. One that makes no sense speaks for all: it is to be mended first."""
    for one in said:
        if one.value is None:
            return one
    for one in said[1:]:
        if one.value != said[0].value:
            first, other = shown(str(said[0].value)), shown(str(one.value))
            raise BadInput(
                f"Invalid value: '{said[0].param}' and '{one.param}' disagree: {first} and {other}.", param=one.param
            )
    return said[0] if said else None
