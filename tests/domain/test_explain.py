"""What an operator is told of a video: all of its plan, its attempts and its money, and nothing that is private."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.cli.explain import lines
from gateway.domain import moves
from gateway.domain.explain import explain
from gateway.domain.ledger import Entry
from gateway.domain.news import Ask, CancelAsked, CancelConfirmed, Declined, Lined, Made, Stored, Took
from gateway.domain.videos import Choice, Word
from providers.contract import Charge, Remote, Why
from tests.support.videos import T0, admitted, model, route, world

MODEL = model(route("a"), route("b"), route("c", verbs=()))
SECRET = "a secret boat"


def told(*news: Any, prompt: bool = False) -> dict[str, Any]:
    """A life and every entry of it, as JSON says it."""
    moved = admitted(MODEL, prompt=SECRET)
    video, postings = moved.video, list(moved.postings)
    for one in news:
        moved = moves.apply(video, one, world(MODEL, T0 + 5_000))
        video, postings = moved.video, postings + list(moved.postings)
    entries = [Entry(T0 + number, one) for number, one in enumerate(postings)]
    found: dict[str, Any] = json.loads(json.dumps(explain(video, entries, prompt=prompt)))
    return found | {"entries_complete": True}


FAILED_OVER = (
    Ask(1, T0 + 5_000), Declined(attempt=1, why=Why.OVERLOADED, message="too busy"), Ask(2, T0 + 5_000),
    Took(2, {"id": "v1"}), Made(attempt=2, assets=(Remote(link="https://a.test/clip?sig=1"),), charged=Charge("0.3")),
    Stored(2, ()),
)  # fmt: skip


def test_every_route_is_there_with_its_reason() -> None:
    plan = told()["plan"]
    assert [(one["route"], one["kept"], one.get("dropped")) for one in plan] == [
        ("a/m", True, None), ("b/m", True, None), ("c/m", False, "cannot create"),
    ]  # fmt: skip
    assert (plan[0]["rank"], plan[0]["price_usd"]) == (1, "0.40")


def test_what_a_queued_video_waits_for_is_told() -> None:
    found = told(Lined(1, ("a", "b")))
    assert found["waits_for"] == ["a", "b"]
    assert "  waits for its turn at: a, b" in lines(found)
    assert "waits_for" not in told()


def test_attempts_tell_times_verdicts_and_money() -> None:
    found = told(*FAILED_OVER)
    first, second = found["attempts"]
    assert (first["state"], first["why"], first["message"], first["cost_usd"]) == (
        "closed", "overloaded", "too busy", "0.00",
    )  # fmt: skip
    assert first["times"]["sent"] == "2026-11-20T18:40:05.000Z"
    assert (second["ref"], second["charged"], second["cost_usd"]) == ({"id": "v1"}, "0.3 usd", "0.30")
    assert found["money"] == {"held_usd": "0.00", "cost_usd": "0.30", "presumed_usd": "0.00", "disputed_usd": "0.00"}
    assert [(one["kind"], one["amount_usd"]) for one in found["entries"]] == [
        ("hold", "0.40"), ("void", "0.00"), ("hold", "0.40"), ("settle", "0.30"),
    ]  # fmt: skip


def test_a_cancel_is_told_with_what_the_vendor_said_of_it() -> None:
    found = told(Ask(1, T0), Took(1, {"id": "v1"}), CancelAsked(1), CancelConfirmed(attempt=1))
    assert (found["cancel"]["state"], found["attempts"][0]["cancel_said"]) == ("cancelled", "confirmed")
    assert found["attempts"][0]["presumed"] is True
    assert found["money"]["presumed_usd"] == "0.40"


def test_a_doubt_is_told_with_what_looks_like_it_and_an_operators_word() -> None:
    video = admitted(MODEL).video
    word = Word(received=True, ref={"id": "v1"}, by="anna", at_ms=T0, reason="on their page")
    doubtful = replace(video.attempts[0], candidates=({"id": "v1"},), word=word)
    found: Any = explain(replace(video, attempts=(doubtful,)))["attempts"]
    assert found[0]["candidates"] == ({"id": "v1"},)
    assert (found[0]["word"]["received"], found[0]["word"]["by"]) == (True, "anna")


@pytest.mark.parametrize("news", [(), FAILED_OVER])
def test_nothing_private_is_told(news: tuple[Any, ...]) -> None:
    """No prompt unless it is asked for; no link and no address of a vendor."""
    text = json.dumps(told(*news))
    assert SECRET not in text and "https://" not in text
    assert told(prompt=True)["request"]["prompt"] == SECRET


def test_whatever_a_plan_notes_of_a_route_is_shown() -> None:
    """Also what is noted some day: fields are not listed twice."""
    noted = Choice(route="a/m", price_micros=400_000, skipped="over the budget gateway/day", success=0.123456)
    found: Any = explain(replace(admitted(MODEL).video, plan=(noted,)))["plan"]
    assert found == [
        {
            "rank": 1,
            "kept": True,
            "route": "a/m",
            "price_usd": "0.40",
            "skipped": "over the budget gateway/day",
            "success": 0.1235,
        }
    ]


def test_the_text_says_the_same_a_fact_a_line() -> None:
    text = "\n".join(lines(told(*FAILED_OVER)))
    assert "1. a/m $0.40" in text and "-  c/m: dropped: it cannot create" in text
    assert "at a/m: closed, overloaded: too busy" in text
    assert "settle $0.30 of " in text and "sent 2026-11-20T18:40:05.000Z" in text
    assert SECRET not in text
