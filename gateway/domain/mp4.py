"""Is an MP4 whole? Answered from its boxes alone, without a library and without decoding.

A truncated MP4 looks healthy to players: with its index in front, half a file opens and reports its full length. Three
looks tell the truth for microseconds: the top-level boxes add up to the file, the chunk that lies furthest back ends
inside it, and there is a track with pictures. Whether they can be decoded is not decided here.

Pure: bytes come through `read(offset, length)`, which is asked for headers and for the index, both bounded. The file is
a stranger's: every count and length in it is believed only as far as bytes stand behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, TypeAlias

from msgspec import Struct

Read: TypeAlias = Callable[[int, int], bytes]

BOXES_MAX: Final = 4_096  # on one level; a clip has five, a fragmented hour some thousand
INDEX_BYTES_MAX: Final = 8 * 1024 * 1024  # an hour's index has three
TRACKS_MAX: Final = 32
ENTRIES_MAX: Final = 400_000  # of one table: two hours of sound

# An MP4 begins with one of these; anything else (a proxy's HTML page, JSON, WebM) is another kind of file.
_FIRST: Final = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_UNKNOWN: Final = frozenset({0, 2**32 - 1, 2**64 - 1})  # lengths that say "not known"


def begins_like_a_clip(head: bytes) -> bool:
    """Whether the first eight bytes of a file can be an MP4's: enough to refuse anything else before it is read."""
    return head[4:8] in _FIRST


class Facts(Struct, frozen=True, kw_only=True):
    """What the index of a whole file says. `seconds` is None where it names no length (fragmented files)."""

    seconds: float | None
    width: int
    height: int
    sound: bool


class WrongFile(Struct, frozen=True):
    """The file arrived and is not what it should be. `reason` goes on after "the clip …"."""

    reason: str
    other: bool = False  # it is no clip at all: a page in the place of one, or nothing


class _Wrong(Exception):
    other = False


class _Other(_Wrong):
    other = True


class _Box(Struct, frozen=True):
    kind: bytes
    start: int  # of the payload
    end: int


class _Track(Struct, frozen=True, kw_only=True):
    handler: bytes
    width: int
    height: int
    end: int  # where its last chunk ends in the file


def check(read: Read, size: int) -> Facts | WrongFile:
    """Facts about a whole file, or why it is none."""
    try:
        return _check(read, size)
    except _Wrong as wrong:
        return WrongFile(str(wrong), other=wrong.other)
    except struct.error:
        return WrongFile("has a damaged index: a table in it is cut short")


def _check(read: Read, size: int) -> Facts:
    index = _index(read, size)
    movie = memoryview(read(index.start, index.end - index.start))
    if len(movie) != index.end - index.start:
        raise _Wrong("is cut short: its index could not be read")
    boxes = list(_children(movie, 0, len(movie)))
    if sum(box.kind == b"trak" for box in boxes) > TRACKS_MAX:
        raise _Wrong(f"has more than {TRACKS_MAX} tracks")
    tracks = [_track(movie, box) for box in boxes if box.kind == b"trak"]
    behind = max((track.end for track in tracks), default=0)
    if behind > size:
        raise _Wrong(f"is cut short: its index needs {behind} bytes, the file has {size}")
    pictures = [track for track in tracks if track.handler == b"vide"]
    if not pictures:
        raise _Wrong("has no pictures")
    return Facts(
        seconds=_seconds(movie, boxes),
        width=pictures[0].width,
        height=pictures[0].height,
        sound=any(track.handler == b"soun" for track in tracks),
    )


def _index(read: Read, size: int) -> _Box:
    """Walk the top level, which must add up to the file, and find the index."""
    if size == 0:
        raise _Other("is empty")
    found: dict[bytes, _Box] = {}
    at = 0
    for _ in range(BOXES_MAX):
        if at == size:
            break
        box = _box(read(at, 16), at, size)
        if at == 0 and box.kind not in _FIRST:
            raise _Other("is no MP4")
        if box.end > size:
            raise _Wrong(f"is cut short: the part {_name(box.kind)} ends at {box.end}, the file at {size}")
        found.setdefault(box.kind, box)
        at = box.end
    else:
        raise _Wrong(f"has more than {BOXES_MAX} parts")
    if b"moov" not in found:
        raise _Wrong("has no index: it is cut short or not finished")
    if not (b"mdat" in found or b"moof" in found):
        raise _Wrong("has an index and no media: it is cut short")
    if found[b"moov"].end - found[b"moov"].start > INDEX_BYTES_MAX:
        raise _Wrong("has an index of absurd size")
    return found[b"moov"]


def _box(header: bytes, at: int, end: int) -> _Box:
    """Read a box's header. A length of 0 means "up to the end", 1 means that 64 bits follow."""
    if len(header) < 8:
        raise _Wrong("is cut short in the header of a part")
    length, kind = struct.unpack_from(">I4s", header)
    start = at + 8
    if length == 1:
        (length,) = struct.unpack_from(">Q", header, 8)
        start = at + 16
    elif length == 0:
        length = end - at
    if at + length < start:
        raise _Wrong(f"is damaged: the part {_name(kind)} has an impossible length")
    return _Box(kind, start, at + length)


def _children(data: memoryview, start: int, end: int) -> Iterator[_Box]:
    """The boxes directly inside a payload. Each takes eight bytes or more, so this ends."""
    at = start
    for _ in range(BOXES_MAX):
        if end - at < 8:
            return
        box = _box(bytes(data[at : min(at + 16, end)]), at, end)
        if box.end > end:
            raise _Wrong(f"has a damaged index: {_name(box.kind)} is larger than what holds it")
        yield box
        at = box.end
    raise _Wrong("has a damaged index: too many parts")


def _inside(data: memoryview, box: _Box | None, *path: bytes) -> _Box | None:
    """The first box at a path of names, None if there is none. As deep as the path, never deeper."""
    for name in path:
        if box is None:
            return None
        box = next((child for child in _children(data, box.start, box.end) if child.kind == name), None)
    return box


def _payload(data: memoryview, box: _Box | None) -> memoryview:
    return data[box.start : box.end] if box is not None else data[:0]


def _seconds(movie: memoryview, boxes: list[_Box]) -> float | None:
    header = _payload(movie, next((box for box in boxes if box.kind == b"mvhd"), None))
    layout, at = (">IQ", 20) if bytes(header[:1]) == b"\1" else (">II", 12)
    scale, length = struct.unpack_from(layout, header, at)
    return None if scale == 0 or length in _UNKNOWN else length / scale


def _track(movie: memoryview, track: _Box) -> _Track:
    media = _inside(movie, track, b"mdia")
    handler = bytes(_payload(movie, _inside(movie, media, b"hdlr"))[8:12])
    table = _inside(movie, media, b"minf", b"stbl")
    width, height = _sides(movie, track, table) if handler == b"vide" else (0, 0)
    return _Track(handler=handler, width=width, height=height, end=_media_end(movie, table))


def _sides(movie: memoryview, track: _Box, table: _Box | None) -> tuple[int, int]:
    """Width and height of the coded picture, else of the track's header (16.16 fixed point, its last eight bytes)."""
    described = _payload(movie, _inside(movie, table, b"stsd"))
    if len(described) >= 44:  # a list's head of 8, an entry's head of 8, and 24 before the sides
        width, height = struct.unpack_from(">HH", described, 40)
        if width and height:
            return width, height
    width, height = struct.unpack(">II", _payload(movie, _inside(movie, track, b"tkhd"))[-8:])
    return width >> 16, height >> 16


# --- where the media ends: chunks begin at `stco`, hold so many samples by `stsc`, each as large as `stsz` says ----


def _media_end(movie: memoryview, table: _Box | None) -> int:
    """Where the chunk that begins last ends. 0 for a track without chunks (fragmented files)."""
    offsets = _offsets(movie, table)
    if not offsets:
        return 0
    start = max(offsets)
    first, count = _samples_of(movie, table, offsets.index(start), len(offsets))
    return start + _bytes_of(movie, table, first, count)


def _offsets(movie: memoryview, table: _Box | None) -> tuple[int, ...]:
    for kind, code, width in ((b"stco", "I", 4), (b"co64", "Q", 8)):
        if (box := _inside(movie, table, kind)) is not None:
            data = _payload(movie, box)
            return struct.unpack_from(f">{_count(data, 4, width)}{code}", data, 8)
    return ()


def _samples_of(movie: memoryview, table: _Box | None, chunk: int, chunks: int) -> tuple[int, int]:
    """The number of the chunk's first sample, and how many it has. Runs: (first chunk from 1, samples a chunk, _)."""
    data = _payload(movie, _inside(movie, table, b"stsc"))
    runs = list(struct.iter_unpack(">III", data[8 : 8 + 12 * _count(data, 4, 12)]))
    starts = [run[0] - 1 for run in runs] + [chunks]
    if not runs or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
        raise _Wrong("has a damaged index: its chunks do not add up")
    sample = 0
    # The sentinel behind the last run is the number of chunks, so every chunk lies in a run.
    for (_, count, _), (start, end) in zip(runs, pairwise(starts), strict=True):
        if chunk < end:
            return sample + count * (chunk - start), count
        sample += count * (end - start)
    raise _Wrong("has a damaged index: its chunks do not add up")


def _bytes_of(movie: memoryview, table: _Box | None, first: int, count: int) -> int:
    data = _payload(movie, _inside(movie, table, b"stsz"))
    if not data:  # the compact table (stz2) is all but extinct; the chunk's beginning must do then
        return 1
    each, samples = struct.unpack_from(">II", data, 4)
    count = min(count, samples - first)  # some muxers count the last chunk full
    if count <= 0:
        raise _Wrong("has a damaged index: its samples do not add up")
    if each:
        return int(each) * count
    _count(data, 8, 4)
    return sum(struct.unpack_from(f">{count}I", data, 12 + 4 * first))


def _count(data: memoryview, at: int, width: int) -> int:
    """A table's number of entries, which must be there."""
    (count,) = struct.unpack_from(">I", data, at)
    if count > ENTRIES_MAX or count * width > len(data) - at - 4:
        raise _Wrong("has a damaged index: a table says more than it holds")
    return int(count)


def _name(kind: bytes) -> str:
    """A box's name for a message: printable, or its number."""
    text = kind.decode("ascii", "replace")
    return text if text.isascii() and text.isalnum() else f"0x{kind.hex()}"
