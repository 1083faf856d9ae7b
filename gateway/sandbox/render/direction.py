"""How an order becomes frames: what is in front, what is behind, and when.

create   the scene, or the given image that the scene slowly shines into; at its end the given last image
remix    the source in other colours with the new words on it
extend   the source as it is, then a new scene that fades in from its last frame
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from random import Random

from gateway.sandbox.orders import Order
from gateway.sandbox.render import film
from gateway.sandbox.render.caption import Caption
from gateway.sandbox.render.scene import Scene
from gateway.sandbox.render.sheet import Sheet
from gateway.sandbox.render.sound import tune

# Large and long clips get by with fewer frames: a clip should be rendered in less time than it plays.
FPS, FPS_LOW = 16, 12
PIXELS_AT_FPS_MAX = 1280 * 720 * FPS * 12
STILL_S = 0.25  # the given image is shown alone for so long
FADE_S = 1.0


def fps_of(order: Order) -> int:
    return FPS if order.width * order.height * FPS * order.total_seconds <= PIXELS_AT_FPS_MAX else FPS_LOW


def shoot(order: Order, uploads: Path, out: Path) -> None:
    """Render an order into a file. film.WrongSource when what was uploaded is no clip or image."""
    fps, size = fps_of(order), (order.width, order.height)
    random = Random(order.seed)  # noqa: S311 - it draws pictures
    scene = Scene(random, *size)
    recoloured = order.source is not None and not order.stitched
    caption = Caption(order.caption, order.names, order.label, size, scene.palette.light, above=recoloured)
    sounds = None if order.silent else tune(random, order.seconds)
    if sounds is not None and order.stitched and order.source:
        sounds = _before(uploads / order.source, order.source_seconds, sounds)
    film.write(out, _frames(order, uploads, fps, scene, caption), sounds, size=size, fps=fps)


def _before(source: Path, seconds: int, sounds: array[float]) -> array[float]:
    return film.heard(source, seconds) + sounds


def _frames(order: Order, uploads: Path, fps: int, scene: Scene, caption: Caption) -> Iterator[Sheet]:
    size = (order.width, order.height)
    count = order.seconds * fps
    if order.source and not order.stitched:
        yield from _recoloured(
            order, film.frames(uploads / order.source, size=size, fps=fps, count=count), fps, caption
        )
        return
    first = None
    if order.source:
        for first in film.frames(uploads / order.source, size=size, fps=fps, count=order.source_seconds * fps):
            yield first
    elif order.image:
        first = film.picture(uploads / order.image, size)
    last = film.picture(uploads / order.last_image, size) if order.last_image else None
    for n in range(count):
        t = n / fps
        if order.image and first and t < STILL_S:
            yield first
            continue
        sheet = scene.draw(t)
        if first:
            share = min(1.0, (t + 1 / fps) / FADE_S) if order.stitched else min(0.45, (t - STILL_S) / 3)
            sheet = first.mixed(sheet, share)
            sheet = sheet.copy() if sheet is first else sheet
        left = (count - 1 - n) / fps
        if last and left < FADE_S:
            sheet = sheet.mixed(last, 1.0 - left / FADE_S)
            sheet = sheet.copy() if sheet is last else sheet
        if not (last and left < STILL_S):
            caption.draw(sheet, t, order.seconds)
        yield sheet


def _recoloured(order: Order, frames: Iterator[Sheet], fps: int, caption: Caption) -> Iterator[Sheet]:
    quarter, contrast = 1 + order.seed % 3, 0.8 + order.seed % 7 / 14
    for n, frame in enumerate(frames):
        sheet = frame.turned(quarter, contrast)
        caption.draw(sheet, n / fps, order.seconds)
        yield sheet
