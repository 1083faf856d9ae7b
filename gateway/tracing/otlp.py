"""Spans to an OpenTelemetry collector, by OTLP over HTTP: gathered in a bounded queue, sent by a thread.

A collector that is away or slow costs nobody anything: what does not fit into the queue is dropped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.tracing.spans import Span

QUEUE_MAX: Final = 4_096
BATCH_MAX: Final = 512
EVERY_MS: Final = 1_000
TIMEOUT_S: Final = 5.0
CLOSE_S_MAX: Final = 3.0

_SCOPE: Final = InstrumentationScope("telecine")


class Exporter:
    """`tell` from any task; `close` once, from a thread that may block."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], name: str) -> None:
        exporter = OTLPSpanExporter(
            endpoint=endpoint.rstrip("/") + "/v1/traces", headers=dict(headers), timeout=TIMEOUT_S
        )
        self._processor = BatchSpanProcessor(
            exporter, max_queue_size=QUEUE_MAX, schedule_delay_millis=EVERY_MS, max_export_batch_size=BATCH_MAX
        )
        self._resource = Resource.create({"service.name": name, "process.pid": os.getpid()})

    def tell(self, one: Span) -> None:
        self._processor.on_end(self._readable(one))

    def close(self) -> None:
        """The processor would wait for a collector that is away; its thread is left to end with the process."""
        closing = threading.Thread(target=self._processor.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(CLOSE_S_MAX)

    def _readable(self, one: Span) -> ReadableSpan:
        kind = SpanKind.SERVER if one.server else SpanKind.CLIENT if one.client else SpanKind.INTERNAL
        return ReadableSpan(
            one.name,
            context=_context(one.place.trace, one.place.span),
            parent=_context(one.place.trace, one.parent) if one.parent else None,
            resource=self._resource,
            attributes=one.attributes,
            kind=kind,
            status=Status(StatusCode.ERROR if one.failed else StatusCode.UNSET),
            start_time=one.began_ns,
            end_time=one.ended_ns,
            instrumentation_scope=_SCOPE,
        )


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
