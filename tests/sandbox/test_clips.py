"""Clips as they come over the wire: real, exactly as long and large as asked, made from the prompt, always the same."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from msgspec.structs import replace
from PIL import Image as Pictures

from gateway.sandbox.orders import Order
from gateway.sandbox.render.direction import shoot
from providers.contract import AssetKind, Image, Size, Source, Verb
from providers.mock import PRICES
from tests.support.clips import clip_bytes
from tests.support.sandbox import Sandbox, Talk, spec
from tests.support.watching import apart, boxes, stills, watch

SORA = [size for price in PRICES["sora-2-pro"] for size in price.sizes]
SMALL = [size for size in PRICES["mock-video"][0].sizes if size not in SORA]
BOAT = "A paper boat crosses a flooded chessboard"


def check(clip: bytes, size: Size, seconds: int) -> None:
    """Every length that a player could go by is the one asked for."""
    seen = watch(clip)
    assert Size(seen.width, seen.height) == size
    assert seen.frames == seconds * seen.fps and 12 <= seen.fps <= 24
    assert seen.seconds == seen.picture_seconds == seconds
    assert seconds <= seen.sound_seconds < seconds + 1_024 / 32_000
    assert seen.codecs == ("h264", "aac")
    assert 1_000 < seen.loudest < 32_000
    assert boxes(clip)[:2] == ["ftyp", "moov"], "the index stands in front"


@pytest.mark.parametrize("size", [*SORA, *SMALL], ids=str)
async def test_a_clip_has_the_size_asked_for(mock: Talk, size: Size) -> None:
    """Every size of Sora's and the small ones of the mock's own model, as short as they come."""
    check(await mock.clip(spec(BOAT, size=size)), size, 1)


async def test_soras_shortest_clip(mock: Talk) -> None:
    """What a client gets that says nothing but a prompt."""
    check(await mock.clip(spec(BOAT, model="sora-2", size=Size(720, 1280), seconds=4)), Size(720, 1280), 4)


@pytest.mark.parametrize("seconds", [1, 2, 8, 20])
async def test_a_clip_has_the_seconds_asked_for(mock: Talk, seconds: int) -> None:
    """Frames, picture, sound and container agree."""
    check(await mock.clip(spec(BOAT, seconds=seconds)), Size(128, 128), seconds)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [8, 12, 16, 20])
@pytest.mark.parametrize("size", SORA, ids=str)
async def test_every_length_of_every_size(mock: Talk, size: Size, seconds: int) -> None:
    """The whole matrix."""
    check(await mock.clip(spec(BOAT, model="sora-2-pro", size=size, seconds=seconds)), size, seconds)


def test_the_same_order_gives_the_same_bytes(tmp_path: Path) -> None:
    """In another process, on another day: nothing but the order decides."""
    order = Order(caption=BOAT, label="mock", seed=7, width=128, height=128, seconds=1)
    for name in ("one", "two"):
        shoot(order, tmp_path, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


async def test_seed_and_prompt_decide_the_picture(mock: Talk) -> None:
    """Equal ones give equal files; another seed or another prompt another picture; and the picture moves."""
    first, again = await mock.clip(spec(BOAT, seed=1)), await mock.clip(spec(BOAT, seed=1))
    assert first == again
    begin, end = stills(first, 0.0, 0.9)
    assert apart(begin, end) > 2
    for other in (spec(BOAT, seed=2), spec("Two cats", seed=1), spec(BOAT, negative_prompt="cats", seed=1)):
        assert apart(stills(await mock.clip(other), 0.0)[0], begin) > 3


async def test_sound_can_be_left_out(mock: Talk) -> None:
    """The picture is the same, and there is no sound to be heard."""
    loud, silent = [await mock.clip(replace(spec(BOAT, seed=1), audio=audio)) for audio in (True, False)]
    with av.open(io.BytesIO(silent), "r") as file:
        assert len(file.streams) == 1 and file.streams.video
    assert apart(stills(silent, 0.5)[0], stills(loud, 0.5)[0]) == 0
    check(loud, Size(128, 128), 1)


def drawn(picture: Pictures.Image) -> Image:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Image(file.getvalue(), "image/png", *picture.size)


async def test_a_last_image_is_the_last_frame(mock: Talk) -> None:
    """Faded into, whether the clip began with an image or not."""
    picture = Pictures.linear_gradient("L").convert("RGB").resize((256, 144))
    for first in (None, drawn(picture.rotate(180))):
        clip = await mock.clip(spec(BOAT, size=Size(256, 144), seconds=2, image=first, last_image=drawn(picture)))
        check(clip, Size(256, 144), 2)
        begin, end = stills(clip, 0.0, 1.95)
        assert apart(end, picture.resize((32, 32))) < 6
        assert apart(begin, end) > 10


async def test_an_input_image_is_the_first_frame(mock: Talk) -> None:
    """Exactly it, then the scene shines in."""
    picture = Pictures.linear_gradient("L").convert("RGB").resize((256, 144))
    image = drawn(picture)
    clip = await mock.clip(spec(BOAT, size=Size(256, 144), seconds=2, image=image))
    check(clip, Size(256, 144), 2)
    first, last = stills(clip, 0.0, 1.9)
    assert apart(first, picture.resize((32, 32))) < 6
    assert apart(first, last) > 10


def source(mock: Talk, clip: bytes, seconds: int) -> Source:
    return Source(asset=mock.blob(clip), seconds=seconds, size=Size(128, 128), prompt=BOAT)


@pytest.mark.parametrize("verb", [Verb.REMIX, Verb.EDIT])
async def test_a_remix_is_the_source_in_other_colours(mock: Talk, verb: Verb) -> None:
    """What moves where stays; the colours and the words are new."""
    before = await mock.clip(spec(BOAT, seconds=2))
    after = await mock.clip(spec("The boat is red", verb=verb, seconds=2, source=source(mock, before, 2)))
    check(after, Size(128, 128), 2)
    (old,), (new,) = stills(before, 1.0), stills(after, 1.0)
    assert apart(old, new) > 8
    # Between the two captions the picture is the source's: bright where that is bright.
    sky = (0, 13, 32, 20)
    unrelated = stills(await mock.clip(spec("The boat is red", seconds=2)), 1.0)[0]
    assert _alike(old.crop(sky), new.crop(sky)) > 0.8 > _alike(unrelated.crop(sky), new.crop(sky))


async def test_an_extension_is_stitched_to_its_source(mock: Talk) -> None:
    """The file is the whole: the source as it was, then the new seconds."""
    before = await mock.clip(spec(BOAT, seconds=2))
    after = await mock.clip(spec("It sinks", verb=Verb.EXTEND, seconds=4, source=source(mock, before, 2)))
    check(after, Size(128, 128), 6)
    for old, new in zip(stills(before, 0.5, 1.5), stills(after, 0.5, 1.5), strict=True):
        assert apart(old, new) < 6
    joint, end = stills(after, 2.0, 5.9)
    assert apart(joint, stills(before, 1.95)[0]) < apart(end, stills(before, 1.95)[0])


async def test_a_source_of_another_kind_is_fitted(mock: Talk) -> None:
    """Another size, another rate of frames, no sound, shorter than it says: the length is still exact."""
    clip = clip_bytes(64, 96, 1, 25, audio=False)
    for verb, seconds, total in ((Verb.EDIT, 2, 2), (Verb.EXTEND, 1, 3)):
        made = await mock.clip(spec("Again", verb=verb, seconds=seconds, source=source(mock, clip, 2)))
        check(made, Size(128, 128), total)


async def test_stills_come_from_the_clip() -> None:
    """Where the vendor makes them itself: a WebP and a JPEG."""
    with Sandbox("--queue-seconds", "0", "--render-seconds", "0") as sandbox:
        async with sandbox.mock(stills=True) as mock:
            ref = await mock.accepted(spec(BOAT, size=Size(256, 144)))
            finished = await mock.finished(ref)
            kinds = [asset.kind for asset in finished.assets]
            assert kinds == [AssetKind.VIDEO, AssetKind.THUMBNAIL, AssetKind.SPRITESHEET]
            for at, (form, size) in {1: ("WEBP", (256, 144)), 2: ("JPEG", (1_200, 270))}.items():
                _, body = await mock.download(ref, finished, at)
                picture = Pictures.open(io.BytesIO(body))
                assert (picture.format, picture.size) == (form, size)


@pytest.mark.parametrize(
    "prompt",
    ["", "[mock:fast]", "中文字 ここ Жар-птица عربي 🙂", "\x00\x07\u202e", "word " * 2_000, "W" * 5_000, "é ñ ß … “q”"],
)
def test_any_prompt_can_be_drawn(tmp_path: Path, prompt: str) -> None:
    """Signs that the font lacks, none at all, far too many."""
    for width, height in ((64, 64), (640, 360)):
        order = Order(caption=prompt, label="mock", seed=1, width=width, height=height, seconds=1)
        if width == 64 or len(prompt) < 100:
            shoot(order, tmp_path, tmp_path / "clip")
            assert watch((tmp_path / "clip").read_bytes()).width == width


def _alike(one: Pictures.Image, other: Pictures.Image) -> float:
    """How far brightness goes together, -1 to 1."""
    a, b = list(one.convert("L").tobytes()), list(other.convert("L").tobytes())
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    together = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    spread = (sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)) ** 0.5
    return float(together / max(spread, 1e-9))
