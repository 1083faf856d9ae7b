"""Reading one field of a request: what clients may write, the value it becomes, and the words of every refusal.

Pure. JSON and multipart meet here: a number may come as text and text as digits where an SDK sends it so, a null is a
field that was not sent. Text is refused when it carries control characters other than tab and line ends, or half of a
surrogate pair: no vendor takes them, and no log or header should.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from gateway.domain.errors import BadInput
from providers.contract import Json, Size

SHOWN_CHARS_MAX: Final = 64
DIGITS_MAX: Final = 12
METADATA_PAIRS_MAX: Final = 16
METADATA_KEY_CHARS_MAX: Final = 64
METADATA_VALUE_CHARS_MAX: Final = 512
EXTRAS_MAX: Final = 16
EXTRAS_BYTES_MAX: Final = 8_192

_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# What moves the cursor, begins a line or turns the direction of what follows: in no name that is shown in a line.
NO_NAME: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_WHOLE: Final = re.compile(r"[+-]?[0-9]+(\.0+)?", re.ASCII)
_RATIO: Final = re.compile(r"([0-9]{1,3}):([0-9]{1,3})", re.ASCII)
_LINES: Final = re.compile(r"([0-9]{2,4})[pP]?", re.ASCII)
_LINES_OF: Final = {"2k": 1440, "4k": 2160}

KINDS: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


# --- refusals ----------------------------------------------------------------------------------------------------


def missing(param: str, why: str = "") -> BadInput:
    return BadInput(f"Missing required parameter: '{param}'.{why}", code="missing_required_parameter", param=param)


def unknown(param: str) -> BadInput:
    name = shown(param)
    return BadInput(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)


def wrong_type(param: str, expected: str, value: object) -> BadInput:
    got = KINDS.get(type(value), "something else")
    return BadInput(
        f"Invalid type for '{param}': expected {expected}, but got {got} instead.", code="invalid_type", param=param
    )


def shown(text: str) -> str:
    """A client's own words as they may stand in a message: short, and nothing that a terminal would obey."""
    short = text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "…"
    return "".join(char if char.isprintable() else "?" for char in short)


def listed(values: Iterable[object]) -> str:
    """'4', '8', and '12'"""
    *head, last = [f"'{value}'" for value in values] or ["none"]
    match head:
        case []:
            return last
        case [only]:
            return f"{only} and {last}"
        case _:
            return ", ".join(head) + f", and {last}"


# --- values ------------------------------------------------------------------------------------------------------


def text(param: str, value: Json, *, chars_max: int, chars_min: int = 1, called: str = "") -> str:
    """`called`: how messages name it, if not by its field."""
    called = called or f"'{param}'"
    if not isinstance(value, str):
        raise wrong_type(param, "a string", value)
    if not chars_min <= len(value) <= chars_max:
        raise BadInput(
            f"Invalid length: {called} must have {chars_min} to {chars_max} characters; it has {len(value)}.",
            param=param,
        )
    if (unfit := _UNFIT.search(value)) is not None:
        rule = "Control characters other than tab and line ends, and unpaired surrogates, are not allowed."
        raise _unfit(param, called, unfit, rule)
    return value


def name(param: str, value: Json, *, chars_max: int) -> str:
    """A text that people and models read in one line."""
    given = text(param, value, chars_max=chars_max)
    if given.isspace():
        raise BadInput(f"Invalid value: '{param}' has nothing but white space.", param=param)
    if (unfit := NO_NAME.search(given)) is not None:
        rule = "A name is one line without control characters and marks of direction."
        raise _unfit(param, f"'{param}'", unfit, rule)
    return given


def _unfit(param: str, called: str, found: re.Match[str], rule: str) -> BadInput:
    sign, place = f"U+{ord(found.group()):04X}", found.start()
    return BadInput(f"Invalid character: {called} contains {sign} at position {place}. {rule}", param=param)


def count(param: str, value: Json) -> int | None:
    """An integer, also as text and as 4.0; None for another text or number. How large it may be is for others to say;
    its length is bounded here."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        fits = len(value) <= DIGITS_MAX and _WHOLE.fullmatch(value)
        return int(value.partition(".")[0]) if fits else None
    raise wrong_type(param, "an integer", value)


def whole(param: str, value: Json) -> int:
    number = count(param, value)
    if number is None:
        raise BadInput(f"Invalid value: '{shown(str(value))}'. '{param}' must be a whole number.", param=param)
    return number


def flag(param: str, value: Json) -> bool:
    """Also as text, as a form says it."""
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise wrong_type(param, "a boolean", value)
    return value == "true"


def within(param: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise BadInput(
            f"Invalid value: '{shown(str(value))}'. '{param}' must be between {least} and {most}.", param=param
        )
    return value


def size(param: str, value: Json) -> Size | None:
    """None for a text that is no size."""
    if not isinstance(value, str):
        raise wrong_type(param, "a string such as '1280x720'", value)
    try:
        return Size.parse(value)
    except ValueError:
        return None


def ratio(param: str, value: Json) -> tuple[int, int] | None:
    """`16:9`; None for a text that is no ratio."""
    if not isinstance(value, str):
        raise wrong_type(param, "a string such as '16:9'", value)
    match = _RATIO.fullmatch(value)
    return (int(match[1]), int(match[2])) if match and int(match[1]) and int(match[2]) else None


def lines(param: str, value: Json) -> int | None:
    """`720p`, `4k` or 720; None for what is no resolution."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong_type(param, "a string such as '720p'", value)
    written = str(value) if isinstance(value, str) or 0 <= value < 10_000 else ""
    match = _LINES.fullmatch(written)
    return _LINES_OF.get(written.lower(), int(match[1]) if match else 0) or None


def object_of(param: str, value: Json, allowed: Collection[str]) -> dict[str, Json]:
    """A JSON object with known keys only; nulls are dropped."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    present: dict[str, Json] = {name: inner for name, inner in value.items() if inner is not None}
    for name in present:
        if name not in allowed:
            raise unknown(f"{param}.{name}")
    return present


def extras(param: str, value: Json) -> dict[str, Json]:
    """A vendor's own fields, as they are. In a form, which knows texts only, they are one text of JSON."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise wrong_type(param, "an object", value) from None
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    try:
        size = len(msgspec.json.encode(value))
    except (RecursionError, UnicodeEncodeError):
        raise BadInput(f"Invalid value: '{param}' holds what JSON cannot say.", param=param) from None
    if size > EXTRAS_BYTES_MAX or len(value) > EXTRAS_MAX:
        limits = f"at most {EXTRAS_MAX} fields, {EXTRAS_BYTES_MAX} bytes in all"
        raise BadInput(f"Invalid value: '{param}' is too large: {limits}.", param=param)
    return value


def metadata(param: str, value: Json) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    present = {name: inner for name, inner in value.items() if inner is not None}
    if len(present) > METADATA_PAIRS_MAX:
        raise BadInput(f"Invalid value: '{param}' has {len(present)} pairs; at most {METADATA_PAIRS_MAX}.", param=param)
    pairs = {}
    for name, inner in present.items():
        key = text(param, name, chars_max=METADATA_KEY_CHARS_MAX, called=f"a key of '{param}'")
        place = f"{param}.{key}" if key.isprintable() else param
        pairs[key] = text(place, inner, chars_min=0, chars_max=METADATA_VALUE_CHARS_MAX)
    return pairs
