"""Following, at a running gateway of two workers: waits that end with a change, streams that end with the video."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tests.support.gateway import Gateway, through, until
from tests.support.vendor_beside import vendor_beside
from tests.support.vendor_faults import Fault

RUNS = "[runs]"
LIMITS = "server:\n  wait_s_max: 3\n  follow_s_max: 2\n  followers_max: 40\n  followers_per_key_max: 2\n"


class Event(Struct):
    id: str
    name: str
    video: dict[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("following")
    with vendor_beside(folder, render_s=1.0) as vendor:
        asyncio.run(vendor.program(Fault(on="create", do="never", prompt=RUNS, times=None)))
        with Gateway(folder, config=through(vendor.base_url, top=LIMITS), workers=2) as running:
            yield running


@pytest.fixture
def api(gateway: Gateway) -> Iterator[httpx.Client]:
    """A client with a key of its own, since followers are counted by key."""
    headers = {"Authorization": f"Bearer {gateway.create_key(f'p{time.monotonic_ns()}')}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as client:
        yield client


def made(api: httpx.Client, prompt: str = "a paper boat") -> str:
    ident: str = api.post("/videos", json={"prompt": prompt}).json()["id"]
    return ident


def finished(api: httpx.Client) -> str:
    ident = made(api)
    assert until(lambda: api.get(f"/videos/{ident}").json()["status"] == "completed", 30, every_s=0.1)
    return ident


def running(api: httpx.Client) -> str:
    """Of a video that does not move any more by itself."""
    ident = made(api, RUNS)
    assert until(lambda: api.get(f"/videos/{ident}").json()["status"] == "in_progress", 30, every_s=0.1)
    time.sleep(1.5)
    return ident


def followed(api: httpx.Client, ident: str, **headers: str) -> tuple[httpx.Response, list[Event]]:
    """The whole stream, read to its end."""
    with api.stream("GET", f"/videos/{ident}/events", headers=headers) as reply:
        text = reply.read().decode()
    return reply, events_of(text)


def events_of(text: str) -> list[Event]:
    """As EventSource reads them: blocks of fields; what has no data is no event."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "data" in fields:
            found.append(Event(fields["id"], fields["event"], json.loads(fields["data"])))
    return found


# --- waiting ------------------------------------------------------------------------------------------------------


def test_a_wait_ends_with_the_change(api: httpx.Client) -> None:
    """From the create to the end by waits alone, in few requests, each with another state; no longer than it takes."""
    ident = made(api)
    seen: list[tuple[str, int]] = []
    began = time.monotonic()
    while not seen or seen[-1][0] not in ("completed", "failed"):
        reply = api.get(f"/videos/{ident}", headers={"Prefer": "wait=3"})
        video = reply.json()
        seen.append((video["status"], video["progress"]))
        if video["status"] not in ("completed", "failed"):
            assert reply.headers["preference-applied"] == "wait=3"
        assert time.monotonic() - began < 30
    assert seen[-1][0] == "completed"
    assert len(seen) <= 12, seen


def test_a_wait_without_a_change_answers_in_time(api: httpx.Client) -> None:
    """With the video as it is, and how long was waited: no longer than the gateway allows."""
    ident = running(api)
    began = time.monotonic()
    reply = api.get(f"/videos/{ident}", headers={"Prefer": "wait=1"})
    assert 0.9 < time.monotonic() - began < 3
    assert (reply.status_code, reply.json()["status"]) == (200, "in_progress")
    assert reply.headers["preference-applied"] == "wait=1"
    assert reply.headers["openai-poll-after-ms"].isdigit()
    longer = api.get(f"/videos/{ident}", headers={"Prefer": "wait=500"})
    assert longer.headers["preference-applied"] == "wait=3"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=soon", "wait=0", ""])
def test_a_preference_that_says_nothing_is_ignored(api: httpx.Client, prefer: str) -> None:
    reply = api.get(f"/videos/{made(api, RUNS)}", headers={"Prefer": prefer})
    assert reply.status_code == 200
    assert "preference-applied" not in reply.headers


def test_what_is_over_is_not_waited_for(api: httpx.Client) -> None:
    ident = finished(api)
    began = time.monotonic()
    assert api.get(f"/videos/{ident}", headers={"Prefer": "wait=3"}).json()["status"] == "completed"
    assert time.monotonic() - began < 2.5  # of three


def test_a_cancel_ends_a_wait(api: httpx.Client) -> None:
    """As every other change does."""
    ident = running(api)
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(api.get, f"/videos/{ident}", headers={"Prefer": "wait=3"})
        time.sleep(0.3)
        api.post(f"/videos/{ident}/cancel")
        assert "cancel" in waiting.result().json()


# --- events -------------------------------------------------------------------------------------------------------


def test_a_stream_tells_the_whole_life_and_ends_with_it(api: httpx.Client) -> None:
    """Each event has the video as a look at it answers; ids rise; the last one is the end."""
    ident = made(api)
    told: list[Event] = []
    last: dict[str, str] = {}
    for _ in range(20):  # the gateway ends a stream after two seconds here, and the client comes back
        reply, more = followed(api, ident, **last)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-request-id"].startswith("req_")
        told += more
        last = {"Last-Event-ID": told[-1].id}
        if told[-1].name == "video.completed":
            break
    assert told[-1].video == api.get(f"/videos/{ident}").json()
    assert told[-1].name == "video.completed"
    assert [one.name for one in told if one.name not in ("video.queued", "video.in_progress", "video.completed")] == []
    numbers = [int(one.id) for one in told]
    assert numbers == sorted(set(numbers))
    faces = [json.dumps(one.video) for one in told]
    assert len(set(faces)) == len(faces)


def test_who_has_seen_the_end_is_told_not_to_come_back(api: httpx.Client) -> None:
    """An EventSource comes back after every end; 204 is what it stops at."""
    ident = finished(api)
    reply, (end,) = followed(api, ident)
    assert (reply.status_code, end.name) == (200, "video.completed")
    assert followed(api, ident, **{"Last-Event-ID": end.id})[0].status_code == 204
    assert len(followed(api, ident, **{"Last-Event-ID": "1"})[1]) == 1
    for strange in ("", "abc", "-1", "9" * 30, "1.0"):
        assert len(followed(api, ident, **{"Last-Event-ID": strange})[1]) == 1


def test_a_stream_resumes_without_telling_twice(api: httpx.Client) -> None:
    """With the id of the last event nothing comes until something changes, and the stream is bounded in time."""
    ident = running(api)
    began = time.monotonic()
    reply, (now,) = followed(api, ident)
    assert 1.5 < time.monotonic() - began < 5
    assert (reply.status_code, now.name) == (200, "video.in_progress")
    with api.stream("GET", f"/videos/{ident}/events", headers={"Last-Event-ID": now.id}) as again:
        assert again.read().decode().startswith("retry: ")
    assert events_of(again.text) == []


def test_streams_of_a_key_are_bounded(api: httpx.Client) -> None:
    """The rest is refused with the moment to try again; waits beyond it are answered at once; room is made again."""
    ident = running(api)
    with ExitStack() as stack:
        open_streams = [stack.enter_context(api.stream("GET", f"/videos/{ident}/events")) for _ in range(6)]
        statuses = [one.status_code for one in open_streams]
        assert set(statuses) == {200, 429}, statuses
        refused = next(one for one in open_streams if one.status_code == 429)
        assert json.loads(refused.read())["error"]["code"] == "too_many_followers"
        assert refused.headers["retry-after"] == "10"
    assert until(lambda: followed(api, ident)[0].status_code == 200, 10)


def test_a_stream_is_for_who_may_see_the_video(gateway: Gateway, api: httpx.Client) -> None:
    """The same words as for what does not exist; no key, no stream."""
    ident = made(api, RUNS)
    stranger = {"Authorization": f"Bearer {gateway.create_key('strangers')}"}
    assert (
        httpx.get(
            f"{gateway.base_url}/videos/{ident}/events", headers=stranger, trust_env=False, verify=False
        ).status_code
        == 404
    )
    assert httpx.get(f"{gateway.base_url}/videos/{ident}/events", trust_env=False, verify=False).status_code == 401
    assert api.get("/videos/video_1/events").status_code == 404
    assert api.post(f"/videos/{ident}/events").status_code == 405
    head = api.head(f"/videos/{ident}/events")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[tuple[Gateway, str]]:
    """A gateway whose streams last for minutes, four for a key, and a key."""
    top = "server:\n  follow_s_max: 300\n  followers_per_key_max: 4\n"
    with vendor_beside(tmp_path, render_s=1.0) as vendor:
        asyncio.run(vendor.program(Fault(on="create", do="never", times=None)))
        with Gateway(tmp_path, config=through(vendor.base_url, top=top)) as gateway:
            yield gateway, gateway.create_key()


def client_of(gateway: Gateway, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=40)


def crowd_of(stack: ExitStack, api: httpx.Client, ident: str) -> list[httpx.Response]:
    """As many streams as a key may have, once there is room for all: sooner than a heartbeat finds out who left."""
    crowd: list[httpx.Response] = []

    def complete() -> bool:
        reply = stack.enter_context(api.stream("GET", f"/videos/{ident}/events"))
        crowd.extend([reply] if reply.status_code == 200 else [])
        return len(crowd) == 4

    assert until(complete, 10, every_s=0.1)
    return crowd


def test_a_client_that_leaves_makes_room_and_a_stop_sends_the_others_away(patient: tuple[Gateway, str]) -> None:
    """At once, both. What a stop leaves of a stream is a whole one that ends."""
    gateway, key = patient
    with client_of(gateway, key) as api:
        ident = running(api)
        for _ in range(3):
            with ExitStack() as stack:
                crowd_of(stack, api, ident)
        with ExitStack() as stack:
            streams = [reply.iter_text() for reply in crowd_of(stack, api, ident)]
            begun = [next(stream) for stream in streams]
            began = time.monotonic()
            assert gateway.stop() == 0
            assert time.monotonic() - began < 20  # the grace of a stop is longer
            told = [events_of(first + "".join(rest)) for first, rest in zip(begun, streams, strict=True)]
        assert [[one.name for one in events] for events in told] == [["video.in_progress"]] * 4
        gateway.start()


@pytest.mark.slow
def test_a_revoked_key_ends_its_streams_at_the_next_heartbeat(patient: tuple[Gateway, str]) -> None:
    """Until then it is kept alive by comments."""
    gateway, _ = patient
    made_key = gateway.telecine("keys", "create", "--project", "tests")
    with client_of(gateway, made_key["key"]) as api:
        ident = running(api)
        with ThreadPoolExecutor(1) as beside:
            stream = beside.submit(followed, api, ident)
            time.sleep(17)
            assert not stream.done()
            gateway.telecine("keys", "revoke", made_key["id"])
            reply, events = stream.result(timeout=20)
        assert ": still there" in reply.text
        assert [one.name for one in events] == ["video.in_progress"]
