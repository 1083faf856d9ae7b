"""multipart/form-data: what SDKs send is understood however it is cut; all else is refused; nothing stays behind."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.forms import PARTS_MAX, Form, boundary_of
from gateway.assets.local import LocalAssets
from gateway.domain.errors import BadInput, ClientError
from gateway.domain.references import Upload
from providers.contract import Json

BOUNDARY = "b0undary"
CLIP = b"\0\0\0\x18ftypisom" + b"c" * 300_000


def part(name: str, value: bytes | str, *more: str, filename: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    head = "\r\n".join([f"Content-Disposition: {disposition}", *more, "", ""])
    return f"--{BOUNDARY}\r\n{head}".encode() + (value.encode() if isinstance(value, str) else value) + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def read(
    data: bytes, folder: Path, cuts: Sequence[int] = (), seen: list[bytes] | None = None
) -> tuple[dict[str, Json], dict[str, Upload]]:
    """Feed a body in the pieces that the cuts make. `seen` gets what stands in the clips' files."""
    assets = LocalAssets(folder)
    await assets.start()
    try:
        ends = sorted({cut % len(data) for cut in cuts} - {0} | {len(data)}) if data else []
        fields = {"prompt", "input_reference", "video", "characters"}
        async with Form(BOUNDARY, fields, {"input_reference", "video"}, assets, "req_1") as form:
            for start, end in zip([0, *ends], ends, strict=False):
                await form.feed(data[start:end])
            got = await form.finish()
            if seen is not None:
                seen += [Path(upload.path).read_bytes() for upload in got[1].values() if upload.path]
        return got
    finally:
        await assets.close()
        assert not [one for one in folder.rglob("*") if one.is_file()], "nothing stays behind"


async def test_what_sdks_send_is_understood(tmp_path: Path) -> None:
    """Text with and without a type, brackets, a picture in memory, a clip aside; names of files mean nothing."""
    data = body(
        part("prompt", "ein Boot 🚤\r\n--b0undar"),
        part("characters[][id]", "char_1", "Content-Type: text/plain; charset=UTF-8"),
        part("characters[][id]", "char_2", "Content-Type: text/plain"),
        part("input_reference", b"\x89PNG\r\n", "Content-Type: application/octet-stream", filename="../../x\\0.png"),
        part("video", CLIP, "Content-Type: video/mp4", filename="upload"),
    )
    files: list[bytes] = []
    fields, uploads = await read(data, tmp_path, cuts=[7, 100, 101, 5_000], seen=files)
    characters: Json = [{"id": "char_1"}, {"id": "char_2"}]
    assert fields == {"prompt": "ein Boot 🚤\r\n--b0undar", "characters": characters}
    assert uploads["input_reference"].data == b"\x89PNG\r\n"
    clip = uploads["video"]
    assert (clip.size_bytes, clip.sha256, clip.data) == (len(CLIP), hashlib.sha256(CLIP).hexdigest(), b"")
    assert files == [CLIP]


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=12), value=st.text(max_size=30), clip=st.binary(max_size=30))
def test_it_does_not_matter_how_the_bytes_arrive(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], value: str, clip: bytes
) -> None:
    """Cut anywhere, the same form comes out."""
    data = body(part("prompt", value), part("video", CLIP[:12] + clip, filename="c"), part("video[id]", "x"))
    fields, uploads = asyncio.run(read(data, tmp_path_factory.mktemp("cut"), cuts))
    whole: Json = {"id": "x"}
    assert fields == {"prompt": value, "video": whole}
    assert uploads["video"].size_bytes == 12 + len(clip)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_multipart"),
        (b"prompt=x", "invalid_multipart"),
        (part("prompt", "no end"), "invalid_multipart"),
        (body(part("prompt", "p"))[:-8], "invalid_multipart"),
        (b"--other\r\n" + part("prompt", "p"), "invalid_multipart"),
        (body(part("", "p")), "invalid_multipart"),
        (body(part("n" * 201, "p")), "invalid_multipart"),
        (body(part("prompt", "p", *(f"X-{n}: 1" for n in range(9)))), "invalid_multipart"),
        (body(part("prompt", "p", "X-Long: " + "x" * 5_000)), "invalid_multipart"),
        (body(part("prompt", "p", "Content-Length: 7")), "invalid_multipart"),
        (body(part("prompt", "p", "Content-Transfer-Encoding: base64")), "invalid_multipart"),
        (body(part("prompt", "p", "Content-Type: text/plain; charset=utf-16")), "invalid_multipart"),
        (body(*(part(f"f{n}", "") for n in range(PARTS_MAX + 1))), "invalid_multipart"),
        (body(*(part("prompt", "") for _ in range(10_000))), "invalid_multipart"),
        (f"--{BOUNDARY}\r\nContent-Disposition: attachment\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "invalid_multipart"),
        (f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "invalid_multipart"),
        (body(part("prompt", b"\xff\xfe")), "invalid_value"),
        (body(part("prompt", "1"), part("prompt", "2")), "invalid_value"),
        (body(part("seed", "1" * 70_000)), "invalid_value"),
        (body(part("prompt", "p" * 130_000)), "invalid_value"),
        (body(part("prompt", "p", filename="p.txt")), "invalid_type"),
        (body(part("mask", "m", filename="m.png")), "unknown_parameter"),
        (body(part("video", "text", filename="v.mp4")), "invalid_value"),
        (body(part("video", "no clip, but some bytes", filename="v.mp4")), "invalid_value"),
        (body(part("video", "", filename="v.mp4")), "invalid_value"),
        (body(part("video", CLIP, filename="1"), part("video", CLIP, filename="2")), "invalid_value"),
        (body(part("input_reference", b"x" * (20 * 1024 * 1024 + 1), filename="x.png")), "request_too_large"),
    ],
    ids=range(27),
)
async def test_everything_else_is_refused(data: bytes, code: str, tmp_path: Path) -> None:
    """Malformed, incomplete, beyond a bound, said twice, of the wrong kind."""
    with pytest.raises(ClientError) as caught:
        await read(data, tmp_path)
    assert (caught.value.status, caught.value.error_code) == (413 if code == "request_too_large" else 400, code)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (body(*(part(f"f{n}", "") for n in range(PARTS_MAX + 1))), "64 parts"),
        (body(part("prompt", "p", *(f"X-{n}: 1" for n in range(9)))), "8 headers"),
        (body(part("prompt", "p", "X-Long: " + "x" * 5_000)), "4096 bytes"),
        (f"--{BOUNDARY}\r\nX-Long: ".encode() + b"x" * 10_000, "4096 bytes"),
        (part("prompt", "no end"), "incomplete"),
        (body(part("input_reference", b"\x89PNG", "Content-Type: image/png")), "has no filename"),
        (body(part("video", CLIP, "Content-Type: video/mp4")), "such as clip.mp4"),
    ],
    ids=["parts", "headers", "header", "header without an end", "end", "image", "clip"],
)
async def test_what_is_wrong_with_a_form_is_named(data: bytes, words: str, tmp_path: Path) -> None:
    """A form that is well and too large is not called malformed, and a file without a name is no text."""
    with pytest.raises(BadInput, match=words) as caught:
        await read(data, tmp_path, cuts=[len(data) - 10])
    assert ("malformed" in caught.value.message) is (words == "incomplete")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("input_reference", "photo.png", ["@photo.png", "'input_reference[image_url]'"]),
        ("input_reference", "https://example.com/a.png", ["@photo.png", "'input_reference[image_url]'"]),
        ("input_reference", "", ["expected a file"]),
        ("video", "clip.mp4", ["@clip.mp4", "'video[id]'"]),
    ],
)
async def test_a_files_name_without_the_file_is_told_so(
    name: str, value: str, words: list[str], tmp_path: Path
) -> None:
    """What a forgotten `@` of curl makes of a file."""
    with pytest.raises(BadInput) as caught:
        await read(body(part("prompt", "p"), part(name, value)), tmp_path)
    assert (caught.value.error_code, caught.value.param) == ("invalid_type", name)
    assert all(word in caught.value.message for word in words), caught.value.message


@pytest.mark.parametrize(
    "options", ["", "boundary=", 'boundary=""', "boundary=" + "b" * 201, 'boundary="a\tb"', "bound=x"]
)
def test_a_form_without_a_usable_boundary_is_refused(options: str) -> None:
    """It could not be cut."""
    with pytest.raises(BadInput):
        boundary_of(options)


ORDERLY = body(
    part("prompt", "p"), part("video[id]", "v"), part("video", CLIP[:40], "Content-Type: video/mp4", filename="c")
)


@settings(max_examples=200)
@given(
    st.binary(max_size=80)
    | st.lists(
        st.sampled_from([b"--b0undary", b"--", b"\r\n", b"\n", b"\0", b'Content-Disposition: form-data; name="a"'])
        | st.sampled_from([b"; filename=", b'"', b"Content-Type: multipart/mixed; boundary=x", b"\r\n\r\n", b"prompt"]),
        max_size=14,
    ).map(b"".join)
    | st.tuples(st.integers(0, len(ORDERLY)), st.integers(0, 40), st.binary(max_size=6)).map(
        lambda torn: ORDERLY[: torn[0]] + torn[2] + ORDERLY[torn[0] + torn[1] :]
    ),
    st.lists(st.integers(0, 500), max_size=4),
)
def test_any_bytes_are_a_form_or_a_400(tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int]) -> None:
    """Rubbish, almost a form, or a form torn in one place: understood or refused."""
    try:
        asyncio.run(read(data, tmp_path_factory.mktemp("torn"), cuts))
    except ClientError as error:
        assert 400 <= error.status < 500
