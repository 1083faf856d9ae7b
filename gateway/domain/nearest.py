"""The nearest size and length to what was asked for, where a model's policy allows another one than exactly that.

Pure. A clip that is longer can be cut, so of lengths the next longer one is nearest; a picture that was composed
upright stays upright, then its shape counts, then how large it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from providers.contract import Size


def nearest_seconds(asked: int, offered: Sequence[int]) -> int:
    """The shortest that is not shorter, else the longest. `offered` is not empty."""
    enough = [seconds for seconds in offered if seconds >= asked]
    return min(enough) if enough else max(offered)


def nearest_size(asked: Size, offered: Sequence[Size]) -> Size:
    """Of the same orientation where there is one. `offered` is not empty; of equals the first."""
    return min(offered, key=lambda size: (_turned(asked) != _turned(size), *_distance(asked, size)))


def _turned(size: Size) -> int:
    """1 landscape, 0 square, -1 portrait."""
    return (size.width > size.height) - (size.width < size.height)


def _distance(one: Size, other: Size) -> tuple[float, float]:
    """How far shape and area are apart, as ratios; 0 for equal ones. What has no side has no shape."""
    shape = _ratio(one.width * other.height, one.height * other.width)
    return round(shape, 6), _ratio(one.width * one.height, other.width * other.height)


def _ratio(one: int, other: int) -> float:
    return abs(math.log(max(one, 1) / max(other, 1)))
