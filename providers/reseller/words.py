"""What resellers say, and what it means: state words of many alphabets, error forms, words for money and moderation.

Pure. Codes are read first, then the text, then the HTTP status: one and the same status means many things here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from providers.contract import Json, Unreadable, Why
from providers.reseller.places import first, look
from providers.reseller.settings import Errors, State, Wire
from providers.toolbox import Node, clean, why_of_status

# Words that end a job; every other word means that it goes on, also one that nobody knows, which is told.
ENDS: Final[Mapping[str, State]] = {
    **dict.fromkeys(("success", "succeeded", "succeed", "completed", "complete", "done"), "done"),
    **dict.fromkeys(
        ("failure", "failed", "fail", "error", "cancelled", "canceled", "timeout", "deleted", "expired"), "failed"
    ),
}  # fmt: skip

GOES_ON: Final = frozenset({
    "", "queued", "pending", "submitted", "not_start", "created", "waiting", "wait", "queuing", "queueing", "staged",
    "unknown", "in_queue", "scheduled", "initializing", "preparing", "starting", "processing", "in_progress",
    "in progress", "running", "generating", "active", "rendering", "retrying",
})  # fmt: skip

CODE_PLACES: Final = (
    "error.code", "error.err_code", "error.type", "error.error_type", "error.name", "error_code", "code", "type",
    "statusCode",
)  # fmt: skip
MESSAGE_PLACES: Final = (
    "error.raw_message", "error.message", "error.detail", "error.error", "message", "msg", "raw_message", "failMsg",
    "detail", "description", "error",
)  # fmt: skip

NO_CREDIT: Final = re.compile(
    r"insufficient (\w+ )?(quota|balance|credit|fund)|not enough (credit|balance|quota)|out of credit"
    r"|quota (is )?(exhausted|insufficient|used up)|余额|额度",
    re.IGNORECASE,
)
BLOCKED: Final = re.compile(
    r"moderat|nsfw|(?<!case.)sensitive|safety|content (policy|violation|filter)|policy violation|prohibited"
    r"|敏感|违规|审核",
    re.IGNORECASE,
)
OVERLOADED: Final = re.compile(
    r"overload|saturated|temporarily unavailable|too busy|http (429|5\d\d)|负载|饱和|繁忙", re.IGNORECASE
)
# Where the status alone is not to be trusted. A 429 stays what it is: its text is often one fixed sentence.
SPOKEN: Final = frozenset({200, 201, 400, 401, 403, 422, 500})

BARRED: Final = frozenset({401, 403})  # what is prohibited there is the key, not the prompt


class Said(Struct, frozen=True):
    """An error as it was told: every code in it, and the sentence."""

    codes: tuple[str, ...]
    message: str


def said_in(document: Node) -> Said:
    """Whatever form it has: nested, flat, a text, and an upstream's whole body as a text inside the message."""
    codes = _codes(document)
    message = _message(document)
    inner = _inner(message)
    if inner is not None:
        codes += _codes(inner)
        message = _message(inner) or message
    return Said(tuple(dict.fromkeys(codes)), clean(message))


def _codes(document: Node) -> tuple[str, ...]:
    found = (look(document, place).raw for place in CODE_PLACES)
    return tuple(_plain(code) for code in found if isinstance(code, str | int) and not isinstance(code, bool) and code)


def _plain(code: str | int) -> str:
    return str(code)[:100]


def _message(document: Node) -> str:
    texts = (look(document, place).raw for place in MESSAGE_PLACES)
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def _inner(message: str) -> Node | None:
    """The JSON that a message is."""
    if not message.lstrip().startswith("{"):
        return None
    try:
        return Node(msgspec.json.decode(message))
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def why_of(errors: Errors, said: Said, status: int) -> Why:
    """The class of a refusal. `status`: HTTP's, or the body's own where that one is the truth."""
    foreign = any(code in errors.foreign for code in said.codes)
    if foreign:
        return _of_upstream(said, status)
    listed = _listed(errors.codes, said.codes, status)
    word = _word(said.message) if status in SPOKEN else None
    if word is Why.BLOCKED and status in BARRED:
        word = None
    # A code that says `invalid` of a refusal that speaks of money or of moderation is the relay's, not the reason's.
    if listed is not None and not (listed is Why.INVALID and word in (Why.BLOCKED, Why.NO_CREDIT)):
        return listed
    if word in (Why.BLOCKED, Why.NO_CREDIT) or (word is Why.OVERLOADED and status >= 500):
        return word
    return why_of_status(status)


def _of_upstream(said: Said, status: int) -> Why:
    """The site passes its upstream's answer on: a 401 or 402 there is about the site's key, not ours."""
    if _word(said.message) is Why.BLOCKED:
        return Why.BLOCKED
    if status in (400, 413, 422):
        return Why.INVALID
    return Why.THROTTLED if status == 429 else Why.OVERLOADED


def why_failed(errors: Errors, said: Said) -> Why:
    """The class of a job that was accepted and failed. No money of ours is meant there."""
    listed = _listed(errors.job_codes, said.codes, 0)
    word = _word(said.message)
    if word is Why.BLOCKED or listed is None:
        return {Why.BLOCKED: Why.BLOCKED, None: Why.INTERNAL}.get(word, Why.OVERLOADED)
    return listed


def _listed(table: Mapping[str, Why], codes: Iterable[str], status: int) -> Why | None:
    keys = [*(key for code in codes for key in (f"{status}/{code}", code)), str(status)]
    return next((table[key] for key in keys if key in table), None)


def _word(message: str) -> Why | None:
    tables = ((BLOCKED, Why.BLOCKED), (NO_CREDIT, Why.NO_CREDIT), (OVERLOADED, Why.OVERLOADED))
    return next((why for pattern, why in tables if pattern.search(message)), None)


def state_word(wire: Wire, document: Node) -> str | None:
    """The state as it was written, in small letters; None where no place holds one. An empty word is one: not begun."""
    for place in wire.poll.state_paths:
        value = look(document, place).raw
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value).strip().lower()
    return None


def state_of(wire: Wire, document: Node) -> State:
    """Unreadable where nothing is told. A word that nobody knows means that the job goes on."""
    word = state_word(wire, document)
    if word is None:
        raise Unreadable("a job without a state")
    return _own_states(wire).get(word) or ENDS.get(word, "running")


def odd_word(wire: Wire, document: Node) -> str | None:
    """The state's word where it is none that is known."""
    word = state_word(wire, document)
    known = word is None or word in GOES_ON or word in ENDS or word in _own_states(wire)
    return None if known else word


def _own_states(wire: Wire) -> dict[str, State]:
    return {name.lower(): state for name, state in wire.poll.states.items()}


def progress_of(wire: Wire, document: Node) -> int | None:
    """A number, or a text such as "30%"."""
    value: Json = first(document, wire.poll.progress_paths).raw
    if isinstance(value, str):
        digits = value.strip().removesuffix("%")
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 4 else None
    return Node(value).percent(wire.poll.progress_whole)


def job_error(errors: Errors, document: Node) -> Said:
    """What a failed job says of itself: an object, a text, or nothing."""
    node = first(document, errors.job_paths)
    value = node.raw
    if isinstance(value, str):
        inner = _inner(value)
        return said_in(inner) if inner is not None else Said((), clean(value))
    if isinstance(value, dict):
        return said_in(Node({"error": value}))
    return Said((), "")
