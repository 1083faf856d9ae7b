"""One trace and one thread of log lines from the POST to the end of a video, across a restart of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tests.support.gateway import Gateway, through, until
from tests.support.otlp import Collector, Told, collector
from tests.support.vendor_beside import vendor_beside

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WORDS = "a paper boat that nobody else shall read about"
SHOWN = "a kite that may be read about"
TOP = "tracing:\n  endpoint: {url}\n  headers: {{x-team: sk-collector}}\nlog:\n  prompts: {prompts}\n"


class Life(Struct):
    """What is left of it: two lives of one gateway, and a video that was begun in the first and ended in the second."""

    collector: Collector
    lines: list[dict[str, Any]]
    log: str
    key: str
    vendor_url: str
    made: httpx.Response
    shown: httpx.Response

    def trace(self) -> list[Told]:
        return [one for one in self.collector.spans if one.trace == TRACE]


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder: Path = tmp_path_factory.mktemp("traces")
    with collector() as kept, vendor_beside(folder, render_s=6.0) as vendor:
        gateway = Gateway(
            folder, config=through(vendor.base_url, top=TOP.format(url=kept.url, prompts="false")), extras=True
        )
        with gateway:
            key = gateway.create_key()
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(
                base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20
            ) as api:
                body = {"prompt": WORDS}
                api.post("/videos", json=body, headers={"traceparent": f"00-{'1' * 32}-{SPAN}-00"})
                made = api.post("/videos", json=body, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
                video = f"/videos/{made.json()['id']}"
                assert until(lambda: api.get(video).json()["status"] == "in_progress", 20)
                gateway.stop()
                top = TOP.format(url=kept.url, prompts="true")
                gateway.config.write_text(through(vendor.base_url, top=top))
                gateway.start()
                shown = api.post("/videos", json={"prompt": SHOWN})
                assert until(lambda: api.get(video).json()["status"] == "completed", 40)
            gateway.stop()
            log, lines = gateway.log(), gateway.lines()
            asyncio.run(vendor.counts())
        yield Life(kept, lines, log, key, vendor.base_url, made, shown)


def test_one_trace_goes_from_the_request_to_the_end_across_processes(life: Life) -> None:
    """Below the client's own span; the video's span is told by the process that saw it end."""
    trace = life.trace()
    (request,), (whole,), (attempt,) = (
        [one for one in trace if one.name == name] for name in ("POST /v1/videos", "video", "attempt")
    )
    assert (request.parent, whole.parent, attempt.parent) == (SPAN, request.span, whole.span)
    assert request.process != whole.process == attempt.process
    assert whole.attributes["telecine.video"] == life.made.json()["id"]
    assert whole.attributes["telecine.state"] == "completed"
    assert whole.attributes["telecine.request"] == life.made.headers["x-request-id"]
    assert attempt.attributes["telecine.provider"] == "simulated"
    assert 5 < attempt.seconds <= whole.seconds < 60


def test_every_call_and_commit_stands_below_its_attempt(life: Life) -> None:
    """The submission by the first process, polls and the clip by the second; no span hangs in the air."""
    trace = life.trace()
    of = {one.span: one for one in trace}
    by_name = {one.name: one for one in trace}
    assert {"store admit", "upstream submit", "upstream poll", "upstream download", "collect"} <= set(by_name)
    assert any(name.startswith("store ") and by_name[name].parent == by_name["attempt"].span for name in by_name)
    assert by_name["upstream submit"].parent == by_name["attempt"].span == by_name["collect"].parent
    assert by_name["upstream submit"].process == by_name["POST /v1/videos"].process
    assert by_name["upstream download"].parent == by_name["collect"].span
    assert by_name["store admit"].parent == by_name["POST /v1/videos"].span
    assert [one.name for one in trace if one.parent not in of and one.parent != SPAN] == []


def test_what_a_client_does_not_record_is_not_recorded(life: Life) -> None:
    assert [one for one in life.collector.spans if one.trace == "1" * 32] == []


def test_traces_hold_no_prompt_no_key_and_no_address(life: Life) -> None:
    """In no attribute; the collector's own credential is only in its header."""
    sent = b"".join(life.collector.raw)
    for secret in (WORDS, SHOWN, life.key, life.vendor_url, "sk-vendor", "sk-collector", "127.0.0.1"):
        assert secret.encode() not in sent, secret
    assert {one["x-team"] for one in life.collector.headers} == {"sk-collector"}


def test_each_transition_is_one_line_with_the_request_that_made_the_video(life: Life) -> None:
    """In both lives: where from, where to, by what news, at which provider."""
    ident, request = life.made.json()["id"], life.made.headers["x-request-id"]
    moved = [line for line in life.lines if line["event"] == "moved" and line["video"] == ident]
    assert {line["created_by"] for line in moved} == {request}
    assert {line["provider"] for line in moved} == {"simulated"}
    ways = [(line["before"], line["after"]) for line in moved if line["before"] != line["after"]]
    assert ways == [
        ("queued", "submitting"), ("submitting", "running"), ("running", "collecting"), ("collecting", "completed"),
    ]  # fmt: skip
    assert next(line["news"] for line in moved if line["after"] != line["before"]) == "ask"
    versions = [line["version"] for line in moved]
    assert versions == sorted(set(versions))


def test_the_line_of_a_create_names_its_video(life: Life) -> None:
    (line,) = [one for one in life.lines if one["event"] == "request" and one.get("video") == life.made.json()["id"]]
    assert (line["request"], line["endpoint"], line["status"]) == (life.made.headers["x-request-id"], "videos", 200)


def test_a_prompt_is_in_the_log_only_where_that_is_switched_on(life: Life) -> None:
    """Once, in a line of its own, from the moment it was."""
    assert WORDS not in life.log
    prompts = [line for line in life.lines if line["event"] == "prompt"]
    assert [(line["video"], line["prompt"], line["chars"]) for line in prompts] == [
        (life.shown.json()["id"], SHOWN, len(SHOWN))
    ]
    assert life.log.count(SHOWN) == 1
