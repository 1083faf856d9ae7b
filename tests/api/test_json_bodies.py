"""JSON bodies: whatever arrives becomes an object or a 400, and a large one never becomes larger."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.api.bodies import SMALL_BYTES_MAX, Memory, parse_json, parse_large_json
from gateway.domain.errors import BadInput, ClientError, Unavailable
from gateway.domain.requests import FIELDS
from providers.contract import Verb

KNOWN = FIELDS[Verb.CREATE]
LONG = "data:image/png;base64," + "A" * 2 * SMALL_BYTES_MAX

MALFORMED = [
    b"",
    b" ",
    b"{",
    b"nul",
    b'{"a":1}x',
    b'{"a":1,}',
    b"{'a':1}",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":1e400}',
    b'{"a":' + b"1" * 5_000 + b"}",
    b'{"a":"\xff"}',
    b'{"\xff":1}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\udc00x"}',
    b'{"\\ud800":1}',
    b'{"a":"\x00"}',
    b'{"a":"\n"}',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"[]",
    b'"text"',
    b"4",
    b"null",
]


@pytest.mark.parametrize("data", MALFORMED, ids=lambda data: repr(data[:20]))
@pytest.mark.parametrize("large", [False, True])
def test_what_is_no_object_is_a_400(data: bytes, large: bool) -> None:
    """Malformed, too deep, not UTF-8, half a surrogate pair, no number, no object."""
    with pytest.raises(BadInput) as caught:
        parse_large_json(data, {"a", "input_reference"}) if large else parse_json(data)
    assert caught.value.error_code == "invalid_json"


def test_of_equal_keys_the_last_one_counts() -> None:
    """In a small body and in a large one."""
    assert parse_json(b'{"a":1,"a":2}') == {"a": 2}
    assert parse_large_json(b'{"prompt":"1","prompt":"2"}', KNOWN) == {"prompt": "2"}


def test_a_large_body_is_read_as_a_small_one() -> None:
    """The way to the same fields is another, the fields are not."""
    body = {
        "prompt": "p",
        "seconds": 4,
        "input_reference": {"image_url": LONG, "file_id": None},
        "metadata": {"a": "b"},
    }
    assert parse_large_json(json.dumps(body).encode(), KNOWN) == body
    small = {"prompt": "p", "input_reference": {"image_url": "https://example.com"}}
    assert parse_large_json(json.dumps(small).encode(), KNOWN) == small


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prompt": "p" * 2 * SMALL_BYTES_MAX}, "request_too_large"),
        ({"input_reference": [0] * SMALL_BYTES_MAX}, "invalid_json"),
        ({"input_reference": LONG}, "invalid_json"),
        ({"input_reference": {"image_url": [0] * SMALL_BYTES_MAX}}, "request_too_large"),
        ({"input_reference": {"image_url": {"a": LONG}}}, "request_too_large"),
        ({"input_reference": {"picture": LONG}}, "unknown_parameter"),
        ({"pictures": LONG}, "unknown_parameter"),
        ({"x`y": LONG}, "unknown_parameter"),
    ],
)
def test_only_an_image_may_be_large(body: dict[str, object], code: str) -> None:
    """Everything else in a large body stays small, and unknown names are named."""
    with pytest.raises(ClientError) as caught:
        parse_large_json(json.dumps(body).encode(), KNOWN)
    assert caught.value.error_code == code
    if code == "unknown_parameter":
        assert caught.value.param in ("input_reference.picture", "pictures", "x`y")


@pytest.mark.parametrize(
    "data",
    [
        b'{"prompt":[' + b"[]," * 5_000_000 + b"[]]}",
        b'{"input_reference":{"image_url":[' + b"{}," * 5_000_000 + b"{}]}}",
        b"{" + b",".join(b'"%07d":0' % n for n in range(1_000_000)) + b"}",
    ],
    ids=["lists", "objects", "names"],
)
def test_a_body_of_many_small_things_takes_no_memory(data: bytes) -> None:
    """Fifteen megabytes that would become a gigabyte are refused before anything is built from them."""
    tracemalloc.start()
    try:
        with pytest.raises(ClientError):
            parse_large_json(data, KNOWN)
        assert tracemalloc.get_traced_memory()[1] < len(data)
    finally:
        tracemalloc.stop()


def test_bodies_share_a_fixed_memory() -> None:
    """What does not fit comes again later; what has ended makes room."""
    memory = Memory(100)
    with memory.share() as one, memory.share() as other:
        one(60)
        other(40)
        with pytest.raises(Unavailable) as caught:
            other(1)
        assert caught.value.retry_after_s
    assert memory.held == 0


@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[]":,aA1.-e\\u'), max_size=60).map(str.encode))
@example(b'{"a":"\\ud83d\\ude00"}')
def test_any_bytes_are_an_object_or_a_400(data: bytes) -> None:
    """No input leads to anything else."""
    for read in (parse_json, lambda data: parse_large_json(data, KNOWN)):
        try:
            assert isinstance(read(data), dict)
        except BadInput as error:
            assert error.message
