"""Images are measured from their own bytes, as Pillow would, and nothing that is sent can hurt."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.domain.images import Measured, measure
from tests.support.pictures import png

SIZES = [(1, 1), (3, 7), (640, 360), (1280, 720), (4000, 2)]
FORMATS: list[tuple[str, str, dict[str, object]]] = [
    ("JPEG", "image/jpeg", {}),
    ("JPEG", "image/jpeg", {"progressive": True}),
    ("JPEG", "image/jpeg", {"comment": b"\xff" * 3000, "exif": b"Exif\0\0" + b"\0" * 2000}),
    ("JPEG", "image/jpeg", {"icc_profile": b"profile " * 40_000}),
    ("PNG", "image/png", {}),
    ("PNG", "image/png", {"save_all": True, "append_images": 2}),
    ("WEBP", "image/webp", {}),
    ("WEBP", "image/webp", {"lossless": True}),
    ("WEBP", "image/webp", {"exif": b"Exif\0\0" + b"\0" * 20}),
    ("WEBP", "image/webp", {"save_all": True, "append_images": 2}),
]


def picture(kind: str, size: tuple[int, int], **options: object) -> bytes:
    if options.get("append_images"):
        options["append_images"] = [Image.new("RGB", size, (9, 90, index)) for index in range(2)]
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kind", "media_type", "options"), FORMATS)
def test_what_pillow_writes_is_measured(
    kind: str, media_type: str, options: dict[str, object], size: tuple[int, int]
) -> None:
    """Every flavour of the three formats, still or moving, with and without metadata."""
    assert measure(picture(kind, size, **options)) == Measured(media_type, *size)


def test_transparency_changes_nothing() -> None:
    """A WebP with an alpha channel says its size in another chunk."""
    out = io.BytesIO()
    Image.new("RGBA", (33, 44), (1, 2, 3, 4)).save(out, "WEBP")
    assert measure(out.getvalue()) == Measured("image/webp", 33, 44)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a" + b"\0" * 40, "a GIF"),
        (b"BM" + b"\0" * 40, "a BMP"),
        (b"\0\0\0\x20ftypheic" + b"\0" * 40, "HEIC"),
        (b"\0\0\0\x20ftypavif" + b"\0" * 40, "AVIF"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 40, "a video"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b'{"error": 1}', "JSON"),
        (b"data:image/png;base64,AAAA", "data URL"),
        (b"just text", "unknown"),
        (b"RIFF\x10\0\0\0WAVE" + b"\0" * 40, "no WebP"),
        (b"RIFF\x10\0\0\0WEBPICCP" + b"\0" * 40, "unknown chunk"),
        (b"\x89PNG\r\n\x1a\n", "cut short"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 40, "checksum"),
        (png(0, 7), "no width"),
        (png(7, 7)[:40], "cut short"),
        (png(7, 7)[:-1], "cut short"),
        (png(7, 7)[:-12], "cut short"),
        (png(7, 7)[:33] + b"no chunk, but some words of somebody", "cut short"),
        (png(7, 7)[:33] + b"\0" * 100, "checksum"),
        (png(7, 7)[:33] + b"\0\0\0\0IEND\xae\x42\x60\x82", "no picture data"),
        (png(7, 7)[:33] + b"\0\0\0\0tEXt\x96\x42\xc5\x85" * 20_000, "chunks"),
        (png(7, 7).replace(b"IDAT", b"IDAt"), "checksum"),
        (b"\xff\xd8\xff", "cut short"),
        (b"\xff\xd8\xff\xda" + b"\0" * 40, "no frame"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08\0\x07\0\x07\1\1\x11\0\xff\xd9", "no picture data"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08\0\x07\0\x07\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0", "no picture data"),
        (b"\xff\xd8" + b"\xff" * 5000, "not found"),
        (b"\xff\xd8" + b"\xff\xe0\0\x02" * 100_000, "not found"),
    ],
)
def test_what_is_no_image_of_ours_is_named(data: bytes, words: str) -> None:
    """The message tells the sender what arrived or what is broken, and which formats would do."""
    with pytest.raises(ValueError, match=words):
        measure(data)


def test_a_png_is_whole_or_refused() -> None:
    """No beginning of a real one is taken; what some programs leave behind its end does no harm."""
    whole = picture("PNG", (300, 200))
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"PNG|image is"):
            measure(whole[:length])
    assert measure(whole + b"a program's notes") == Measured("image/png", 300, 200)


def test_a_large_png_is_measured() -> None:
    """As large as an image may be, in the pieces that an encoder makes of it."""
    out = io.BytesIO()
    Image.frombytes("L", (4_500, 4_500), bytes(4_500 * 4_500)).save(out, "PNG", compress_level=0)
    assert measure(out.getvalue()) == Measured("image/png", 4_500, 4_500)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})])
def test_a_header_cut_short_is_refused(kind: str, options: dict[str, object]) -> None:
    """No prefix of a header is read as some other size."""
    whole = picture(kind, (300, 200), **options)
    for length in range(min(len(whole), 600)):
        try:
            measured = measure(whole[:length])
        except ValueError:
            continue
        assert (measured.width, measured.height) == (300, 200)


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"RIFF\x20\0\0\0WEBPVP8 "]),
    st.binary(max_size=200),
)
def test_random_bytes_never_crash(magic: bytes, data: bytes) -> None:
    """Either a measure with real sides or a ValueError, nothing else."""
    try:
        measured = measure(magic + data)
    except ValueError as error:
        assert str(error)
    else:
        assert measured.width > 0 and measured.height > 0


@given(st.data())
def test_a_damaged_image_never_crashes(data: st.DataObject) -> None:
    """Real files with bytes changed at the front, where everything that is read stands."""
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))
    whole = bytearray(picture(kind, (64, 48)))
    for at, value in data.draw(
        st.dictionaries(st.integers(0, len(whole) - 1), st.integers(0, 255), max_size=8)
    ).items():
        whole[at] = value
    try:
        measured = measure(bytes(whole))
    except ValueError:
        return
    assert measured.media_type in ("image/jpeg", "image/png", "image/webp")
