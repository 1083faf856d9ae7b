"""Helpers that adapters share: reading replies without surprises, retry hints, closed maps from status to class,
writing forms, looking for a job in a list, and signatures of callbacks.

Pure. A reader raises `Unreadable` where a reply is not what the contract says, so no adapter meets a KeyError.
"""

from __future__ import annotations

import binascii
import hmac
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from itertools import pairwise

import msgspec

from providers.contract import (
    Call,
    CannotTell,
    FindVerdict,
    Flow,
    Inbound,
    Json,
    NotReceived,
    Probably,
    Ref,
    Reply,
    Size,
    Sought,
    Unreadable,
    Why,
)

RETRY_AFTER_S_MAX = 3_600.0
MESSAGE_CHARS_MAX = 500
CLOCK_SLACK_S = 300  # the vendor's clock dates a job, ours dates the window in which it is sought
CANDIDATES_MAX = 20
PAGES_MAX = 10  # of 100 jobs; a list that goes on beyond proves nothing
CALLBACK_AGE_S_MAX = 300  # each way, as Standard Webhooks and the vendors with schemes of their own say

_LINK = re.compile(r"https?://[!-~]{1,8180}", re.ASCII)

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

    def percent(self, whole: int = 100) -> int | None:
        """Progress as 0 to 99, None where there is none that makes sense. `whole`: what a finished job would say."""
        value = self._value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return min(99, int(max(0, min(whole, value)) * 100 / whole))

    def link(self) -> str:
        """An address of the web, at most 8,192 printable characters of ASCII."""
        value = self.text()
        if not _LINK.fullmatch(value):
            raise Unreadable(f"{self._place} is not a link")
        return value

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


def said(error: Node) -> str:
    """An error's sentence: of an object with a message, of a text, or of FastAPI's list of what is wrong where, without
    what stood there. Empty for anything else."""
    if isinstance(error.raw, list):
        return clean("; ".join(filter(None, (_fault(one) for one in list(error)[:3]))))
    message = error["message"].raw if isinstance(error.raw, dict) else error.raw
    return clean(message) if isinstance(message, str) else ""


def _fault(one: Node) -> str:
    place = ".".join(str(step.raw) for step in one["loc"]) if isinstance(one["loc"].raw, list) else ""
    message = one["msg"].raw if isinstance(one["msg"].raw, str) else "wrong" if place else ""
    return ": ".join(filter(None, (place, message)))


def form_fields(body: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """A JSON object as text fields of a form, spelled as OpenAI's SDKs do: `parent[child]`, `list[]`, null left out."""
    return tuple(pair for name, value in body.items() for pair in _flat(name, value))


def _flat(name: str, value: Json) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for child, inner in value.items() for pair in _flat(f"{name}[{child}]", inner)]
    if isinstance(value, list):
        return [pair for inner in value for pair in _flat(f"{name}[]", inner)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    return [] if value is None else [(name, str(value))]


def is_fresh(told_s: str, request: Inbound) -> bool:
    """Whether a callback's own time, Unix seconds as text, is near the time when it came."""
    whole = told_s.isascii() and told_s.isdigit() and len(told_s) <= 12
    return whole and abs(int(told_s) - request.received_ms / 1000) <= CALLBACK_AGE_S_MAX


def is_signed(secret: str, request: Inbound) -> bool:
    """Whether a callback carries a signature by Standard Webhooks: HMAC-SHA256 over id, time and raw body.

    `secret` is `whsec_` and base64, or any other text as it is.
    """
    told = {name: request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")}
    if not told["id"] or not is_fresh(told["timestamp"], request):
        return False
    try:
        key = b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()
        message = f"{told['id']}.{told['timestamp']}.".encode() + request.body
    except (binascii.Error, UnicodeEncodeError):
        return False
    right = b"v1," + b64encode(hmac.digest(key, message, "sha256"))
    given = (one.encode("utf-8", "replace") for one in told["signature"].split(" ")[:8])
    return any(hmac.compare_digest(right, one) for one in given)


def sizes(*texts: str) -> tuple[Size, ...]:
    """`1280x720`, `720x1280` -> sizes."""
    return tuple(map(Size.parse, texts))


LINES: Mapping[str, Size] = {
    "360p": Size(640, 360),
    "480p": Size(854, 480),
    "540p": Size(960, 540),
    "720p": Size(1280, 720),
    "768p": Size(1366, 768),
    "1080p": Size(1920, 1080),
    "2k": Size(2560, 1440),
    "4k": Size(3840, 2160),
}
"""What vendors call a resolution, as the wide frame of that name: other shapes of it have about as many pixels."""


def resolution_of(size: Size, names: Sequence[str]) -> str:
    """The one of a vendor's names for resolutions, in any case, that has about as many pixels as the size."""
    return min(names, key=lambda name: _apart(_pixels(size), _pixels(LINES[name.lower()])))


def ratio_of(size: Size, ratios: Sequence[str]) -> str:
    """The one of a vendor's aspect ratios, such as 16:9, that is the shape of the size."""
    return min(ratios, key=lambda ratio: _apart(size.width / size.height, _shape(ratio)))


def _pixels(size: Size) -> int:
    return size.width * size.height


def _shape(ratio: str) -> float:
    across, _, down = ratio.partition(":")
    return int(across) / int(down)


def _apart(one: float, other: float) -> float:
    return abs(math.log(one / other))


class Listed(msgspec.Struct, frozen=True):
    """A job in a vendor's list. A fact that the list does not say is an empty text."""

    ref: Ref
    created_s: int
    facts: Mapping[str, str]


def reaches_back(jobs: Sequence[Listed], sought: Sought) -> bool:
    """Whether a list, newest first, goes back beyond the window. Servers ignore `order`: it must be seen to run."""
    times = [job.created_s for job in jobs]
    backwards = all(newer >= older for newer, older in pairwise(times))
    return bool(times) and backwards and times[0] > times[-1] and times[-1] < sought.since_ms / 1000 - CLOCK_SLACK_S


def newest_first(path: str, sought: Sought, listed: Callable[[Node], Listed]) -> Flow[tuple[list[Listed], bool] | None]:
    """The jobs of a list as OpenAI pages it, and whether none of the window can be missing; None without a list."""
    jobs: list[Listed] = []
    complete, after = False, ""
    for _ in range(PAGES_MAX):
        query = (("limit", "100"), ("order", "desc"), *((("after", after),) if after else ()))
        reply = yield Call(method="GET", path=path, query=query)
        if reply.status in (404, 405, 501):
            return None
        if not 200 <= reply.status < 300:
            raise Unreadable(f"HTTP {reply.status} instead of a list")
        page = read_json(reply)
        jobs.extend(listed(job) for job in page["data"])
        complete = page["has_more"].raw is False or reaches_back(jobs, sought)
        after = page["last_id"].text(default="")
        if complete or not after:
            break
    return jobs, complete


def find_alike(
    jobs: Sequence[Listed], wanted: Mapping[str, frozenset[str]], sought: Sought, *, proves: bool
) -> FindVerdict:
    """What a list without our key can show: a likeness. `proves`: it is complete, and no received job is missing."""
    since_s, until_s = sought.since_ms / 1000 - CLOCK_SLACK_S, sought.until_ms / 1000 + CLOCK_SLACK_S
    near = [job for job in jobs if since_s <= job.created_s <= until_s]
    possible = [job for job in near if all(not job.facts[name] or job.facts[name] in wanted[name] for name in wanted)]
    if any(all(job.facts[name] for name in wanted) for job in possible):
        return Probably(tuple(job.ref for job in possible[:CANDIDATES_MAX]))
    if possible or not proves:
        return CannotTell("the list shows no such job, which proves nothing")
    return NotReceived()
