"""Random bytes: every one is the kernel's and given once, and a secret's are fetched when it is made."""

from __future__ import annotations

import hashlib
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from gateway.entropy import FETCHED_BYTES, NAME_BYTES_MAX, Entropy


class Source:
    """Another block of bytes at each call."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self._number = count()

    def __call__(self, size: int) -> bytes:
        self.asked.append(size)
        return hashlib.shake_256(str(next(self._number)).encode()).digest(size)


@given(st.lists(st.integers(1, NAME_BYTES_MAX), max_size=900))
def test_no_byte_is_given_twice(sizes: list[int]) -> None:
    """What is given stands in the fetched blocks, one behind the other; only the rest of a block is left out."""
    entropy, blocks, at = Entropy(Source()), Source(), FETCHED_BYTES
    for size in sizes:
        if at + size > FETCHED_BYTES:
            block, at = blocks(FETCHED_BYTES), 0
        assert entropy(size) == block[at : at + size]
        at += size


def test_a_secret_is_fetched_when_it_is_made() -> None:
    """It was nowhere before."""
    source = Source()
    entropy = Entropy(source)
    entropy(12)
    assert len(entropy(NAME_BYTES_MAX + 1)) == NAME_BYTES_MAX + 1
    assert source.asked == [FETCHED_BYTES, NAME_BYTES_MAX + 1]


def test_names_differ() -> None:
    """With the kernel's own source."""
    entropy = Entropy()
    assert len({entropy(12) for _ in range(5_000)}) == 5_000
