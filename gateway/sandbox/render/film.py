"""Clips as files: frames and sound into an H.264 and AAC MP4 of exactly the length asked for, and out of one again.

Frames are taken and given one by one; a clip is never in memory as a whole.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av

from gateway.sandbox.render.sheet import Sheet
from gateway.sandbox.render.sound import RATE

AAC_FRAME = 1024
SIDE_MAX = 4096
# The same number of threads everywhere: with another one the same frames give other bytes.
THREADS = 2
X264 = {"preset": "ultrafast", "crf": "24", "bf": "0"}


class WrongSource(Exception):
    """The file that was sent cannot be read as a clip."""


def write(
    path: Path, frames: Iterable[Sheet], samples: array[float] | None, *, size: tuple[int, int], fps: int
) -> None:
    """Write the file, index first. `samples`: None for a clip without sound. The two streams advance together, so
    that a player need not seek."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as out:
        picture = out.add_stream("libx264", rate=fps, options=X264)
        picture.width, picture.height = size
        picture.pix_fmt = "yuv420p"
        picture.gop_size = 2 * fps
        picture.thread_count = THREADS
        picture.codec_context.color_range = 1
        picture.codec_context.colorspace = picture.codec_context.color_primaries = picture.codec_context.color_trc = 1
        sound = out.add_stream("aac", rate=RATE, layout="mono") if samples is not None else None
        packets = _heard(sound, samples) if sound is not None and samples is not None else iter(())
        for n, sheet in enumerate(frames):
            frame = sheet.frame()
            frame.pts, frame.time_base = n, Fraction(1, fps)
            out.mux(picture.encode(frame))
            for packet in islice(packets, RATE // AAC_FRAME // fps):
                out.mux(packet)
        out.mux(picture.encode(None))
        for packet in packets:
            out.mux(packet)


def _heard(sound: av.AudioStream, samples: array[float]) -> Iterator[list[av.Packet[av.AudioStream]]]:
    """What each frame of samples adds to the file, and at last what the encoder held back."""
    sound.bit_rate = 96_000
    for chunk in _chunks(samples):
        yield sound.encode(chunk)
    yield sound.encode(None)


def _chunks(samples: array[float]) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), AAC_FRAME):
        part = samples[start : start + AAC_FRAME]
        frame = av.AudioFrame(format="fltp", layout="mono", samples=len(part))
        # A plane's buffer is longer than its samples where FFmpeg aligned it.
        frame.planes[0].update(part.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate = RATE
        frame.pts, frame.time_base = start, Fraction(1, RATE)
        yield frame


def picture(path: Path, size: tuple[int, int]) -> Sheet:
    """An input image, stretched to the size."""
    try:
        with av.open(str(path)) as file:
            frame = next(file.decode(video=0))
            wide, high = size
            return Sheet.of_frame(
                frame.reformat(
                    width=wide, height=high, format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
                )
            )
    except (av.error.FFmpegError, StopIteration, IndexError) as error:
        raise WrongSource("not an image") from error


def frames(path: Path, *, size: tuple[int, int], fps: int, count: int) -> Iterator[Sheet]:
    """Exactly `count` frames of a clip at this rate and size; a clip that ends too early stands still."""
    given, last = 0, None
    try:
        with av.open(str(path)) as file:
            for frame in file.decode(video=0):
                if frame.width > SIDE_MAX or frame.height > SIDE_MAX:
                    raise WrongSource("larger than a clip may be")
                # Everything up to this frame's time still shows the one before it.
                while last is not None and given < count and given / fps < (frame.time or 0.0) - 0.001:
                    yield last
                    given += 1
                if given >= count:
                    return
                last = _fitted(frame, size)
    except (av.error.FFmpegError, IndexError) as error:
        raise WrongSource("not a clip") from error
    if last is None:
        raise WrongSource("a clip without frames")
    for _ in range(given, count):
        yield last


def _fitted(frame: av.VideoFrame, size: tuple[int, int]) -> Sheet:
    return Sheet.of_frame(frame.reformat(width=size[0], height=size[1], format="yuv420p", interpolation="BILINEAR"))


def heard(path: Path, seconds: int) -> array[float]:
    """The sound of a clip as exactly so many seconds of samples; silence where there is none."""
    samples: array[float] = array("f")
    wanted = seconds * RATE
    try:
        with av.open(str(path)) as file:
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
            for frame in file.decode(audio=0) if file.streams.audio else ():
                for part in resampler.resample(frame):
                    samples.frombytes(bytes(part.planes[0])[: 4 * part.samples])
                if len(samples) >= wanted:
                    break
    except (av.error.FFmpegError, IndexError) as error:
        raise WrongSource("not a clip") from error
    samples.extend([0.0] * (wanted - len(samples)))
    del samples[wanted:]
    return samples
