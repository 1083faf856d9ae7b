"""A reply is read up to its bound, packed or not."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.replies import TooLarge, Unpacker, readable
from providers.contract import Reply, Unreadable


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


WAYS = [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("GZIP ", gzip.compress), ("deflate", zlib.compress),
        ("deflate", bare), ("identity", bytes), ("", bytes)]  # fmt: skip


@pytest.mark.parametrize(("encoding", "pack"), WAYS)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_every_packing_is_undone(encoding: str, pack: object, step: int) -> None:
    """Whole or byte by byte."""
    data = b'{"id":"job_1"}' * 40
    packed = pack(data)  # type: ignore[operator]
    unpacker = Unpacker(encoding, 10_000)
    assert b"".join(unpacker.feed(packed[at : at + step]) for at in range(0, len(packed), step)) == data
    unpacker.end()


@pytest.mark.parametrize(("encoding", "pack"), WAYS)
def test_what_unpacks_to_more_is_refused(encoding: str, pack: object) -> None:
    """At the bound it passes, one more does not, and a bomb is never unpacked whole."""
    for size, passes in ((1000, True), (1001, False), (50_000_000, False)):
        unpacker = Unpacker(encoding, 1000)
        packed = pack(b"a" * size)  # type: ignore[operator]
        if passes:
            assert len(unpacker.feed(packed)) == size
        else:
            with pytest.raises(TooLarge):
                unpacker.feed(packed)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_rubbish_is_unreadable(data: bytes, encoding: str) -> None:
    """Any bytes are either unpacked or Unreadable."""
    unpacker = Unpacker(encoding, 10_000)
    try:
        unpacker.feed(data)
        unpacker.end()
    except Unreadable:
        pass


def test_a_packed_reply_that_breaks_off_is_unreadable() -> None:
    """Half a gzip file is no reply."""
    unpacker = Unpacker("gzip", 10_000)
    unpacker.feed(gzip.compress(b"x" * 100)[:-5])
    with pytest.raises(Unreadable, match="breaks off"):
        unpacker.end()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_nobody_asked_for_is_unreadable(encoding: str) -> None:
    """We ask for gzip and deflate."""
    with pytest.raises(Unreadable, match="nobody asked"):
        Unpacker(encoding, 10)


def test_thousands_of_tiny_members_are_refused() -> None:
    """They cost time without ever reaching the bound in bytes."""
    with pytest.raises(Unreadable, match="pieces"):
        Unpacker("gzip", 10_000).feed(gzip.compress(b"") * 1000)


@pytest.mark.parametrize(
    ("body", "own"),
    [(b"{}", True), (b"[]", True), (b' {"a":[1]} ', True), (b'"no"', False), (b"1", False), (b"null", False),
     (b"", False), (b"<html>", False), (b"{", False), (b"\xff", False), (b"[" * 100_000, False)],
)  # fmt: skip
def test_a_programs_answer_is_told_from_a_page(body: bytes, own: bool) -> None:
    """A JSON object or array, and nothing else."""
    assert readable(Reply(400, {}, body)) is own
