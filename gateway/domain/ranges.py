"""Which bytes of a file answer a GET: all, a part, none, or word that the client has them, or means another file
(RFC 9110 §13 and §14).

Pure: header fields and facts about the file in, a decision out. `headers` has its names in lower case. Positions are
half open, as Python's slices and the asset store's `read`. A field that makes no sense is ignored, as the RFC asks, so
the answer to rubbish is the whole file, but for an `If-Match` without a tag of ours: who sends one wants no other file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

from msgspec import Struct

# Two numbers of 19 digits are the largest that a file's length can make; a longer field is a toy or an attack.
RANGE_CHARS_MAX: Final = 128
TAGS_CHARS_MAX: Final = 4096
DATE_CHARS_MAX: Final = 64

_RANGE = re.compile(r"([0-9]*)-([0-9]*)", re.ASCII)
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class Whole(Struct, frozen=True):
    """200 with every byte."""


class Part(Struct, frozen=True):
    """206 with the bytes from `start` up to, not including, `end`. Never empty."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.end - 1}/{size}"


class Unsatisfiable(Struct, frozen=True):
    """416: the range begins behind the last byte."""

    def content_range(self, size: int) -> str:
        return f"bytes */{size}"


class NotModified(Struct, frozen=True):
    """304: the client's copy is the current one."""


class Another(Struct, frozen=True):
    """412: the file is not the one that the client means."""


Decision: TypeAlias = Whole | Part | Unsatisfiable | NotModified | Another


def decide(
    headers: Mapping[str, str], size: int, etag: str, last_modified: int | None = None, *, method: str = "GET"
) -> Decision:
    """`etag` as sent, a strong one in its quotes; `last_modified` in Unix seconds."""
    if _means_another(headers, etag, last_modified):
        return Another()
    if _client_has_it(headers, etag, last_modified):
        return NotModified()
    # Ranges are defined for GET alone: the answer to a HEAD with one is that of the whole file (§14.2).
    if method != "GET" or not _range_counts(headers.get("if-range"), etag, last_modified):
        return Whole()
    return _range(headers.get("range", ""), size)


def _means_another(headers: Mapping[str, str], etag: str, last_modified: int | None) -> bool:
    """If-Match, compared strongly, and only where it is missing If-Unmodified-Since (§13.2.2)."""
    tags = headers.get("if-match")
    if tags is not None:
        return tags.strip() != "*" and ("", etag) not in _tags(tags)
    since = _date(headers.get("if-unmodified-since"))
    return since is not None and last_modified is not None and last_modified > since


def _client_has_it(headers: Mapping[str, str], etag: str, last_modified: int | None) -> bool:
    """If-None-Match, and only where it is missing If-Modified-Since (§13.2.2)."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in (tag for _, tag in _tags(tags))
    since = _date(headers.get("if-modified-since"))
    return since is not None and last_modified is not None and last_modified <= since


def _tags(field: str) -> list[tuple[str, str]]:
    """Each with its mark of weakness, or an empty one."""
    return _TAG.findall(field) if len(field) <= TAGS_CHARS_MAX else []


def _range_counts(condition: str | None, etag: str, last_modified: int | None) -> bool:
    """If-Range: the very same file, told by a strong tag or the exact date (§13.1.5)."""
    if condition is None:
        return True
    if '"' in condition:
        return condition.strip() == etag
    return last_modified is not None and _date(condition) == last_modified


def _range(field: str, size: int) -> Decision:
    """One range of bytes. Several are answered with the whole file: nobody plays a clip out of a multipart answer."""
    unit, _, listed = field.partition("=")
    if len(field) > RANGE_CHARS_MAX or unit.strip().lower() != "bytes":
        return Whole()
    ranges = [item.strip(" \t") for item in listed.split(",") if item.strip(" \t")]
    match = _RANGE.fullmatch(ranges[0]) if len(ranges) == 1 else None
    return Whole() if match is None else _one(match[1], match[2], size)


def _one(first: str, last: str, size: int) -> Decision:
    if not first and not last:
        return Whole()
    if not first:
        return _suffix(int(last), size)
    start, end = int(first), int(last) + 1 if last else size
    if last and end <= start:
        return Whole()
    return Part(start, min(end, size)) if start < size else Unsatisfiable()


def _suffix(length: int, size: int) -> Decision:
    if length == 0:
        return Unsatisfiable()
    return Part(max(0, size - length), size) if size else Whole()


def _date(text: str | None) -> int | None:
    """An HTTP date in Unix seconds, None if it is none."""
    if text is None or len(text) > DATE_CHARS_MAX:
        return None
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
