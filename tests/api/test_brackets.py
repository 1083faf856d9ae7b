"""Bracketed names: what SDKs flatten is nested again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.brackets import put
from gateway.domain.errors import BadInput
from providers.contract import Json


def nested(*pairs: tuple[str, str]) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    for name, value in pairs:
        put(fields, name, value)
    return fields


def test_what_sdks_send_is_nested_again() -> None:
    """Scalars, objects, lists and lists of objects, in any order."""
    assert nested(("prompt", "p"), ("video[id]", "video_1")) == {"prompt": "p", "video": {"id": "video_1"}}
    assert nested(("a[]", "1"), ("b", "2"), ("a[]", "3")) == {"a": ["1", "3"], "b": "2"}
    two: Json = [{"id": "1"}, {"id": "2"}]
    assert nested(("characters[][id]", "1"), ("characters[][id]", "2")) == {"characters": two}
    assert nested(("a[][x]", "1"), ("a[][y]", "2"), ("a[][x]", "3")) == {"a": [{"x": "1", "y": "2"}, {"x": "3"}]}
    listed: Json = {"only": ["x", "y"], "strategy": "fastest"}
    assert nested(("r[only][]", "x"), ("r[strategy]", "fastest"), ("r[only][]", "y")) == {"r": listed}
    assert nested(("metadata[a]", "1"), ("metadata[b c]", "")) == {"metadata": {"a": "1", "b c": ""}}


@pytest.mark.parametrize(
    "names",
    [
        ("prompt", "prompt"),
        ("a[b]", "a[b]"),
        ("a", "a[b]"),
        ("a[b]", "a"),
        ("a[]", "a[b]"),
        ("a[b]", "a[b][]"),
        ("a[b]", "a[]"),
        ("a", "a[]"),
        ("[a]",),
        ("a[b",),
        ("a]b",),
        ("a[b]c",),
        ("a[b][c]",),
        ("a[][]",),
        ("a[][b][c]",),
        ("a[[b]]",),
    ],
)
def test_what_is_said_twice_or_cannot_be_read_is_refused(names: tuple[str, ...]) -> None:
    """Nobody could say which of two was meant."""
    with pytest.raises(BadInput):
        nested(*((name, "x") for name in names))


NAMES = st.text(st.sampled_from("ab[]"), min_size=1, max_size=8) | st.text(min_size=1, max_size=20)


@given(st.lists(st.tuples(NAMES, st.text(max_size=3)), max_size=12))
def test_any_names_are_nested_or_refused(pairs: list[tuple[str, str]]) -> None:
    """Nothing else can happen, and nothing gets lost."""
    try:
        fields = nested(*pairs)
    except BadInput:
        return
    assert sum(_leaves(value) for value in fields.values()) == len(pairs)


def _leaves(value: Json) -> int:
    if isinstance(value, dict):
        return sum(_leaves(inner) for inner in value.values())
    return sum(_leaves(inner) for inner in value) if isinstance(value, list) else 1
