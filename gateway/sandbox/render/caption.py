"""The words on the picture: the prompt, lit word by word as the clip plays, a label, a timecode and a progress line.

The font is the one inside Pillow, which knows little more than ASCII: accents are taken off, and a sign that it lacks
becomes a small symmetric tile made from its code point, so that every prompt is visibly in its clip.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from zlib import crc32

from PIL import Image, ImageDraw, ImageFont

from gateway.sandbox.render.sheet import BLACK, WHITE, Colour, Sheet, Stencil

WORDS_MAX = 80
WORD_CHARS_MAX = 24
_MARKS = str.maketrans("\u2014\u2013\u201c\u201d\u201e\u2019\u2018\u00f8\u00d8\u0142\u0141", '--"""\'\'oOlL')
Font = ImageFont.FreeTypeFont


@lru_cache(maxsize=8)
def font_of(size: int) -> Font:
    font = ImageFont.load_default(size)
    assert isinstance(font, Font), "Pillow was built without FreeType"
    return font


def words_of(text: str) -> list[str]:
    """Words as the font can draw them, long ones in pieces; the rest beyond WORDS_MAX becomes an ellipsis."""
    plain = "".join(_plain(char) for char in unicodedata.normalize("NFC", text.translate(_MARKS)))
    words = [word[at : at + WORD_CHARS_MAX] for word in plain.split() for at in range(0, len(word), WORD_CHARS_MAX)]
    return words if len(words) <= WORDS_MAX else [*words[: WORDS_MAX - 1], "..."]


def _plain(char: str) -> str:
    if _known(char) or char.isspace():
        return char
    bare = "".join(part for part in unicodedata.normalize("NFKD", char) if _known(part))
    return bare or ("" if unicodedata.category(char)[0] in "MC" else char)


@lru_cache(maxsize=4096)
def _known(char: str) -> bool:
    font = font_of(20)
    return " " < char <= "~" or bytes(font.getmask(char)) != bytes(font.getmask("\uffff"))


class Caption:
    def __init__(
        self, text: str, names: tuple[str, ...], label: str, size: tuple[int, int], light: Colour, *, above: bool
    ) -> None:
        """`above`: at the top of the picture, where a source's own caption does not stand."""
        self.width, self.height = size
        self._light = light
        margin = max(4, min(size) // 18) // 2 * 2
        words = words_of(text) or ["..."]
        self._font, lines = self._fit(words, self.width - 4 * margin, int(self.height * 0.36))
        step = int(self._font.size * 1.32)
        high = (step * len(lines) + 2 * margin) // 2 * 2
        self._small = font_of(max(9, min(size) // 30))
        top = margin + int(self._small.size * 1.6) if above else self.height - high - margin
        self._at = (margin, top // 2 * 2)
        panel = Image.new("L", (self.width - 2 * margin, high))
        ImageDraw.Draw(panel).rounded_rectangle((0, 0, panel.width - 1, high - 1), radius=margin, fill=150)
        self._panel = Stencil(panel)
        self._words = [
            (Stencil(_word(word, self._font)), (2 * margin + x) // 2 * 2, (self._at[1] + margin + n * step) // 2 * 2)
            for n, line in enumerate(lines)
            for x, word in line
        ]
        self._margin = margin
        self._label = Stencil(_word(label, self._small, spaced=True)) if min(size) >= 200 else None
        cast = "with " + ", ".join(words_of(" ".join(names))) if names else ""
        self._cast = Stencil(_word(cast, self._small, spaced=True)) if cast else None

    def draw(self, sheet: Sheet, t: float, seconds: float) -> None:
        """Everything at a time; the words are all lit when three quarters of the clip have passed."""
        sheet.fill(BLACK, self._panel, *self._at)
        lit = (t - 0.25) / max(0.1, seconds * 0.75 - 0.25) * len(self._words)
        for n, (stencil, x, y) in enumerate(self._words):
            sheet.fill(WHITE if n < lit else Colour(120, 128, 128), stencil, x, y)
        if self._cast:
            sheet.fill(self._light, self._cast, self._margin, self._at[1] - int(self._small.size * 1.6) // 2 * 2)
        if self._label:
            sheet.fill(WHITE, self._label, self._margin, self._margin)
            clock = Stencil(_word(f"{t:05.2f} / {seconds:.0f} s", self._small, spaced=True))
            sheet.fill(WHITE, clock, (self.width - self._margin - clock.full.width) // 2 * 2, self._margin)
        done = int(self.width * min(1.0, t / seconds)) // 2 * 2
        if done:
            line = Stencil(Image.new("L", (done, max(2, self.height // 160) // 2 * 2), 230))
            sheet.fill(self._light, line, 0, self.height - line.full.height)

    def _fit(self, words: list[str], width: int, height: int) -> tuple[Font, list[list[tuple[int, str]]]]:
        """The largest font at which the words fit, and the lines they then fall into."""
        size = max(9, min(self.width, self.height) // 12)
        while True:
            font = font_of(size)
            lines = _lines(words, font, width)
            if size <= 8 or len(lines) * size * 1.32 <= height:
                return font, lines[: max(1, int(height / (size * 1.32)))]
            size = max(8, int(size * 0.88))


def _lines(words: list[str], font: Font, width: int) -> list[list[tuple[int, str]]]:
    lines: list[list[tuple[int, str]]] = [[]]
    x = 0
    for word in words:
        wide = _width(word, font)
        if lines[-1] and x + wide > width:
            lines.append([])
            x = 0
        lines[-1].append((x, word))
        x += wide + int(font.size * 0.3)
    return lines


def _width(word: str, font: Font) -> int:
    return sum(int(font.getlength(run)) if known else int(font.size * len(run)) for known, run in _runs(word))


def _runs(word: str) -> list[tuple[bool, str]]:
    """The word in runs of signs that the font has and signs that it lacks."""
    runs: list[tuple[bool, str]] = []
    for char in word:
        known = char == " " or _known(char)
        if runs and runs[-1][0] is known:
            runs[-1] = (known, runs[-1][1] + char)
        else:
            runs.append((known, char))
    return runs


def _word(word: str, font: Font, *, spaced: bool = False) -> Image.Image:
    size = int(font.size)
    wide = _width(word, font) + (2 if spaced else 0)
    image = Image.new("L", (max(2, (wide + 3) // 2 * 2), max(2, int(size * 1.3) // 2 * 2)))
    draw = ImageDraw.Draw(image)
    x = 0
    for known, run in _runs(word):
        if known:
            draw.text((x, 0), run, font=font, fill=255)
            x += int(font.getlength(run))
        else:
            for char in run:
                _tile(draw, x, int(size * 0.18), int(size * 0.86), char)
                x += size
    return image


def _tile(draw: ImageDraw.ImageDraw, x: int, y: int, side: int, char: str) -> None:
    """Five by five squares, left and right alike, from the bits of a checksum."""
    bits = crc32(char.encode("utf-8", "surrogatepass"))
    cell = max(1, side // 5)
    for row in range(5):
        for column in range(3):
            if bits >> (row * 3 + column) & 1:
                for mirrored in {column, 4 - column}:
                    left, top = x + mirrored * cell, y + row * cell
                    draw.rectangle((left, top, left + cell - 1, top + cell - 1), fill=255)
