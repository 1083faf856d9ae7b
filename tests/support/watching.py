"""Looking into a clip: decoded frames as small RGB pictures, and every length that a player could go by."""

from __future__ import annotations

import io

import av
from msgspec import Struct
from PIL import Image


class Seen(Struct, frozen=True):
    width: int
    height: int
    frames: int
    fps: float
    seconds: float  # of the container
    picture_seconds: float
    sound_seconds: float  # decoded samples
    codecs: tuple[str, str]
    loudest: int


def watch(clip: bytes) -> Seen:
    """Decode a clip from end to end."""
    with av.open(io.BytesIO(clip), "r") as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        frames = samples = loudest = 0
        resampler = av.AudioResampler(format="s16", layout="mono", rate=audio.rate)
        for frame in file.decode(video, audio):
            if isinstance(frame, av.VideoFrame):
                frames += 1
            elif isinstance(frame, av.AudioFrame):
                samples += frame.samples
                for part in resampler.resample(frame):
                    heard = memoryview(bytes(part.planes[0])[: 2 * part.samples]).cast("h")
                    loudest = max(loudest, *map(abs, heard[::64]))
        rate = video.average_rate
        assert rate is not None and file.duration is not None
        assert video.duration is not None and video.time_base is not None
        return Seen(
            width=video.width,
            height=video.height,
            frames=frames,
            fps=float(rate),
            seconds=file.duration / 1_000_000,
            picture_seconds=float(video.duration * video.time_base),
            sound_seconds=samples / audio.rate,
            codecs=(video.codec_context.name, audio.codec_context.name),
            loudest=loudest,
        )


def stills(clip: bytes, *times: float, side: int = 32) -> list[Image.Image]:
    """The frames shown at these times, in order, as small squares."""
    left, found, last = sorted(times), [], None
    with av.open(io.BytesIO(clip), "r") as file:
        for frame in file.decode(video=0):
            while left and frame.time is not None and frame.time > left[0] + 1e-6 and last is not None:
                found.append(last)
                left.pop(0)
            last = _small(frame, side)
    assert last is not None
    return found + [last] * len(left)


def _small(frame: av.VideoFrame, side: int) -> Image.Image:
    rgb = frame.reformat(width=side, height=side, format="rgb24")
    plane = rgb.planes[0]
    return Image.frombytes("RGB", (side, side), bytes(plane), "raw", "RGB", plane.line_size, 1)


def apart(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, 0 to 255."""
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / len(one.tobytes())


def boxes(clip: bytes) -> list[str]:
    """The names of an MP4's outermost boxes, in order; they add up to the file."""
    names, at = [], 0
    while at < len(clip):
        size, name = int.from_bytes(clip[at : at + 4], "big"), clip[at + 4 : at + 8].decode("ascii")
        assert size >= 8, "a box without an end"
        names.append(name)
        at += size
    assert at == len(clip), "the boxes do not add up"
    return names
