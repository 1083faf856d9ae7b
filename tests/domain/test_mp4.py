"""A whole MP4 is described, a cut one is named, and no file, however hostile, crashes or holds up the check."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.mp4 import BOXES_MAX, INDEX_BYTES_MAX, Facts, WrongFile, check
from tests.support.clips import clip_bytes

LAYOUTS = [True, False]


class Reader:
    """A file in memory that counts what is asked of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.calls = 0
        self.bytes = 0

    def __call__(self, offset: int, length: int) -> bytes:
        assert offset >= 0 and length >= 0
        piece = self.data[offset : offset + length]
        self.calls += 1
        self.bytes += len(piece)
        return piece


def look(data: bytes) -> Facts | WrongFile:
    """Check bytes, and hold the check to its bounds."""
    reader = Reader(data)
    verdict = check(reader, len(data))
    assert reader.calls <= BOXES_MAX + 1 and reader.bytes <= 16 * BOXES_MAX + INDEX_BYTES_MAX
    return verdict


def reason(data: bytes) -> str:
    verdict = look(data)
    assert isinstance(verdict, WrongFile)
    return verdict.reason


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def index(*tracks: bytes) -> bytes:
    """A movie of one second around some tracks."""
    return box(b"moov", box(b"mvhd", bytes(12) + struct.pack(">II", 1000, 1000) + bytes(80)) + b"".join(tracks))


def track(
    *,
    handler: bytes = b"vide",
    offsets: bytes = struct.pack(">II", 1, 40),
    runs: bytes = struct.pack(">IIII", 1, 1, 1, 1),
    sizes: bytes = struct.pack(">III", 0, 1, 4),
    wide: bool = False,
) -> bytes:
    """A track whose tables can be anything."""
    tables = box(b"co64" if wide else b"stco", bytes(4) + offsets)
    tables += box(b"stsc", bytes(4) + runs) + box(b"stsz", bytes(4) + sizes)
    head = box(b"tkhd", bytes(76) + struct.pack(">II", 64 << 16, 48 << 16))
    media = box(b"hdlr", bytes(8) + handler + bytes(12)) + box(b"minf", box(b"stbl", tables))
    return box(b"trak", head + box(b"mdia", media))


HEAD = box(b"ftyp", b"isom\0\0\0\0isom")
MEDIA = box(b"mdat", bytes(16))


def film(*tracks: bytes) -> bytes:
    return HEAD + MEDIA + index(*tracks)


@pytest.mark.parametrize("faststart", LAYOUTS)
@pytest.mark.parametrize("audio", [True, False])
def test_a_whole_clip_is_described(faststart: bool, audio: bool) -> None:
    """Length, sides and sound come out of a real file, wherever its index stands."""
    verdict = look(clip_bytes(160, 96, 2, 12, faststart=faststart, audio=audio))
    assert verdict == Facts(seconds=2.0, width=160, height=96, sound=audio)


@pytest.mark.parametrize("faststart", LAYOUTS)
def test_every_truncation_is_named(faststart: bool) -> None:
    """A file that lost any number of its last bytes is wrong, also where players would show it."""
    whole = clip_bytes(64, 64, 1, 6, faststart=faststart)
    for length in range(len(whole)):
        assert isinstance(look(whole[:length]), WrongFile), length


def test_bytes_behind_the_end_are_wrong_too() -> None:
    """The parts must add up exactly: half of another answer glued on is noticed."""
    assert reason(clip_bytes() + b"\0\0\1")
    assert reason(clip_bytes() + clip_bytes()[: len(clip_bytes()) // 2])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>502", "no MP4"),
        (b'{"error": {"message": "expired"}}', "no MP4"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "no MP4"),
        (bytes(64), "no MP4"),
        (HEAD, "no index"),
        (HEAD + MEDIA, "no index"),
        (HEAD + index(track()), "no media"),
        (film(), "no pictures"),
        (film(track(handler=b"soun")), "no pictures"),
        (HEAD + struct.pack(">I4s", 4, b"mdat") + bytes(16), "impossible length"),
        (HEAD + struct.pack(">I4sQ", 1, b"mdat", 3) + bytes(16), "impossible length"),
        (HEAD + struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1) + bytes(16), "cut short"),
        (HEAD + struct.pack(">I4s", 1, b"mdat"), "cut short"),
        (HEAD + MEDIA + box(b"moov", struct.pack(">I4s", 99, b"trak")), "larger than what holds it"),
        (HEAD + MEDIA + box(b"moov", track()), "table in it is cut short"),
        (HEAD + box(b"free") * (BOXES_MAX + 1), "parts"),
        (HEAD + MEDIA + box(b"moov", box(b"free") * (BOXES_MAX + 1)), "too many parts"),
        (HEAD + MEDIA + box(b"moov", bytes(INDEX_BYTES_MAX + 1)), "absurd size"),
        (film(*[track()] * 33), "tracks"),
        (film(track(offsets=struct.pack(">II", 2**32 - 1, 40))), "more than it holds"),
        (film(track(offsets=struct.pack(">II", 2, 40))), "more than it holds"),
        (film(track(offsets=struct.pack(">II", 1, 2**32 - 1))), "cut short: its index needs"),
        (film(track(offsets=struct.pack(">IQ", 1, 2**64 - 1), wide=True)), "cut short: its index needs"),
        (film(track(runs=struct.pack(">I", 0))), "chunks do not add up"),
        (film(track(runs=struct.pack(">IIII", 1, 2, 1, 1))), "chunks do not add up"),
        (film(track(runs=struct.pack(">IIII", 2**32 - 1, 1, 1, 1))), "more than it holds"),
        (film(track(sizes=struct.pack(">II", 0, 0))), "samples do not add up"),
        (film(track(sizes=struct.pack(">II", 0, 2**32 - 1))), "more than it holds"),
        (film(track(sizes=struct.pack(">III", 0, 1, 2**32 - 1))), "cut short: its index needs"),
        (film(track(sizes=struct.pack(">II", 2**32 - 1, 9))), "cut short: its index needs"),
        (film(box(b"trak")), "no pictures"),
        (film(box(b"trak", box(b"trak", box(b"trak", bytes(8))))), "no pictures"),
    ],
)
def test_a_wrong_file_is_named(data: bytes, words: str) -> None:
    """Each way of being wrong has its own words, which hold nothing of the file's text; a page is none of a clip."""
    wrong = look(data)
    assert isinstance(wrong, WrongFile) and words in wrong.reason
    assert wrong.other is (words in ("empty", "no MP4"))


@pytest.mark.parametrize(
    "data",
    [
        film(track()),
        film(track(offsets=struct.pack(">IQ", 1, 40), wide=True)),
        film(track(sizes=struct.pack(">II", 4, 1))),
        film(track(runs=struct.pack(">IIII", 1, 1, 9, 1))),  # the last chunk counted full
        HEAD + index(track()) + struct.pack(">I4s", 0, b"mdat") + bytes(400),  # "up to the end"
        HEAD + struct.pack(">I4sQ", 1, b"mdat", 32) + bytes(16) + index(track()),
    ],
)
def test_the_format_is_taken_in_all_its_spellings(data: bytes) -> None:
    """Wide lengths, equal samples, open-ended media: a valid file is never refused."""
    assert look(data) == Facts(seconds=1.0, width=64, height=48, sound=False)


def test_a_fragmented_file_leaves_its_length_open() -> None:
    """An index without samples says no length; decoding will."""
    empty = track(offsets=bytes(4), runs=bytes(4), sizes=bytes(8))
    movie = box(b"moov", box(b"mvhd", bytes(100)) + empty)
    assert look(HEAD + movie + box(b"moof") + MEDIA) == Facts(seconds=None, width=64, height=48, sound=False)


@pytest.mark.parametrize("faststart", LAYOUTS)
@given(data=st.data())
@settings(max_examples=300)
def test_a_mutated_clip_never_crashes_the_check(faststart: bool, data: st.DataObject) -> None:
    """Bytes changed anywhere, most of them in the index, and perhaps a cut: a verdict in bounded reads, always."""
    mutant = bytearray(clip_bytes(64, 64, 1, 6, faststart=faststart))
    at = mutant.index(b"moov")
    places = st.one_of(st.integers(0, len(mutant) - 1), st.integers(at, min(at + 1500, len(mutant) - 1)))
    for place, value in data.draw(st.dictionaries(places, st.sampled_from([0, 1, 127, 128, 255]), max_size=12)).items():
        mutant[place] = value
    look(bytes(mutant[: data.draw(st.integers(0, len(mutant)))]) if data.draw(st.booleans()) else bytes(mutant))


@given(
    st.lists(st.tuples(st.sampled_from([b"moov", b"trak", b"mdia", b"stbl", b"mdat", b"free"]), st.binary(max_size=40)))
)
def test_random_boxes_never_crash_the_check(parts: list[tuple[bytes, bytes]]) -> None:
    """Well-formed boxes with rubbish inside."""
    look(HEAD + b"".join(box(kind, payload) for kind, payload in parts))


def test_a_file_that_shrinks_while_it_is_read_is_wrong() -> None:
    """The index is read after the walk; what is gone by then is named."""
    whole = clip_bytes()

    def shrinking(offset: int, length: int) -> bytes:
        return whole[offset : offset + min(length, 100)]

    assert isinstance(check(shrinking, len(whole)), WrongFile)
