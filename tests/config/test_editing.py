"""Single values of a text are set and taken away; what else stands there stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.document import read_document
from gateway.config.editing import ConfigEdit, edited
from gateway.config.problems import ConfigError

SHIPPED = Path(__file__).parents[2] / "config.yaml"
TEXT = b"""\
# above
a: {b: 1,   c: "two"}   # beside
list:
  - one   # first
  - x: &x 5
    y: *x
"""


def test_a_value_that_stands_there_is_replaced_to_the_character() -> None:
    edits = [ConfigEdit(("a", "b"), 2), ConfigEdit(("list", 0), "${X}")]
    done = edited("f", TEXT, edits).decode()
    expected = TEXT.decode().replace("b: 1,", "b: 2,").replace("- one ", '- "${X}" ')
    assert done == expected


def test_what_is_new_and_what_goes_leaves_comments_and_order() -> None:
    edits = [
        ConfigEdit(("a", "c"), remove=True),
        ConfigEdit(("new", "deep"), {"k": [1, "v"]}),
        ConfigEdit(("list", 2), "last"),
    ]
    done = edited("f", TEXT, edits)
    assert all(word in done for word in (b"# above", b"# beside", b"# first", b"*x"))
    data = read_document("f", done, {}).data
    assert data == {"a": {"b": 1}, "list": ["one", {"x": 5, "y": 5}, "last"], "new": {"deep": {"k": [1, "v"]}}}
    assert list(data) == ["a", "list", "new"]


def test_the_shipped_file_keeps_every_comment_when_something_is_added() -> None:
    before = SHIPPED.read_bytes()
    after = edited("f", before, [ConfigEdit(("providers", "mock", "rpm"), 60)])
    comments = [line.partition("#")[2].split() for line in before.decode().splitlines() if "#" in line]
    assert [line.partition("#")[2].split() for line in after.decode().splitlines() if "#" in line] == comments


def test_what_an_alias_repeats_is_changed_at_one_place_only() -> None:
    data: Any = read_document("f", edited("f", TEXT, [ConfigEdit(("list", 1, "y"), 7)]), {}).data
    assert data["list"][1] == {"x": 5, "y": 7}


@pytest.mark.parametrize("path", [("a", 0), ("list", "x"), ("list", 9), ("list", -1), ("a", "b", "c"), ()])
def test_a_place_that_cannot_be_is_refused(path: Any) -> None:
    with pytest.raises(ConfigError):
        edited("f", TEXT, [ConfigEdit(path, "v")])
    with pytest.raises(ConfigError):
        edited("f", TEXT, [ConfigEdit(("absent",), remove=True)])


@settings(max_examples=40)
@given(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20).filter(lambda text: "$" not in text)
)
def test_what_was_set_is_read(value: object) -> None:
    done: Any = read_document("f", edited("f", TEXT, [ConfigEdit(("a", "c"), value)]), {}).data
    assert done["a"]["c"] == value
