"""Short lives of attempts, drawn at random, and the entries that they leave in a ledger; and what those entries say of
usage, computed the long way."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Kind, Posting
from gateway.domain.ledger import DAY_MS, Entry
from gateway.domain.videos import Attempt, Choice, State, Video
from tests.store.samples import T0, attempt, video

TAGS: tuple[dict[str, str], ...] = (
    {},
    {"campaign": "spring"},
    {"campaign": "fall", "owner": "anna"},
    {"owner": "=1+1"},
)
FIGURES = ("completed", "spent", "failed", "adjusted", "house", "held", "savings")


class Story(Struct, frozen=True):
    """One attempt of a video of its own."""

    project: int
    key: int
    provider: str
    model: str
    tags: int
    price: int
    dearest: int
    begins: int  # on this day
    end: str  # open, void, settle, house, clip
    ends: int  # so many days later
    amount: int
    adjusts: tuple[int, ...]


def stories() -> st.SearchStrategy[Story]:
    amounts = st.sampled_from([0, 1, 3, 400_000, 2**40 + 1])
    return st.builds(
        Story,
        project=st.integers(1, 2),
        key=st.integers(1, 2),
        provider=st.sampled_from(["mock", "acme"]),
        model=st.sampled_from(["sora-2", "sora-2-pro"]),
        tags=st.integers(0, len(TAGS) - 1),
        price=amounts,
        dearest=amounts,
        begins=st.integers(0, 3),
        end=st.sampled_from(["open", "void", "settle", "house", "clip", "clip"]),
        ends=st.integers(0, 2),
        amount=amounts,
        adjusts=st.lists(st.sampled_from([-5, 7]), max_size=2).map(tuple),
    )


def steps(number: int, story: Story) -> list[tuple[int, Video, Posting]]:
    """When, the record before it, and what is posted, in order."""
    key, project = f"key_{story.project}{story.key}", f"proj_{story.project}"
    begins_ms = T0 + story.begins * DAY_MS
    counters = ledger.counters_of(key, project, story.provider, begins_ms)
    one = replace(attempt(price=story.price, now_ms=begins_ms, provider=story.provider), counters=counters)
    made = video(number, attempts=(one,), project=project, key_id=key)
    plan = (Choice(route=one.route, price_micros=story.price), Choice(route="x/y", price_micros=story.dearest))
    made = replace(
        made,
        current=1,
        plan=(*plan, Choice(route="x/z", price_micros=2**50, dropped="cannot")),
        request=replace(made.request, model=story.model, metadata=TAGS[story.tags]),
    )
    found = [(begins_ms, made, ledger.hold(made, one))]
    ends_ms = begins_ms + story.ends * DAY_MS
    if story.end == "open":
        return found
    ended, posting = _ended(made, one, story)
    found.append((ends_ms, ended, posting))
    one = replace(one, spared=posting.spared)
    for amount in story.adjusts:
        found.append((ends_ms + DAY_MS, ended, ledger.adjust(ended, one, amount, "the bill")))
        one = replace(one, adjusts=one.adjusts + 1)
    return found


def _ended(made: Video, one: Attempt, story: Story) -> tuple[Video, Posting]:
    if story.end == "void":
        return replace(made, state=State.FAILED), ledger.void(made, one, "refused")
    on_house = story.end == "house"
    posting = ledger.settle(made, one, story.amount, presumed=False, reason="x", on_house=on_house)
    if story.end == "clip":
        return replace(made, state=State.COMPLETED), ledger.for_clip(made, posting)
    return replace(made, state=State.FAILED), posting


def entries(told: Sequence[Story]) -> list[Entry]:
    """In the order of their times."""
    all_steps = [step for number, story in enumerate(told, 1) for step in steps(number, story)]
    return [Entry(at_ms, posting) for at_ms, _, posting in sorted(all_steps, key=lambda one: one[0])]


def figures_of(found: Iterable[Entry], name: str, days: Iterable[str]) -> dict[Any, dict[str, int]]:
    """The long way: for each value of `name` (a field of postings, `day`, or `tag:NAME`) the figures of these days."""
    found, days = list(found), frozenset(days)
    holds = {one.posting.id: one for one in found if one.posting.kind is Kind.HOLD}
    ended = {one.posting.answers for one in found if one.posting.kind in (Kind.SETTLE, Kind.VOID)}
    sums: defaultdict[Any, dict[str, int]] = defaultdict(lambda: dict.fromkeys(FIGURES, 0))
    for one in found:
        posting, day = one.posting, ledger.utc_day(one.at_ms)
        if day not in days or posting.kind is Kind.VOID:
            continue
        line = sums[_value(posting, day, name)]
        if posting.id in holds:
            line["held"] += posting.amount_micros if posting.id not in ended else 0
            continue
        line["spent"] += posting.amount_micros
        line["house"] += posting.amount_micros if posting.spared else 0
        line["adjusted"] += posting.amount_micros if posting.kind is Kind.ADJUST else 0
        line["failed"] += 0 if posting.delivered else posting.amount_micros
        if posting.delivered:
            line["savings"] -= posting.amount_micros
            if posting.kind is Kind.SETTLE:
                line["completed"] += 1
                line["savings"] += posting.dearest_micros
    return {value: line for value, line in sums.items() if any(line.values())}


def _value(posting: Posting, day: str, name: str) -> str | None:
    if name == "day":
        return day
    if name.startswith("tag:"):
        tags = ledger_tags(posting.tags)
        return tags.get(name.removeprefix("tag:"))
    field = {"key": "key_id"}.get(name, name)
    return str(getattr(posting, field))


def ledger_tags(text: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(text or "{}")
    return found
