"""Frames as three grey planes, brightness in full and colour in half resolution, as H.264 stores them.

Drawing straight onto these planes costs a quarter of drawing in RGB and leaves nothing to convert: 2 ms a frame at
720x1280. Lives here: colours, stencils and sheets. Does not: what is drawn (`scene`, `caption`), files (`film`).
"""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import av
from PIL import Image


class Colour(NamedTuple):
    """BT.709, limited range."""

    y: int
    u: int
    v: int


def colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return Colour(
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / 1.8556),
        round(128 + 224 * (red - luma) / 1.5748),
    )


WHITE = Colour(235, 128, 128)
BLACK = Colour(16, 128, 128)


class Stencil:
    """A shape: how much of the colour below shows through, for both resolutions."""

    __slots__ = ("full", "half")

    def __init__(self, full: Image.Image) -> None:
        self.full = full
        self.half = full.reduce(2)

    def window(self, left: int, width: int) -> Stencil:
        """A cut of this width: a strip wider than the frame scrolls by moving it."""
        cut = object.__new__(Stencil)
        cut.full = self.full.crop((left, 0, left + width, self.full.height))
        cut.half = self.half.crop((left // 2, 0, left // 2 + (width + 1) // 2, self.half.height))
        return cut


class Sheet:
    __slots__ = ("u", "v", "y")

    def __init__(self, y: Image.Image, u: Image.Image, v: Image.Image) -> None:
        self.y = y
        self.u = u
        self.v = v

    @classmethod
    def plain(cls, width: int, height: int, ink: Colour = BLACK) -> Sheet:
        half = (width // 2, height // 2)
        return cls(Image.new("L", (width, height), ink.y), Image.new("L", half, ink.u), Image.new("L", half, ink.v))

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Sheet:
        planes = []
        for plane in frame.planes:
            size = (plane.width, plane.height)
            planes.append(Image.frombuffer("L", size, bytes(plane), "raw", "L", plane.line_size, 1))
        return cls(*planes)

    def frame(self) -> av.VideoFrame:
        frame = av.VideoFrame(self.y.width, self.y.height, "yuv420p")
        for plane, image in zip(frame.planes, (self.y, self.u, self.v), strict=True):
            plane.update(image.tobytes("raw", ("L", plane.line_size, 1)))
        return frame

    def fill(self, ink: Colour, stencil: Stencil, x: int, y: int) -> None:
        """Paint a shape; what lies outside the sheet is cut off."""
        self.y.paste(ink.y, (x, y), stencil.full)
        self.u.paste(ink.u, (x // 2, y // 2), stencil.half)
        self.v.paste(ink.v, (x // 2, y // 2), stencil.half)

    def scaled(self, width: int, height: int) -> Sheet:
        return Sheet.of_frame(self.frame().reformat(width=width, height=height, interpolation="BILINEAR"))

    def copy(self) -> Sheet:
        return Sheet(self.y.copy(), self.u.copy(), self.v.copy())

    def mixed(self, other: Sheet, share: float) -> Sheet:
        """This sheet with a share of another, 0 to 1."""
        if share <= 0:
            return self
        return Sheet(*(Image.blend(a, b, min(1.0, share)) for a, b in zip(self._all, other._all, strict=True)))

    def turned(self, quarter: int, contrast: float) -> Sheet:
        """The same picture in other colours: hues turned by quarters of the circle, brightness stretched."""
        bright = [max(16, min(235, round(126 + (level - 126) * contrast))) for level in range(256)]
        flip = [256 - level if level else 255 for level in range(256)]
        u, v = {
            0: (self.u, self.v),
            1: (self.v, self.u.point(flip)),
            2: (self.u.point(flip), self.v.point(flip)),
            3: (self.v.point(flip), self.u),
        }[quarter % 4]
        return Sheet(self.y.point(bright), u, v)

    @property
    def _all(self) -> tuple[Image.Image, Image.Image, Image.Image]:
        return self.y, self.u, self.v
