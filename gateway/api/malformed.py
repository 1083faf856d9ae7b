"""Why a text is no JSON, told to its sender: what is wrong and where, never what stands there. Pure."""

from __future__ import annotations

import re
from typing import Final

from gateway.domain.errors import BadInput

_PLACED: Final = re.compile(r"JSON is malformed: (.+) \(byte ([0-9]+)\)")
_CUT: Final = "Input data was truncated"
_TOO_LARGE: Final = ("Number out of range", "Integer value out of range")
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NOT_NUMBERS: Final = (b"NaN", b"Infinity", b"-Infinity")
# The decoder looks for the other half right behind the first; at the very end it only misses bytes.
_LONE_HALF: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_LONE_HALF_WITHIN: Final = 12
_HALF: Final = "half of a surrogate pair stands alone"


def malformed(error: Exception, data: bytes | None, field: str = "") -> BadInput:
    """What the decoder's error means. `data`: the whole body, where its places are those of the error."""
    where = f" (in '{field}')" if field else ""
    return BadInput(f"The body is not valid JSON: {_trouble(error, data)}{where}.", code="invalid_json")


def _trouble(error: Exception, data: bytes | None) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeError):
        return "it is not UTF-8" + (_bad_byte(data) if data is not None else "")
    if str(error).startswith(_TOO_LARGE):
        return "a number is too large"
    if str(error) == _CUT:
        return _cut(data)
    placed = _PLACED.fullmatch(str(error))
    if placed is None:
        return "it cannot be read"
    what, at = placed[1].replace("invalid utf-16 surrogate pair", _HALF), int(placed[2])
    return what if data is None else _placed(what, data, at)


def _placed(what: str, data: bytes, at: int) -> str:
    if data.startswith(_MARKS):
        return "it begins with a byte order mark; send UTF-8 without one"
    # The decoder may stop behind a minus sign.
    if data.startswith(_NOT_NUMBERS, at) or data.startswith(_NOT_NUMBERS, max(at - 1, 0)):
        what = "NaN and Infinity are no numbers of JSON"
    return what + _place(data, at)


def _cut(data: bytes | None) -> str:
    if data is not None and not data.strip():
        return "it is empty"
    if data is not None and _LONE_HALF.search(data[-_LONE_HALF_WITHIN:]):
        return _HALF
    return "it ends too early"


def _bad_byte(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _place(data, error.start)
    return ""


def _place(data: bytes, at: int) -> str:
    line = data.count(b"\n", 0, at) + 1
    return f" near byte {at}, in line {line}" if line > 1 else f" near byte {at}"
