"""Following a video: the pace of the SDK's own polling, looks that wait for a change, and events as a stream."""

from __future__ import annotations

import json
import time
from itertools import pairwise

from tests.sdk.client.record import Run, openai

LOOKS_MAX = 12


def polls_at_the_pace_that_it_is_told(run: Run) -> None:
    """`poll` reads the header of its first look, and keeps to it."""
    check = run.record
    looks: list[tuple[float, str | None]] = []

    def note(response: object) -> None:
        headers = getattr(response, "headers", {})
        looks.append((time.monotonic(), headers.get("openai-poll-after-ms")))

    client = run.client(http_client=openai.DefaultHttpxClient(event_hooks={"response": [note]}))
    video = client.videos.create(prompt=run.glance("a ferry"))
    looks.clear()
    video = client.videos.poll(video.id)
    check.that("it ends", video.status in ("completed", "failed"), video.status)
    told = [hint for _, hint in looks[:-1]]
    check.that("each pending look says when", all(hint is not None and hint.isdigit() for hint in told), told)
    check.equal("the last one says nothing", looks[-1][1], None)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(looks)]
    least_s = int(told[0] or 0) / 1_000 if told else 0
    check.that("no look comes earlier", all(gap >= least_s - 0.05 for gap in gaps), gaps)


def waits_for_changes(run: Run) -> None:
    """From the create to the end in a few looks, none of which is in vain."""
    check, client = run.record, run.client()
    video = client.videos.create(prompt=run.prompt("a lantern"))
    looks = 0
    while video.status in ("queued", "in_progress") and looks < LOOKS_MAX:
        raw = client.videos.with_raw_response.retrieve(video.id, extra_headers={"Prefer": "wait=20"})
        before, video = (video.status, video.progress), raw.parse()
        looks += 1
        if video.status in ("queued", "in_progress"):
            check.equal("it was waited", raw.headers.get("preference-applied"), "wait=20")
            check.that("it has changed", (video.status, video.progress) != before or looks == 1, before)
    check.equal(f"it is completed after {looks} looks", video.status, "completed")


def follows_events(run: Run) -> None:
    """By the SDK's way to any path; the last event has what a look at the video says."""
    check, client = run.record, run.client()
    video = client.videos.create(prompt=run.prompt("a comet"))
    text = client.get(f"/videos/{video.id}/events", cast_to=str)
    blocks = [
        dict(line.split(": ", 1) for line in block.split("\n")[-3:])
        for block in text.split("\n\n")
        if "data: " in block
    ]
    check.equal("the last event", blocks[-1]["event"], "video.completed")
    check.equal("its video", json.loads(blocks[-1]["data"]), client.videos.retrieve(video.id).to_dict(mode="json"))
    numbers = [int(block["id"]) for block in blocks]
    check.equal("ids rise", numbers, sorted(set(numbers)))


SCENARIOS = (polls_at_the_pace_that_it_is_told, waits_for_changes, follows_events)
