"""JSON bodies: whatever arrives becomes an object or a 400, and a large one never becomes larger."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.api.bodies import SMALL_BYTES_MAX, parse_json, parse_large_json
from gateway.domain.errors import BadInput, ClientError
from gateway.domain.references import FIRST_FRAME
from gateway.domain.requests import FIELDS, ask
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
        "last_frame": {"image_url": LONG},
        "metadata": {"a": "b"},
    }
    assert parse_large_json(json.dumps(body).encode(), KNOWN) == body
    small = {"prompt": "p", "input_reference": {"image_url": "https://example.com"}}
    assert parse_large_json(json.dumps(small).encode(), KNOWN) == small


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prompt": "p" * 2 * SMALL_BYTES_MAX}, "request_too_large"),
        ({"input_reference": {"picture": LONG}}, "unknown_parameter"),
        ({"last_frame": {"picture": LONG}}, "unknown_parameter"),
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
        assert caught.value.param in ("input_reference.picture", "last_frame.picture", "pictures", "x`y")


@pytest.mark.parametrize(
    ("inner", "filled"),
    [(False, LONG), (False, [0] * SMALL_BYTES_MAX), (True, [0] * SMALL_BYTES_MAX), (True, {"a": LONG})],
    ids=["text", "list", "list within", "object within"],
)
def test_a_large_image_of_a_wrong_type_is_refused_as_a_small_one(inner: bool, filled: Any) -> None:
    """The same words and the same field, whatever the size."""
    empty = type(filled)()
    told = []
    for value, parse in ((filled, lambda data: parse_large_json(data, KNOWN)), (empty, parse_json)):
        body = {"prompt": "p", FIRST_FRAME: {"image_url": value} if inner else value}
        with pytest.raises(BadInput) as caught:
            ask(Verb.CREATE, parse(json.dumps(body).encode()), {})
        told.append(caught.value.body())
    assert told[0] == told[1]
    assert caught.value.error_code == "invalid_type" and "instead" in caught.value.message


def test_a_data_url_in_place_of_the_reference_is_told_what_belongs_there() -> None:
    """The likeliest slip of all, also with a picture of several megabytes."""
    with pytest.raises(BadInput) as caught:
        ask(Verb.CREATE, parse_large_json(json.dumps({"prompt": "p", FIRST_FRAME: LONG}).encode(), KNOWN), {})
    error = caught.value
    assert error.message == "Invalid type for 'input_reference': expected an object, but got a string instead."
    assert (error.error_code, error.param) == ("invalid_type", "input_reference")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"{", "ends too early"),
        (b'{"a":1,}', "trailing comma in object near byte 7"),
        (b'{"a":1}\n{', "trailing characters near byte 9, in line 2"),
        (b'{"a":NaN}', "NaN and Infinity"),
        (b'{"a":-Infinity}', "NaN and Infinity"),
        (b'{"a":1e400}', "a number is too large"),
        (b'{"a":' + b"1" * 5_000 + b"}", "a number is too large"),
        (b'{"a":"\xff"}', "not UTF-8 near byte 6"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":"\\ud83dx and some more text"}', "surrogate"),
        (b'{"a":"\\udc00x"}', "surrogate"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "byte order mark"),
        (b"[" * 100_000, "too deeply"),
        (b'{"a":"secret\n"}', "invalid character near byte 12"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_wrong_with_a_text_and_where_is_told(data: bytes, words: str) -> None:
    """In words of ours and as a place; nothing of the text itself."""
    with pytest.raises(BadInput) as caught:
        parse_json(data)
    assert words in caught.value.message
    assert "secret" not in caught.value.message and len(caught.value.message) < 150


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"input_reference":{"image_url":"x"},"seed":1e400}', "a number is too large (in 'seed')"),
        (b'{"prompt":"\xff"}', "not UTF-8 (in 'prompt')"),
        (b'{"prompt":"p",}', "trailing comma in object near byte 14"),
        (b'{"input_reference":' + b"1" * 2 * SMALL_BYTES_MAX + b"}", "a number is too large (in 'input_reference')"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_large_body_is_told_in_which_field(data: bytes, words: str) -> None:
    """It is read piece by piece, so the piece is the place."""
    with pytest.raises(BadInput) as caught:
        parse_large_json(data, KNOWN)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "make",
    [
        lambda: b'{"prompt":[' + b"[]," * 5_000_000 + b"[]]}",
        lambda: b'{"input_reference":{"image_url":[' + b"{}," * 5_000_000 + b"{}]}}",
        lambda: b"{" + b",".join([b'"%07d":0' % n for n in range(1_000_000)]) + b"}",
    ],
    ids=["lists", "objects", "names"],
)
def test_a_body_of_many_small_things_takes_no_memory(make: Callable[[], bytes]) -> None:
    """Fifteen megabytes that would become a gigabyte are refused before anything is built from them."""
    data = make()
    tracemalloc.start()
    try:
        with pytest.raises(ClientError):
            ask(Verb.CREATE, parse_large_json(data, KNOWN), {})
        assert tracemalloc.get_traced_memory()[1] < len(data)
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[]":,aA1.-e\\u'), max_size=60).map(str.encode))
@example(b'{"a":"\\ud83d\\ude00"}')
def test_any_bytes_are_an_object_or_a_400(data: bytes) -> None:
    """No input leads to anything else."""
    for read in (parse_json, lambda data: parse_large_json(data, KNOWN)):
        try:
            assert isinstance(read(data), dict)
        except BadInput as error:
            assert error.message
