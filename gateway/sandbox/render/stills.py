"""Stills of a finished clip: a thumbnail (WebP) from its first third and a spritesheet (JPEG) of ten frames."""

from __future__ import annotations

from pathlib import Path

import av
from PIL import Image

from gateway.sandbox.render.film import WrongSource

THUMBNAIL_SIDE = 512
SPRITES, COLUMNS, SPRITE_WIDTH = 10, 5, 240


def thumbnail(clip: Path, out: Path) -> None:
    frames = _frames(clip, 3)
    picture = frames[1]
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    picture.save(out, "WEBP", quality=82)


def spritesheet(clip: Path, out: Path) -> None:
    frames = _frames(clip, SPRITES)
    width, height = frames[0].size
    cell = (SPRITE_WIDTH, max(1, round(SPRITE_WIDTH * height / width)))
    sheet = Image.new("RGB", (COLUMNS * cell[0], -(-SPRITES // COLUMNS) * cell[1]))
    for n, frame in enumerate(frames):
        sheet.paste(frame.resize(cell), (n % COLUMNS * cell[0], n // COLUMNS * cell[1]))
    sheet.save(out, "JPEG", quality=85)


def _image(frame: av.VideoFrame) -> Image.Image:
    rgb = frame.reformat(format="rgb24")
    plane = rgb.planes[0]
    return Image.frombytes("RGB", (rgb.width, rgb.height), bytes(plane), "raw", "RGB", plane.line_size, 1)


def _frames(clip: Path, count: int) -> list[Image.Image]:
    """So many frames, evenly spread; the last one repeated if the clip has fewer."""
    try:
        with av.open(str(clip)) as file:
            total = file.streams.video[0].frames
            wanted = [n * total // count for n in range(count)]
            found = [_image(frame) for n, frame in enumerate(file.decode(video=0)) if n in wanted]
    except (av.error.FFmpegError, IndexError) as error:
        raise WrongSource("not a clip") from error
    if not found:
        raise WrongSource("a clip without frames")
    return found + [found[-1]] * (count - len(found))
