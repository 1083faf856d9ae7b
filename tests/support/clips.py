"""Real MP4s for tests: H.264 with AAC, a moving picture, exactly as long and as large as asked; cached per process."""

from __future__ import annotations

import math
import struct
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av

SOUND_HZ = 48_000


def make_clip(
    path: Path,
    width: int = 128,
    height: int = 128,
    seconds: float = 1,
    fps: int = 12,
    *,
    faststart: bool = True,
    audio: bool = True,
) -> Path:
    """Write a clip to `path` and give the path back."""
    path.write_bytes(clip_bytes(width, height, seconds, fps, faststart=faststart, audio=audio))
    return path


@lru_cache(maxsize=32)
def clip_bytes(
    width: int = 128,
    height: int = 128,
    seconds: float = 1,
    fps: int = 12,
    *,
    faststart: bool = True,
    audio: bool = True,
) -> bytes:
    """The same clip as bytes. Equal arguments give equal bytes. `faststart` puts the index in front."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"  # the muxer moves the index in a second pass, so it needs a real file
        options = {"movflags": "+faststart"} if faststart else {}
        with av.open(str(path), "w", format="mp4", options=options) as out:
            video = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "threads": "1"})
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            sound = out.add_stream("aac", rate=SOUND_HZ, layout="mono") if audio else None
            for index in range(round(seconds * fps)):
                for packet in video.encode(_picture(width, height, index)):
                    out.mux(packet)
            for packet in video.encode(None):
                out.mux(packet)
            if sound is not None:
                _add_sound(out, sound, round(seconds * SOUND_HZ))
        return path.read_bytes()


def _picture(width: int, height: int, index: int) -> av.VideoFrame:
    """A slope of brightness that moves to the left, over a colour that changes with time."""
    frame = av.VideoFrame(width, height, "yuv420p")
    luma, *chroma = frame.planes
    row = bytes((x + 8 * index) % 220 + 16 for x in range(luma.line_size))
    luma.update(row * luma.height)
    for number, plane in enumerate(chroma):
        plane.update(bytes([(90 + 40 * number + 3 * index) % 200 + 28]) * (plane.line_size * plane.height))
    frame.pts = index
    return frame


def _add_sound(out: av.container.OutputContainer, stream: av.AudioStream, samples: int) -> None:
    for start in range(0, samples, 1024):
        count = min(1024, samples - start)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=count)
        wave = (0.2 * math.sin(2 * math.pi * 440 * (start + n) / SOUND_HZ) for n in range(count))
        frame.planes[0].update(struct.pack(f"{count}f", *wave).ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, start, Fraction(1, SOUND_HZ)
        for packet in stream.encode(frame):
            out.mux(packet)
    for packet in stream.encode(None):
        out.mux(packet)
