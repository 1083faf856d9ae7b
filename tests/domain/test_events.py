"""Which change of a video is told, and what others hear of the stream of events."""

from __future__ import annotations

import json
from itertools import product

import pytest
from msgspec.structs import replace

from gateway.domain import announcements, events
from gateway.domain.events import Event
from gateway.domain.videos import State
from tests.store.samples import T0, video

OVER = (State.COMPLETED, State.FAILED, State.CANCELLED)


@pytest.mark.parametrize(("before", "after"), [*product(State, State)])
def test_an_end_is_told_once_and_a_start_when_it_is_seen(before: State, after: State) -> None:
    """Whatever moves there are: only from what is open to what is over, and from queued to in progress."""
    told = events.of_change(video(state=before), video(state=after))
    if after in OVER:
        ended = Event.VIDEO_COMPLETED if after is State.COMPLETED else Event.VIDEO_FAILED
        assert told is (None if before in OVER else ended)
    else:
        starts = before in (State.QUEUED, State.SUBMITTING) and after not in (State.QUEUED, State.SUBMITTING)
        assert told is (Event.VIDEO_STARTED if starts else None)


def test_a_video_that_went_on_elsewhere_does_not_start_twice() -> None:
    shown = video(state=State.QUEUED, shown_in_progress=True)
    assert events.of_change(shown, replace(shown, state=State.RUNNING)) is None


def test_a_video_that_was_there_at_once_is_told_as_completed() -> None:
    assert events.of_change(None, video(state=State.COMPLETED)) is Event.VIDEO_COMPLETED
    assert events.of_change(None, video()) is None


def test_the_envelope_is_openai_s() -> None:
    one = video(state=State.COMPLETED)
    body = json.loads(events.of_video(Event.VIDEO_COMPLETED, one, T0, whole=False))
    assert list(body) == ["id", "object", "created_at", "type", "data"]
    assert body["data"] == {"id": one.id}
    assert (body["object"], body["created_at"], body["type"]) == ("event", T0 // 1_000, "video.completed")
    assert body["id"] == events.event_id(Event.VIDEO_COMPLETED, one.id) != events.event_id(Event.VIDEO_FAILED, one.id)


def test_the_prompt_leaves_only_where_that_is_wanted_and_the_body_is_bounded() -> None:
    one = video(state=State.COMPLETED)
    assert one.request.prompt not in events.of_video(Event.VIDEO_COMPLETED, one, T0, whole=False)
    whole = json.loads(events.of_video(Event.VIDEO_COMPLETED, one, T0, whole=True))["data"]
    assert (whole["prompt"], whole["status"], whole["id"]) == (one.request.prompt, "completed", one.id)
    long = replace(one, request=replace(one.request, prompt="ü" * 32_000))
    assert len(events.of_video(Event.VIDEO_COMPLETED, long, T0, whole=True)) < 65_536
    huge = replace(one, request=replace(one.request, prompt="\u2603" * 32_000))
    assert json.loads(events.of_video(Event.VIDEO_COMPLETED, huge, T0, whole=True))["data"] == {"id": one.id}


BUDGET = {
    "at": str(T0),
    "counter": "project/proj_1/day/2026-11-21",
    "percent": "80",
    "total": "8000000",
    "cap": "10000000",
}


def test_what_the_stream_says_is_told_to_whom_it_concerns() -> None:
    told = announcements.read("1-1", {"kind": "budget.threshold", **BUDGET})
    assert told is not None and (told.event, told.about) == (Event.BUDGET_THRESHOLD, "project/proj_1/day")
    assert told.scopes == ("project/proj_1",)
    assert json.loads(told.body)["data"] == {
        "id": "project/proj_1/day", "counter": BUDGET["counter"], "spent_usd": "8.00", "cap_usd": "10.00",
        "percent": 80,
    }  # fmt: skip
    over = announcements.read("1-2", {"kind": "budget.overrun", **BUDGET})
    assert over is not None and "percent" not in json.loads(over.body)["data"]
    down = announcements.read(
        "1-3", {"kind": "breaker.opened", "at": "1", "name": "provider/acme", "reason": "no_credit"}
    )
    assert down is not None and (down.event, down.about, down.scopes) == (Event.PROVIDER_DOWN, "acme", ())
    dispute = announcements.read(
        "1-4", {"kind": "ledger.disputed", "at": "1", "entry": "video_1.1:dispute", "amount": "5"}
    )
    assert dispute is not None and dispute.event is Event.CHARGE_DISPUTED
    own = announcements.read("1-5", {"kind": "config.reloaded", "at": "1", "name": "7", "by": "anna"})
    assert own is not None and json.loads(own.body)["data"] == {"id": "7", "by": "anna"}
    assert len({one.id for one in (told, over, down, dispute, own)}) == 5


@pytest.mark.parametrize(
    "fields",
    [{"kind": "breaker.opened", "at": "1", "name": "route/acme/m"}, {"kind": "doubt.decided", "at": "1", "name": "x"},
     {"kind": "video.completed", "at": "1", "name": "x"}, {"kind": "config.reloaded", "at": "x", "name": "7"},
     {"kind": "config.reloaded", "at": "1"}, {}],
)  # fmt: skip
def test_the_rest_of_the_stream_is_nobody_s(fields: dict[str, str]) -> None:
    assert announcements.read("1-1", fields) is None
