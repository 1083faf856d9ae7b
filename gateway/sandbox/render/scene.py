"""The moving picture: a sky with drifting lights, a sun, three scrolling layers and floating sparks.

Everything follows from the random generator that the caller seeds: palette, kind of land, paths and speeds. A scene is
a function of time, so that any frame can be drawn alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

from gateway.sandbox.render.sheet import Sheet, Stencil, colour

SKY_SCALE = 16  # the sky is soft: it is drawn this much smaller and enlarged
SKY_PER_S = 4  # a sky that stands still between its steps costs the encoder nothing
LAYERS = 3
SPARKS = 20

Profile = Callable[[Random], Callable[[float], float]]


def _hills(random: Random) -> Callable[[float], float]:
    waves = [(n, random.uniform(0.3, 1.0) / n, random.uniform(0, math.tau)) for n in (1, 2, 3, 5, 9)]
    total = sum(size for _, size, _ in waves)
    return lambda x: 0.5 + 0.5 * sum(size * math.sin(n * math.tau * x + at) for n, size, at in waves) / total


def _peaks(random: Random) -> Callable[[float], float]:
    tips = [(random.random(), random.uniform(0.35, 1.0), random.uniform(2.5, 5.0)) for _ in range(9)]
    return lambda x: max(0.0, *(top - slope * min(abs(x - at), 1 - abs(x - at)) for at, top, slope in tips))


def _towers(random: Random) -> Callable[[float], float]:
    steps = [random.uniform(0.15, 1.0) if random.random() > 0.12 else 0.05 for _ in range(26)]
    return lambda x: steps[int(x * len(steps)) % len(steps)]


def _waves(random: Random) -> Callable[[float], float]:
    count, at = random.choice((3, 4, 5)), random.random()
    return lambda x: 0.35 + 0.4 * (1 - abs(math.sin(math.pi * (count * x + at))) ** 0.8)


LANDS: tuple[Profile, ...] = (_hills, _peaks, _towers, _waves)


# Hues of the zenith, the horizon and the sun that look well together.
SKIES = (
    (0.66, 0.03, 0.11),
    (0.52, 0.12, 0.14),
    (0.76, 0.92, 0.08),
    (0.62, 0.50, 0.14),
    (0.97, 0.09, 0.13),
    (0.83, 0.05, 0.10),
    (0.58, 0.80, 0.95),
    (0.45, 0.55, 0.16),
)


class Palette:
    """Two skies, a light, and one ink per layer, darker the nearer it is."""

    def __init__(self, random: Random) -> None:
        shift = random.uniform(-0.03, 0.03)
        top, low, light = (hue + shift for hue in random.choice(SKIES))
        night = random.random() < 0.5
        self.top = colour(top, 0.8, 0.26 if night else 0.66)
        self.low = colour(low, 0.55, 0.6 if night else 0.97)
        self.light = colour(light, 0.2, 1.0)
        self.glows = [colour(hue + random.uniform(-0.06, 0.06), 0.62, 0.8) for hue in (low, light, top, low)]
        inks = ((low, 0.55, 0.5), (top, 0.6, 0.33), (top, 0.7, 0.16))
        self.layers = [colour(hue, saturation, value * (0.75 if night else 1.0)) for hue, saturation, value in inks]


class Scene:
    def __init__(self, random: Random, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.palette = Palette(random)
        self._ground = self._gradient()
        self._drawn: tuple[int, Sheet] | None = None
        self._glow = Image.radial_gradient("L").point([max(0, 200 - level * 200 // 180) for level in range(256)])
        self._paths = [[random.uniform(0.4, 1.3) for _ in range(4)] + [random.uniform(0.5, 0.9)] for _ in range(4)]
        disc = max(8, min(width, height) // random.choice((4, 5, 6)))
        self._sun = Stencil(_disc(disc))
        self._sun_path = (random.uniform(0.25, 0.75), random.choice((-1, 1)) * random.uniform(0.02, 0.05))
        land = random.choice(LANDS)
        self._strips = [self._strip(land(random), n) for n in range(LAYERS)]
        self._way = random.choice((-1, 1))
        self._sparks = [self._spark(random) for _ in range(SPARKS)]

    def draw(self, t: float) -> Sheet:
        """The picture at a time in seconds."""
        sheet = self._sky(int(t * SKY_PER_S)).copy()
        place, speed = self._sun_path
        size = self._sun.full.width
        rise = 0.2 + 0.04 * math.sin(t * 0.4)
        sheet.fill(
            self.palette.light,
            self._sun,
            int(self.width * (place + speed * t)) - size // 2,
            int(self.height * rise) - size // 2,
        )
        for n, strip in enumerate(self._strips):
            self._scroll(sheet, strip, n, t)
        self._float(sheet, t)
        return sheet

    def _sky(self, step: int) -> Sheet:
        if self._drawn is None or self._drawn[0] != step:
            self._drawn = (step, self._lights(step / SKY_PER_S).scaled(self.width, self.height))
        return self._drawn[1]

    def _gradient(self) -> Sheet:
        size = (max(2, self.width // SKY_SCALE // 2 * 2), max(2, self.height // SKY_SCALE // 2 * 2))
        sheet = Sheet.plain(*size, self.palette.top)
        ramp = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
        sheet.fill(self.palette.low, Stencil(ramp), 0, 0)
        return sheet

    def _lights(self, t: float) -> Sheet:
        sky = self._ground.copy()
        width, height = sky.y.size
        for ink, (a, b, c, d, reach) in zip(self.palette.glows, self._paths, strict=True):
            side = max(4, int(max(width, height) * reach) // 2 * 2)
            glow = Stencil(self._glow.resize((side, side), Image.Resampling.BILINEAR))
            x = width * (0.5 + 0.45 * math.sin(a * t + 6 * c))
            y = height * (0.4 + 0.4 * math.cos(b * t + 6 * d))
            sky.fill(ink, glow, int(x) - side // 2, int(y) - side // 2)
        return sky

    def _strip(self, profile: Callable[[float], float], n: int) -> Stencil:
        """A silhouette twice as wide as the frame; its two halves are equal, so it scrolls for ever."""
        width, height = self.width, int(self.height * (0.46, 0.36, 0.26)[n])
        fine = Image.new("L", (2 * width, 2 * height))
        line = [(x, 2 * height * (1 - 0.92 * profile(x / (2 * width)))) for x in range(0, 2 * width + 1, 2)]
        ImageDraw.Draw(fine).polygon([(0, 2 * height), *line, (2 * width, 2 * height)], fill=(225, 240, 255)[n])
        tile = fine.reduce(2)
        strip = Image.new("L", (2 * width, height))
        strip.paste(tile, (0, 0))
        strip.paste(tile, (width, 0))
        return Stencil(strip)

    def _scroll(self, sheet: Sheet, strip: Stencil, n: int, t: float) -> None:
        way = self._way * self.width * (0.02, 0.05, 0.11)[n] * t
        bob = int(self.height * 0.006 * math.sin(1.3 * t + 2 * n))
        top = self.height - strip.full.height + bob + int(self.height * 0.012)
        sheet.fill(self.palette.layers[n], strip.window(int(way) % self.width, self.width), 0, top)

    def _spark(self, random: Random) -> tuple[Stencil, float, float, float, float]:
        size = max(3, int(min(self.width, self.height) * random.uniform(0.006, 0.018)))
        return (
            Stencil(_disc(size, random.randrange(90, 230))),
            random.random(),
            random.random(),
            random.uniform(0.02, 0.07),
            random.uniform(0.5, 2.0),
        )

    def _float(self, sheet: Sheet, t: float) -> None:
        for dot, x, y, speed, sway in self._sparks:
            left = (x + 0.015 * math.sin(sway * t + 9 * x)) * self.width
            sheet.fill(self.palette.light, dot, int(left), int(((y - speed * t) % 1.0) * self.height))


def _disc(size: int, strength: int = 245) -> Image.Image:
    fine = Image.new("L", (4 * size, 4 * size))
    ImageDraw.Draw(fine).ellipse((0, 0, 4 * size - 1, 4 * size - 1), fill=strength)
    return fine.reduce(4)
