"""Helpers that adapters share: reading replies without surprises, retry hints, closed maps from status to class.

Pure. A reader raises `Unreadable` where a reply is not what the contract says, so no adapter meets a KeyError.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

import msgspec

from providers.contract import Json, Reply, Unreadable, Why

RETRY_AFTER_S_MAX = 3_600.0
MESSAGE_CHARS_MAX = 500

STATUS_WHY: Mapping[int, Why] = {
    400: Why.INVALID,
    401: Why.UNAUTHORISED,
    402: Why.NO_CREDIT,
    403: Why.UNAUTHORISED,
    404: Why.NOT_FOUND,
    405: Why.INVALID,
    410: Why.NOT_FOUND,
    413: Why.INVALID,
    415: Why.INVALID,
    422: Why.INVALID,
    429: Why.THROTTLED,
    503: Why.OVERLOADED,
    529: Why.OVERLOADED,
}


def why_of_status(status: int) -> Why:
    """The class of an HTTP status when the body says nothing better."""
    return STATUS_WHY.get(status, Why.INTERNAL if status >= 500 else Why.UNREADABLE)


class Node:
    """A place in a JSON document. Steps never fail; reading a value of the wrong type does, naming the place."""

    __slots__ = ("_place", "_value")

    def __init__(self, value: Json, place: str = "$") -> None:
        self._value = value
        self._place = place

    def __getitem__(self, step: str | int) -> Node:
        value: Json = None
        if isinstance(step, str) and isinstance(self._value, dict):
            value = self._value.get(step)
        elif isinstance(step, int) and isinstance(self._value, list) and -len(self._value) <= step < len(self._value):
            value = self._value[step]
        return Node(value, f"{self._place}.{step}")

    def __iter__(self) -> Iterator[Node]:
        if not isinstance(self._value, list):
            raise Unreadable(f"{self._place} is not a list")
        return (Node(value, f"{self._place}.{index}") for index, value in enumerate(self._value))

    @property
    def raw(self) -> Json:
        return self._value

    @property
    def missing(self) -> bool:
        return self._value is None

    def text(self, default: str | None = None) -> str:
        """A string that is not empty."""
        if isinstance(self._value, str) and self._value:
            return self._value
        if default is not None and self._value in (None, ""):
            return default
        raise Unreadable(f"{self._place} is not a text")

    def ident(self) -> str:
        """A vendor's id: text or whole number, at most 512 printable characters. Never treated as a number."""
        value = str(self._value) if type(self._value) is int else self.text()
        if len(value) > 512 or not value.isprintable():
            raise Unreadable(f"{self._place} is not an id")
        return value

    def percent(self) -> int | None:
        """Progress as 0 to 99, None where there is none that makes sense."""
        value = self._value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return max(0, min(99, int(value)))

    def whole(self, default: int | None = None) -> int:
        if type(self._value) is int:
            return self._value
        if default is not None and self._value is None:
            return default
        raise Unreadable(f"{self._place} is not a whole number")


def read_json(reply: Reply) -> Node:
    """The reply's body as JSON. Unreadable when it is empty, malformed, nested too deep or no JSON at all."""
    try:
        return Node(msgspec.json.decode(reply.body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable(f"HTTP {reply.status} without readable JSON") from error


def retry_after_s(reply: Reply) -> float | None:
    """`Retry-After` as seconds from now, 0 to RETRY_AFTER_S_MAX; None when absent or senseless (RFC 9110 §10.2.3)."""
    value = reply.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - reply.received_ms / 1000
        except (ValueError, OverflowError, TypeError):
            return None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, RETRY_AFTER_S_MAX)


def clean(message: str) -> str:
    """A vendor's sentence, bounded and without control characters, fit for logs and errors."""
    return "".join(char if char.isprintable() else " " for char in message[:MESSAGE_CHARS_MAX]).strip()
