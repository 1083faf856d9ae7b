"""Clips are judged by decoding them: what passes, what does not, and within which bounds."""

from __future__ import annotations

import asyncio
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gateway.assets.media import Media, MediaLimits, Sound, judge
from gateway.assets.media_child import look
from gateway.assets.media_talk import Job, Seen, Unfit
from providers.contract import Size
from tests.assets.processes import SQUARE, own_children, reason
from tests.support.clips import clip_bytes, make_clip

# --- what is judged ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("faststart", [True, False])
@pytest.mark.parametrize("audio", [True, False])
async def test_a_sound_clip_is_described(media: Media, tmp_path: Path, faststart: bool, audio: bool) -> None:
    """Its true length, sides and pictures, from decoding."""
    path = make_clip(tmp_path / "clip.mp4", 160, 96, 1, faststart=faststart, audio=audio)
    verdict = await media.inspect(path, seconds=1, size=Size(160, 96))
    assert verdict == Sound(seconds=1.0, size=Size(160, 96), pictures=12, audio=audio)
    assert await media.inspect(path) == verdict


async def test_one_pass_makes_the_pictures(media: Media, tmp_path: Path) -> None:
    """A WebP of the middle and a JPEG of twenty moments in rows of five, both bounded in size."""
    path = make_clip(tmp_path / "clip.mp4", 1280, 720, 2)
    thumbnail, sheet = tmp_path / "t", tmp_path / "s"
    verdict = await media.inspect(path, seconds=2, size=Size(1280, 720), thumbnail=thumbnail, spritesheet=sheet)
    assert isinstance(verdict, Sound)
    with Image.open(thumbnail) as image:
        assert (image.format, image.size) == ("WEBP", (640, 360))
    with Image.open(sheet) as image:
        assert (image.format, image.size) == ("JPEG", (5 * 256, 4 * 144))


async def test_the_pictures_are_of_different_moments(media: Media, tmp_path: Path) -> None:
    """The tiles follow the movement of the clip; a clip of three pictures has three of them."""
    sheet = tmp_path / "s"
    await media.inspect(make_clip(tmp_path / "long.mp4", 128, 128, 2), spritesheet=sheet)
    with Image.open(sheet) as image:
        tiles = {
            image.crop((x * 128, y * 128, x * 128 + 128, y * 128 + 128)).tobytes() for x in range(5) for y in range(4)
        }
    assert len(tiles) == 20
    await media.inspect(make_clip(tmp_path / "short.mp4", 128, 128, 0.25), spritesheet=sheet)
    with Image.open(sheet) as image:
        assert image.size == (3 * 128, 128)


@pytest.mark.parametrize(
    ("seconds", "size", "words"),
    [
        (4, SQUARE, "lasts 2.00 s"),
        (1, SQUARE, "lasts 2.00 s"),
        (2, Size(128, 130), "is 128x128, asked for was 128x130"),
    ],
)
async def test_a_clip_of_another_shape_is_wrong(media: Media, clip: Path, seconds: int, size: Size, words: str) -> None:
    """Whole and playable, and not what was asked for."""
    assert words in reason(await media.inspect(clip, seconds=seconds, size=size))


@pytest.mark.parametrize("faststart", [True, False])
async def test_a_truncated_clip_is_wrong(media: Media, tmp_path: Path, faststart: bool) -> None:
    """At 99 % as at half, and with nothing in it."""
    whole = clip_bytes(128, 128, 2, faststart=faststart)
    path = tmp_path / "clip.mp4"
    for length in (0, 7, len(whole) // 2, len(whole) * 99 // 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert reason(await media.inspect(path, seconds=2, size=SQUARE))


async def test_a_hole_in_the_media_is_wrong(media: Media, tmp_path: Path) -> None:
    """All bytes are there, half of them zeros: the boxes are right and the pictures are not."""
    whole = bytearray(clip_bytes(128, 128, 2, audio=False))
    begin = whole.index(b"mdat") + 4
    middle = (begin + len(whole)) // 2
    whole[middle:] = bytes(len(whole) - middle)
    (path := tmp_path / "clip.mp4").write_bytes(whole)
    assert "cannot be decoded" in reason(await media.inspect(path, seconds=2, size=SQUARE))


async def test_other_files_are_wrong(media: Media, tmp_path: Path) -> None:
    """A proxy's page, a picture, a playlist that names other files: none reaches the decoder."""
    path = tmp_path / "clip.mp4"
    for data in (b"<html>502 Bad Gateway</html>", b"\xff\xd8\xff\xe0" + bytes(99), b"#EXTM3U\n/etc/passwd\n"):
        path.write_bytes(data)
        assert reason(await media.inspect(path, seconds=2, size=SQUARE)) == "is no MP4"


def turned(whole: bytes) -> bytes:
    """The same clip with a note that players turn it by a quarter."""
    data = bytearray(whole)
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    return bytes(data)


async def test_a_turned_clip_counts_as_it_is_shown(media: Media, tmp_path: Path) -> None:
    """Vendors may deliver portrait as landscape with a note; size and pictures are the viewer's."""
    (path := tmp_path / "clip.mp4").write_bytes(turned(clip_bytes(128, 64, 1)))
    thumbnail = tmp_path / "t"
    assert isinstance(await media.inspect(path, seconds=1, size=Size(64, 128), thumbnail=thumbnail), Sound)
    with Image.open(thumbnail) as image:
        assert image.size == (64, 128)


def seen(*, seconds: float = 4.0, pictures: int = 96, packets: int = 96, steady: bool = True) -> Seen:
    return Seen(width=64, height=48, steady=steady, seconds=seconds, pictures=pictures, packets=packets, sound=True)


@pytest.mark.parametrize(
    ("what", "good"),
    [
        (seen(), True),
        (seen(seconds=4.0625), True),  # 65 pictures at 16 a second
        (seen(seconds=3.76), True),
        (seen(seconds=4.49), True),
        (seen(seconds=4.5), False),
        (seen(seconds=3.5), False),
        (seen(pictures=94), True),
        (seen(pictures=93), False),
        (seen(pictures=45), False),
        (seen(steady=False), False),
    ],
)
def test_a_clip_passes_while_the_asked_second_is_the_nearest(what: Seen, good: bool) -> None:
    """A picture more or less costs nobody a second render; half a file does."""
    assert isinstance(judge(what, seconds=4, size=Size(64, 48)), Sound) is good


# --- what is bounded ---------------------------------------------------------------------------------------------


async def test_a_picture_too_large_is_never_decoded(clip: Path) -> None:
    """By its index already, and by its header if the index lied."""
    media = Media(MediaLimits(pixels=128 * 127))
    assert "too large" in reason(await media.inspect(clip))
    lying = bytearray(clip.read_bytes())
    at = lying.index(b"avc1", lying.index(b"stsd")) + 28
    lying[at : at + 4] = struct.pack(">HH", 16, 16)
    clip.write_bytes(lying)
    assert reason(await media.inspect(clip))
    await media.close()


async def test_a_clip_of_too_many_pictures_is_left(clip: Path) -> None:
    """The work has an end, whatever the file says."""
    media = Media(MediaLimits(pictures=20))
    assert "more than 20 pictures" in reason(await media.inspect(clip))
    await media.close()


async def test_damaged_clips_never_harm_a_child(media: Media, tmp_path: Path) -> None:
    """Sixty clips with bytes changed in index and media: each gets a verdict, soon."""
    chance = random.Random(3)
    path = tmp_path / "clip.mp4"
    for _ in range(60):
        data = bytearray(clip_bytes(64, 64, 1, 6))
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(len(data))] = chance.choice([0, 1, 127, 128, 255])
        path.write_bytes(data)
        async with asyncio.timeout(10):
            await media.inspect(
                path, seconds=1, size=Size(64, 64), thumbnail=tmp_path / "t", spritesheet=tmp_path / "s"
            )


async def test_a_child_is_confined(media: Media, clip: Path) -> None:
    """Memory, files and processor time are limited by the kernel, and no core dump shows a clip."""
    await media.inspect(clip)
    (child,) = own_children()
    limits = Path(f"/proc/{child}/limits").read_text().splitlines()
    bounded = {line[:26].strip(): line[26:].split()[0] for line in limits}
    assert bounded["Max address space"] == str(1 << 30)
    assert bounded["Max core file size"] == "0"
    assert int(bounded["Max cpu time"]) <= 62
    assert int(bounded["Max file size"]) == 64 << 20
    assert "NoNewPrivs:\t1" in Path(f"/proc/{child}/status").read_text()


async def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch, media: Media, clip: Path) -> None:
    """The vendors' keys stand in the server's environment, not in the child's."""
    monkeypatch.setenv("A_VENDORS_KEY", "sk-secret")
    await media.inspect(clip)
    (child,) = own_children()
    assert b"secret" not in Path(f"/proc/{child}/environ").read_bytes()


def test_the_server_imports_neither_decoder_nor_pillow() -> None:
    """They cost the worker 40 MB and are a parser's worth of risk."""
    code = "import sys, gateway.assets.local, gateway.assets.media; print({'av', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_looking_says_what_hinders_it(clip: Path, tmp_path: Path) -> None:
    """In the child: no pictures, no such file, no pictures that can be decoded."""
    job = Job(path=str(clip), seconds=2, pixels_max=1 << 20, pictures_max=99, cpu_s_max=9)
    assert isinstance(look(job), Seen)
    (tmp_path / "sound.mp4").write_bytes(clip.read_bytes().replace(b"vide", b"soun").replace(b"vmhd", b"smhd"))
    assert isinstance(
        look(Job(path=str(tmp_path / "sound.mp4"), seconds=2, pixels_max=9, pictures_max=9, cpu_s_max=9)), Unfit
    )
