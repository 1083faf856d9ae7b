"""Replies that no contract foresees: random ones, and recorded ones torn in one place. Strategies for hypothesis."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from providers.contract import Reply
from tests.support.dialogs import RECEIVED_MS, Dialog, reply_of

STATUSES = (
    200,
    201,
    202,
    204,
    301,
    302,
    400,
    401,
    402,
    403,
    404,
    405,
    408,
    409,
    410,
    413,
    422,
    429,
    500,
    502,
    503,
    529,
)
NUMBERS = (0, -1, 1, 100, 2**31, 2**53 + 1, 2**63 - 1, 10**30, 0.5, 1e300, -0.0)
TEXTS = ("", " ", "a", "\x00", "a\r\nx: y", "\u202e", "é", "日本", "null", "-1", "1e999", "..", "a/b?c#d", "x" * 600)
WAITS = (
    "",
    "0",
    "3",
    "-3",
    "1e9",
    "nan",
    "inf",
    "soon",
    "Fri, 20 Nov 2026 18:41:30 GMT",
    "Fri, 99 Nov 2026 18:41:30 GMT",
)

leaves = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.sampled_from(WAITS),
        "content-type": st.sampled_from(("application/json", "text/html", "")),
    },
)


def replies(dialogs: list[Dialog]) -> st.SearchStrategy[Reply]:
    """Random status and headers around a random body, a recorded one, or a recorded one that was torn in one place."""
    recorded = [turn.reply["json"] for dialog in dialogs for turn in dialog.talk if "json" in turn.reply] or [{}]
    torn = st.builds(_tear, st.sampled_from(recorded), st.randoms(), values)
    bodies = st.binary(max_size=40) | (values | torn | st.sampled_from(recorded)).map(_encode)
    statuses = st.sampled_from(STATUSES) | st.integers(100, 599)
    return st.builds(Reply, status=statuses, headers=headers, body=bodies, received_ms=st.just(RECEIVED_MS))


def conversations(dialogs: list[Dialog], verb: str) -> st.SearchStrategy[list[Reply]]:
    """What a vendor says in the course of a flow: anything, or a recorded conversation with one reply torn."""
    anything = st.lists(replies(dialogs), min_size=1, max_size=4)
    talks = [[turn.reply for turn in dialog.talk] for dialog in dialogs if dialog.verb == verb and dialog.talk]
    return anything | st.builds(_tear_one, st.sampled_from(talks), st.randoms(), values) if talks else anything


def _tear_one(talk: list[dict[str, Any]], random: Any, put: Any) -> list[Reply]:
    chosen = random.randrange(len(talk) + 1)  # one beyond the end: the conversation as recorded
    return [reply_of(_torn(told, random, put) if index == chosen else told) for index, told in enumerate(talk)]


def _torn(told: dict[str, Any], random: Any, put: Any) -> dict[str, Any]:
    if "json" not in told or random.random() < 0.2:
        return {**told, "status": random.choice(STATUSES)}
    return {**told, "json": _tear(told["json"], random, put)}


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _tear(value: Any, random: Any, put: Any) -> Any:
    """The same document with one place replaced or, in an object, taken out."""
    if isinstance(value, dict) and value:
        name = random.choice(sorted(value))
        if random.random() < 0.15:
            return {other: inner for other, inner in value.items() if other != name}
        return {**value, name: _tear(value[name], random, put)}
    if isinstance(value, list) and value:
        index = random.randrange(len(value))
        return [*value[:index], _tear(value[index], random, put), *value[index + 1 :]]
    return put
