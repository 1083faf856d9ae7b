"""A call in bytes: equal calls are equal bytes, and nothing in a value can become something else on the wire."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream import bodies
from gateway.upstream.wire import OwnFileBroken
from providers.contract import Blob, Call, Form, JsonBody, Part
from tests.upstream.house import no_blobs

FILES = {"assets/1.mp4": b"clip" * 1000}


async def blobs(name: str) -> AsyncIterator[bytes]:
    data = FILES[name]
    for start in range(0, len(data), 700):
        yield data[start : start + 700]


def streamed(form: Form) -> bytes:
    async def collect() -> bytes:
        return b"".join([chunk async for chunk in bodies.FormStream(form, blobs)])

    return asyncio.run(collect())


def parsed(form: Form, data: bytes) -> list[tuple[str, str | None, str, bytes]]:
    """What the standard library's reader finds in it: name, filename, media type, content."""
    head = f"Content-Type: multipart/form-data; boundary={bodies.boundary(form)}\r\n\r\n".encode()
    message = email.message_from_bytes(head + data, policy=email.policy.HTTP)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_content_type(),
            cast(bytes, part.get_payload(decode=True)),
        )
        for part in cast(Any, message).iter_parts()
    ]


FORM = Form(
    fields=(("model", "sora-2"), ("prompt", 'ein Reiher\r\nbei "Nacht" \N{PERFORMING ARTS}')),
    files=(
        Part("input_reference", 'a"b\r\nX: y.png', "image/png", b"\x89PNG\r\n\x00"),
        Part("video", "clip.mp4", "video/mp4", Blob("assets/1.mp4", "video/mp4", 4000)),
    ),
)


def test_a_form_is_read_as_it_was_written() -> None:
    """Names, text and files, quotes and line ends included; a file's name cannot add a header."""
    found = parsed(FORM, streamed(FORM))
    assert [(name, filename) for name, filename, _, _ in found] == [
        ("model", None),
        ("prompt", None),
        ("input_reference", "a%22b%0D%0AX: y.png"),
        ("video", "clip.mp4"),
    ]
    assert found[1][3].decode() == 'ein Reiher\r\nbei "Nacht" \N{PERFORMING ARTS}'
    assert found[2][2:] == ("image/png", b"\x89PNG\r\n\x00")
    assert found[3][3] == FILES["assets/1.mp4"]


def test_equal_forms_are_equal_bytes() -> None:
    """A vendor that binds a key to the whole request sees the same request again."""
    again = Form(fields=tuple(FORM.fields), files=tuple(FORM.files))
    assert streamed(FORM) == streamed(again)
    assert bodies.frozen(Call(method="POST", path="/", body=FORM)) == bodies.frozen(
        Call(method="POST", path="/", body=again)
    )


@pytest.mark.parametrize(
    "other",
    [
        Form(fields=(("model", "sora-2"),)),
        Form(fields=(("mode", "lsora-2"),)),
        Form(fields=(("model", "sora-2"), ("", ""))),
        Form(files=(Part("model", "sora-2", "", b""),)),
        Form(files=(Part("model", "sora-2", "", Blob("", "", 0)),)),
    ],
)
def test_other_forms_have_other_boundaries(other: Form) -> None:
    """However their pieces run together."""
    assert bodies.boundary(other) != bodies.boundary(Form(fields=(("model", "sora"), ("-", "2"))))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4), st.lists(st.binary(max_size=200), max_size=3))
def test_the_length_is_announced_exactly(fields: list[tuple[str, str]], files: list[bytes]) -> None:
    """Whatever the text: Content-Length is the number of bytes that follow."""
    form = Form(
        fields=tuple(
            (name.encode(errors="replace").decode(), value.encode(errors="replace").decode()) for name, value in fields
        ),
        files=tuple(Part("f", "n", "a/b", data) for data in files),
    )
    assert bodies.FormStream(form, blobs).size_bytes == len(streamed(form))


@pytest.mark.parametrize("size", [3999, 4001])
def test_a_file_of_another_length_breaks_the_request_off(size: int) -> None:
    """Never a body that is shorter than announced and hangs, nor one that runs on."""
    form = Form(files=(Part("v", "v", "video/mp4", Blob("assets/1.mp4", "video/mp4", size)),))
    with pytest.raises(OwnFileBroken, match="not as long"):
        streamed(form)


def test_json_is_frozen_to_bytes_before_it_is_signed() -> None:
    """A signature over the body is a signature over what is sent."""
    call = bodies.frozen(
        Call(method="POST", path="/", headers={"Content-Type": "text/x"}, body=JsonBody({"b": 1, "a": "ü"}))
    )
    assert call.body == '{"b":1,"a":"ü"}'.encode()
    assert call.headers == {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        ("/v1/videos", (), "http://vendor.test/base/v1/videos"),
        ("/v1/a%2Fb", (("q", "a b&c=/?"),), "http://vendor.test/base/v1/a%2Fb?q=a%20b%26c%3D%2F%3F"),
        ("/v1?x=1", (("y", "2"),), "http://vendor.test/base/v1?x=1&y=2"),
        ("https://cdn.test/clip?sig=a%2Bb", (), "https://cdn.test/clip?sig=a%2Bb"),
        ("//evil.test/x", (), "http://vendor.test/base//evil.test/x"),
    ],
)
def test_an_address_is_the_base_and_the_path(path: str, query: tuple[tuple[str, str], ...], url: str) -> None:
    """A path never changes the host; an absolute address stands as it is."""
    assert str(bodies.address(Call(method="GET", path=path, query=query), "http://vendor.test/base/")) == url


@given(
    st.sampled_from(
        ["http://vendor.test", "https://u.test:8443/v1/", "http://127.0.0.1:80/a%20b/", "http://[::1]:9/x/"]
    ),
    st.lists(st.one_of(st.sampled_from(["..", ".", "", "..."]), st.text("aZ09._~!$&'()*+,;=:@-%?# \"<ü", max_size=6))),
)
def test_a_path_below_the_base_is_read_as_httpx_reads_it(base_url: str, steps: list[str]) -> None:
    """The short cut for plain paths makes the same address, part by part, and leaves all others to httpx."""
    path = "/" + "/".join(steps)
    ours = bodies.address(Call(method="GET", path=path), base_url)
    theirs = httpx.URL(base_url.rstrip("/") + path)
    assert (ours, str(ours), ours.raw_path, ours.netloc) == (theirs, str(theirs), theirs.raw_path, theirs.netloc)


@pytest.mark.parametrize(
    "path",
    [
        "ftp://x/",
        "http:///x",
        "http://user:pass@x/",
        "javascript:1",
        "",
        "x",
        "http://x\n/",
        "/a\r\nb",
        "http://x:99999/",
    ],
)
def test_what_is_no_address_is_refused(path: str) -> None:
    """ValueError, which the driver counts as the adapter's bug."""
    with pytest.raises(ValueError, match="address of a call"):
        bodies.address(Call(method="GET", path=path), "http://vendor.test")


@pytest.mark.parametrize(
    "headers",
    [{"x": "a\r\nb: c"}, {"x\n": "1"}, {"x": "\x00"}, {"x": "ü"}, {"Host": "evil"}, {"Expect": "100-continue"},
     {"Content-Length": "0"}, {"transfer-encoding": "chunked"}],
)  # fmt: skip
def test_a_header_cannot_break_out(headers: dict[str, str]) -> None:
    """Nor lie about the body."""
    call = Call(method="GET", path="/", headers=headers)
    with pytest.raises(ValueError, match="cannot be sent"):
        bodies.request(call, httpx.URL("http://vendor.test/"), no_blobs)
