"""Ranges and conditions: every answer is one that RFC 9110 allows, and rubbish never gets more than the whole file."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.ranges import Another, Decision, NotModified, Part, Unsatisfiable, Whole, decide

ETAG = '"0123abcd"'
MODIFIED = 1_790_000_000
DATE = formatdate(MODIFIED, usegmt=True)


def answer(size: int = 1000, method: str = "GET", **headers: str) -> Decision:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return decide(named, size, ETAG, MODIFIED, method=method)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-0", Part(0, 1)),
        ("bytes=0-499", Part(0, 500)),
        ("bytes=500-", Part(500, 1000)),
        ("bytes=999-", Part(999, 1000)),
        ("bytes=0-99999999999999999999", Part(0, 1000)),
        ("bytes=-1", Part(999, 1000)),
        ("bytes=-5000", Part(0, 1000)),
        ("BYTES=0-1", Part(0, 2)),
        ("bytes= 0-1 ,", Part(0, 2)),
        ("bytes=1000-", Unsatisfiable()),
        ("bytes=1000-1001", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        ("bytes=5-4", Whole()),
        ("bytes=-", Whole()),
        ("bytes=", Whole()),
        ("bytes", Whole()),
        ("", Whole()),
        ("items=0-1", Whole()),
        ("bytes=a-b", Whole()),
        ("bytes=0x1-2", Whole()),
        ("bytes=+1-2", Whole()),
        ("bytes=1_0-20", Whole()),
        ("bytes=\u0661-\u0662", Whole()),
        ("bytes=0-1,4-5", Whole()),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)), Whole()),
        ("bytes=0-" + "9" * 10_000, Whole()),
    ],
)
def test_a_range_field_has_one_meaning(field: str, expected: Decision) -> None:
    """One range is served, several or senseless ones are ignored, one behind the end is refused."""
    assert answer(range=field) == expected


@pytest.mark.parametrize(
    ("field", "expected"), [("bytes=0-", Unsatisfiable()), ("bytes=-5", Whole()), ("bytes=0-0", Unsatisfiable())]
)
def test_an_empty_file_has_no_parts(field: str, expected: Decision) -> None:
    """No 206 without a byte in it."""
    assert answer(size=0, range=field) == expected


@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        (ETAG, True),
        (f" {ETAG} ", True),
        (f"W/{ETAG}", False),
        ('"other"', False),
        (DATE, True),
        (formatdate(MODIFIED + 1, usegmt=True), False),
        (formatdate(MODIFIED - 1, usegmt=True), False),
        ("rubbish", False),
        ("", False),
    ],
)
def test_if_range_guards_against_gluing_two_files(condition: str, counts: bool) -> None:
    """A part is sent only if the client's other parts are of the very same file; else everything."""
    assert answer(range="bytes=0-1", if_range=condition) == (Part(0, 2) if counts else Whole())
    assert answer(range="bytes=5000-", if_range=condition) == (Unsatisfiable() if counts else Whole())


@pytest.mark.parametrize(
    ("tags", "has_it"),
    [
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"x", {ETAG}', True),
        (f'"with,comma",W/{ETAG}', True),
        ("*", True),
        ('"x"', False),
        ("0123abcd", False),
        ("", False),
        ('"', False),
        (f'"{"x" * 5000}", {ETAG}', False),
    ],
)
def test_if_none_match_compares_weakly(tags: str, has_it: bool) -> None:
    """A client that names the current tag gets 304, before any range is looked at."""
    assert answer(if_none_match=tags) == (NotModified() if has_it else Whole())
    assert answer(if_none_match=tags, range="bytes=0-1") == (NotModified() if has_it else Part(0, 2))


@pytest.mark.parametrize(
    ("since", "has_it"),
    [
        (DATE, True),
        (formatdate(MODIFIED + 60, usegmt=True), True),
        (formatdate(MODIFIED - 1, usegmt=True), False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", False),
        ("yesterday", False),
        ("Sun, 99 Nov 9999999 08:49:37 GMT", False),
        ("x" * 5000, False),
    ],
)
def test_if_modified_since_counts_where_no_tag_is_named(since: str, has_it: bool) -> None:
    """The date is the weaker question: with If-None-Match beside it nobody reads it."""
    assert answer(if_modified_since=since) == (NotModified() if has_it else Whole())
    assert answer(if_modified_since=since, if_none_match='"x"') == Whole()


@pytest.mark.parametrize(
    ("tags", "means_ours"),
    [
        (ETAG, True),
        (f'"x", {ETAG}', True),
        (f' {ETAG} , W/"x"', True),
        (f'W/"x",{ETAG}', True),
        (" * ", True),
        (f"W/{ETAG}", False),
        ('"x"', False),
        ("0123abcd", False),
        ("", False),
        (f'"{"x" * 5000}", {ETAG}', False),
    ],
)
def test_if_match_compares_strongly_and_before_all_else(tags: str, means_ours: bool) -> None:
    """Who names another file gets nothing of this one, not even a part or word that it has it."""
    assert answer(if_match=tags) == (Whole() if means_ours else Another())
    assert answer(if_match=tags, range="bytes=0-1") == (Part(0, 2) if means_ours else Another())
    assert answer(if_match=tags, if_none_match=ETAG) == (NotModified() if means_ours else Another())
    assert answer(if_match=tags, method="HEAD") == (Whole() if means_ours else Another())


@pytest.mark.parametrize(
    ("since", "means_ours"),
    [(DATE, True), (formatdate(MODIFIED + 60, usegmt=True), True), (formatdate(MODIFIED - 1, usegmt=True), False)],
)
def test_if_unmodified_since_counts_where_no_tag_is_named(since: str, means_ours: bool) -> None:
    """With If-Match beside it nobody reads the date; a date that is none is left unread, too."""
    assert answer(if_unmodified_since=since, range="bytes=0-1") == (Part(0, 2) if means_ours else Another())
    assert answer(if_unmodified_since=since, if_match=ETAG) == Whole()
    assert answer(if_unmodified_since="yesterday") == Whole()


def test_without_a_date_of_ours_dates_prove_nothing() -> None:
    """A store without modification times answers by tag alone."""
    assert decide({"if-modified-since": DATE}, 10, ETAG) == Whole()
    assert decide({"if-unmodified-since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 10, ETAG) == Whole()
    assert decide({"range": "bytes=0-1", "if-range": DATE}, 10, ETAG) == Whole()


def test_head_knows_no_ranges_but_conditions() -> None:
    """A HEAD describes the whole file, or says that the client has it."""
    assert answer(method="HEAD", range="bytes=0-1") == Whole()
    assert answer(method="HEAD", range="bytes=5000-") == Whole()
    assert answer(method="HEAD", if_none_match=ETAG) == NotModified()


def test_content_range_speaks_inclusively() -> None:
    """The wire counts the last byte in, we do not."""
    assert Part(0, 500).content_range(1000) == "bytes 0-499/1000"
    assert Unsatisfiable().content_range(1000) == "bytes */1000"


FIELDS = ("range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since")


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60)), st.integers(0, 10**13))
def test_rubbish_never_crashes(headers: dict[str, str], size: int) -> None:
    """Whatever stands in the fields, there is a decision, and a part lies inside the file."""
    match decide(headers, size, ETAG, MODIFIED):
        case Part(start, end):
            assert 0 <= start < end <= size


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_part_is_what_slicing_says(size: int, first: int, last: int) -> None:
    """Small files, all ranges: a part holds exactly the bytes between first and last that exist."""
    data = bytes(range(size))
    wanted = data[first : last + 1]
    match decide({"range": f"bytes={first}-{last}"}, size, ETAG):
        case Part(start, end):
            assert data[start:end] == wanted
        case Unsatisfiable():
            assert first >= size
        case other:
            assert other == Whole() and last < first
