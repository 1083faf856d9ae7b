"""Replicas of two versions on one store: a record of the first version is read for good, and what a newer one added is
passed over. OLD is never changed: it stands for what is in somebody's store."""

from __future__ import annotations

import json
from typing import Any

from gateway.domain.videos import AttemptState, State, decode_video, encode_public, encode_video

OLD = """
{"id":"video_01a1fa422000000000000000000000000000000000000000","project":"proj_1","key_id":"key_1",
 "request":{"model":"sora-2","prompt":"a paper boat","seconds":4,"size":{"width":720,"height":1280}},
 "created_ms":1795200000000,"deadline_ms":1795203600000,
 "plan":[{"route":"a/m","price_micros":400000},{"route":"b/m","price_micros":400000}],
 "attempts":[{"ordinal":1,"route":"a/m","provider":"a","account":"a|https://a.test|","model":"m",
  "key":"0fe51722-af64-4943-81e4-3666d3aa4084","price_micros":400000,
  "counters":["key/key_1/day/2026-11-20","gateway/total"],"planned_ms":1795200000000,"due_ms":1795200000000}]}
"""


def newer(value: Any) -> Any:
    """The same with a field that this version does not know, at every level."""
    if isinstance(value, dict):
        return {**{name: newer(one) for name, one in value.items()}, "of_a_later_version": [1, {"a": None}]}
    return [newer(one) for one in value] if isinstance(value, list) else value


def test_a_record_of_the_first_version_is_read() -> None:
    """Fields that came later have defaults that mean what was meant before; nothing is lost by writing it again."""
    video = decode_video(OLD.encode())
    assert (video.state, video.version, len(video.attempts)) == (State.QUEUED, 1, 1)
    assert video.attempts[0].state is AttemptState.PLANNED
    assert json.loads(encode_video(video)) == json.loads(OLD)
    assert json.loads(encode_public(video))["status"] == "queued"


def test_a_record_of_a_later_version_is_read() -> None:
    """What is known of it is what it says."""
    assert decode_video(json.dumps(newer(json.loads(OLD))).encode()) == decode_video(OLD.encode())
