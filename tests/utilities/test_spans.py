"""Spans: what belongs below what, who decides what is traced, and that nothing is there while it is off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from gateway.tracing import spans
from gateway.tracing.spans import Span

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@pytest.fixture
def told() -> Iterator[list[Span]]:
    """What is exported, of half of the videos that no client decides on."""
    found: list[Span] = []
    numbers = count(1)
    spans.begin(found.append, share=0.5, chance=lambda: 0.4, random=lambda size: next(numbers).to_bytes(size, "big"))
    yield found
    spans.stop()
    spans.enter(None)


def ignore(*_: Any) -> None:
    """Nobody measures."""


def test_calls_and_operations_of_a_request_stand_below_it(told: list[Span]) -> None:
    calls, operations = spans.calls(ignore), spans.operations(ignore)
    with spans.serving("POST /v1/videos", None, {"telecine.request": "req_1"}):
        operations("admit", 0.25)
        with spans.span("collect", {}):
            calls("mock", "download", "no_answer", 0.5)
    calls("mock", "poll", "running", 0.1)  # of no video that is traced
    names = [(one.name, one.failed) for one in told]
    assert names == [
        ("store admit", False),
        ("upstream download", True),
        ("collect", False),
        ("POST /v1/videos", False),
    ]
    admit, download, collect, request = told
    assert (admit.parent, collect.parent, download.parent) == (
        request.place.span,
        request.place.span,
        collect.place.span,
    )
    assert {one.place.trace for one in told} == {request.place.trace}
    assert admit.ended_ns - admit.began_ns == 250_000_000
    assert request.server and download.client


def test_a_client_decides_for_its_own_trace(told: list[Span]) -> None:
    """Recorded there, recorded here, below its span; not recorded there, not here, whatever the share is."""
    with spans.serving("POST /v1/videos", f"{PARENT}-01", {}):
        assert spans.carried().startswith(PARENT[:35])
    (request,) = told
    assert f"00-{request.place.trace}-{request.parent}" == PARENT
    with spans.serving("POST /v1/videos", f"{PARENT}-00", {}):
        assert spans.carried() == ""
    assert len(told) == 1


def test_a_share_of_the_others_is_traced(told: list[Span]) -> None:
    spans.begin(told.append, share=0.3, chance=lambda: 0.4, random=bytes)
    with spans.serving("POST /v1/videos", "what is this", {}):
        assert spans.carried() == ""
    assert told == []


def test_a_request_that_fails_is_a_span_that_failed(told: list[Span]) -> None:
    with pytest.raises(ValueError, match="x"), spans.serving("POST /v1/videos", None, {}):
        raise ValueError("x")
    assert [one.failed for one in told] == [True]
    assert spans.carried() == ""


def test_while_it_is_off_nothing_is_told_and_observers_stay_as_they_are() -> None:
    assert spans.calls(ignore) is ignore
    assert spans.operations(ignore) is ignore
    with spans.serving("POST /v1/videos", f"{PARENT}-01", {}), spans.span("collect", {}):
        assert spans.carried() == ""


def test_while_it_is_off_nothing_that_exports_is_imported() -> None:
    """By nothing that a worker is made of. (The library of the store looks for OpenTelemetry's metrics by itself.)"""
    lines = "import sys, gateway.serve.worker; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    there = set(done.stdout.split())
    assert "gateway.tracing.spans" in there
    assert there.isdisjoint({"gateway.tracing.otlp", "opentelemetry.exporter", "opentelemetry.sdk.trace", "requests"})
