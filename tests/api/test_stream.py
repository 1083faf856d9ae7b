"""How long the pieces of a file on its way are: short for whom takes them slowly, long for whom takes them fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given
from hypothesis import strategies as st

from gateway.api.stream import LOOK_EVERY, PIECE_BYTES_MAX, PIECE_BYTES_MIN, SHARED_BYTES, START_BYTES, Length, streams

CLIP_BYTES = 50_000_000


@contextmanager
def many(count: int) -> Iterator[None]:
    """So many files are on their way."""
    streams.open += count
    try:
        yield
    finally:
        streams.open -= count


def pieces(bytes_per_s: float) -> list[int]:
    """The pieces in which a client takes a clip at a constant rate."""
    now_s, left, sizes = 0.0, CLIP_BYTES, []
    length = Length(now_s)
    while left:
        sizes.append(length.next(left))
        left -= sizes[-1]
        now_s += sizes[-1] / bytes_per_s
        length.took(sizes[-1], now_s)
    return sizes


def test_a_slow_client_has_short_pieces_only() -> None:
    """All that the server queues for it stays small, whatever the clip's size."""
    assert max(pieces(100_000)) == START_BYTES


def test_a_fast_client_soon_has_long_pieces() -> None:
    """Most of a clip goes in the longest."""
    sizes = pieces(1e9)
    assert sizes[0] == START_BYTES
    assert sizes.count(PIECE_BYTES_MAX) * PIECE_BYTES_MAX > CLIP_BYTES * 0.9


def test_a_client_that_turns_slow_has_short_pieces_again() -> None:
    """The kernel takes the first megabytes for anybody."""
    length = Length(0.0)
    for _ in range(5 * LOOK_EVERY):
        length.took(length.next(CLIP_BYTES), 0.0)
    assert length.next(CLIP_BYTES) == PIECE_BYTES_MAX
    for _ in range(LOOK_EVERY):
        length.took(length.next(CLIP_BYTES), 60.0)
    assert length.next(CLIP_BYTES) == START_BYTES


@given(st.integers(1, 10_000), st.integers(1, 10**9))
def test_all_streams_share_their_bytes(count: int, left: int) -> None:
    """The more there are the shorter are their pieces, and none is longer than what is left."""
    length = Length(0.0)
    for _ in range(6 * LOOK_EVERY):
        length.took(length.next(CLIP_BYTES), 0.0)
    with many(count):
        size = length.next(left)
    assert 0 < size <= left
    assert size <= max(PIECE_BYTES_MIN, SHARED_BYTES // count)
