"""Reading a client's `traceparent`, and ids of spans that two processes reckon alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.traces import Place, below, of_attempt, of_video, read_traceparent, root_of, written
from tests.store.samples import video

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
    ],
)
def test_a_traceparent_is_read_as_the_standard_says(header: str, sampled: bool) -> None:
    found = read_traceparent(header)
    assert found is not None
    assert (found.place, found.sampled) == (Place(TRACE, SPAN), sampled)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f" 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-" + "x" * 600,
    ],
)
def test_what_cannot_be_read_is_as_if_it_were_not_there(header: str | None) -> None:
    assert read_traceparent(header) is None


@given(st.text(max_size=100))
def test_no_text_breaks_it(header: str) -> None:
    found = read_traceparent(header)
    assert found is None or re.fullmatch(r"[0-9a-f]{32}", found.place.trace)


@given(st.text(HEX, min_size=32, max_size=32), st.text(HEX, min_size=16, max_size=16))
def test_what_is_written_is_read(trace: str, span: str) -> None:
    if int(trace, 16) and int(span, 16):
        found = read_traceparent(written(Place(trace, span)))
        assert found is not None and found.place == Place(trace, span) and found.sampled


def test_a_video_and_its_attempts_have_one_span_each_wherever_it_is_reckoned() -> None:
    """All in its trace, none alike, and none for a video that is not traced."""
    traced = video(trace=written(Place(TRACE, SPAN)))
    places = [root_of(traced), of_video(traced), of_attempt(traced, 1), of_attempt(traced, 2)]
    assert all(one is not None and one.trace == TRACE for one in places)
    assert len({one.span for one in places if one is not None}) == 4
    assert of_attempt(traced, 2) == below(Place(TRACE, "1" * 16), f"{traced.id}.2")
    assert (root_of(video()), of_video(video()), of_attempt(video(), 1)) == (None, None, None)
