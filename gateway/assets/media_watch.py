"""One pass over a clip: what it is in truth, and the pictures that stand for it. Imported by the media child only.

The thumbnail is the picture in the middle; the spritesheet shows up to twenty, evenly spread, in rows of five.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, JpegImagePlugin, WebPImagePlugin

from gateway.assets.media_talk import Job, Seen, Unfit

TILES_MAX: Final = 20
TILES_A_ROW: Final = 5
TILE_SIDE_MAX: Final = 256
THUMBNAIL_SIDE_MAX: Final = 640
QUALITY: Final = 80

# Named here, the two are loaded now and not, with all of Pillow's formats, when the first picture is saved.
_WEBP, _JPEG = WebPImagePlugin.WebPImageFile.format, JpegImagePlugin.JpegImageFile.format


def watch(job: Job, clip: InputContainer, stream: VideoStream) -> Seen | Unfit:
    packets = 0
    view = _View(job, stream)
    for packet in clip.demux(stream):
        packets += bool(packet.size and not packet.is_discard)
        if packets > job.pictures_max:
            return Unfit(f"has more than {job.pictures_max} pictures")
        for picture in _decoded(packet):
            view.see(picture)
    if not view.pictures:
        return Unfit("has no picture that can be decoded")
    view.save()
    return Seen(
        width=view.sides[0],
        height=view.sides[1],
        steady=view.steady,
        seconds=view.end_s - view.begin_s,
        pictures=view.pictures,
        packets=packets,
        sound=bool(clip.streams.audio),
    )


def _decoded(packet: av.Packet[VideoStream]) -> Iterator[VideoFrame]:
    """A packet that cannot be decoded gives no picture, and the count tells."""
    try:
        yield from packet.decode()
    except av.error.InvalidDataError:
        return


class _View:
    """What was seen so far, and what is kept of it."""

    def __init__(self, job: Job, stream: VideoStream) -> None:
        self.pictures = 0
        self.sides = (0, 0)
        self.steady = True
        self.begin_s = self.end_s = 0.0
        self._job = job
        self._length_s = float(1 / stream.average_rate) if stream.average_rate else 0.0
        self._middle: Image.Image | None = None
        self._middle_found = False
        self._tiles: list[Image.Image] = []
        count = min(TILES_MAX, stream.frames or TILES_MAX)
        self._tiles_at_s = [(index + 0.5) * job.seconds / count for index in range(count)]

    def see(self, picture: VideoFrame) -> None:
        begin_s = self.end_s if picture.time is None else picture.time
        sides = _upright_sides(picture)
        if not self.pictures:
            self.begin_s, self.sides = begin_s, sides
        self.steady &= sides == self.sides
        self.pictures += 1
        length_s = float(picture.duration * (picture.time_base or 0)) or self._length_s
        self.end_s = max(self.end_s, begin_s + length_s)
        self._keep(picture, until_s=begin_s + length_s - self.begin_s)

    def _keep(self, picture: VideoFrame, until_s: float) -> None:
        """Keep the picture where it is the one shown at a moment that counts; the first is better than none."""
        if self._job.thumbnail and not self._middle_found:
            self._middle_found = until_s > self._job.seconds / 2
            if self._middle_found or self._middle is None:
                self._middle = _small(picture, THUMBNAIL_SIDE_MAX)
        while self._job.spritesheet and self._tiles_at_s and until_s > self._tiles_at_s[0]:
            self._tiles_at_s.pop(0)
            self._tiles.append(_small(picture, TILE_SIDE_MAX))

    def save(self) -> None:
        if self._job.thumbnail and self._middle:
            self._middle.save(self._job.thumbnail, _WEBP, quality=QUALITY)
        if self._job.spritesheet:
            _sheet(self._tiles or [Image.new("RGB", (1, 1))]).save(self._job.spritesheet, _JPEG, quality=QUALITY)


def _upright_sides(picture: VideoFrame) -> tuple[int, int]:
    """As a player shows it: phones turn a picture by a note beside it."""
    width, height = picture.width, picture.height
    return (height, width) if picture.rotation % 180 else (width, height)


def _small(picture: VideoFrame, side_max: int) -> Image.Image:
    scale = min(1.0, side_max / max(picture.width, picture.height))
    width, height = (max(1, round(side * scale)) for side in (picture.width, picture.height))
    image: Image.Image = picture.to_image(width=width, height=height)  # type: ignore[no-untyped-call]
    return image.rotate(picture.rotation, expand=True) if picture.rotation else image


def _sheet(tiles: list[Image.Image]) -> Image.Image:
    width, height = tiles[0].size
    columns = min(TILES_A_ROW, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % columns * width, index // columns * height))
    return sheet
