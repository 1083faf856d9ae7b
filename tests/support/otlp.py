"""A small OTLP/HTTP receiver: keeps every span that it is sent, with the process that told it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from msgspec import Struct, field


class Told(Struct, kw_only=True):
    name: str
    trace: str
    span: str
    parent: str
    process: int
    attributes: dict[str, str]
    seconds: float


class Collector(Struct):
    url: str
    spans: list[Told] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def named(self, name: str) -> list[Told]:
        return [one for one in self.spans if one.name == name]


@contextmanager
def collector() -> Iterator[Collector]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    kept = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    server.kept = kept  # type: ignore[attr-defined] # how the standard library's handlers reach what they share
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        import gzip

        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = self.rfile.read(int(self.headers["content-length"]))
        plain = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        kept = self.server.kept
        kept.raw.append(plain)
        kept.headers.append({name.lower(): value for name, value in self.headers.items()})
        for group in ExportTraceServiceRequest.FromString(plain).resource_spans:
            facts = {one.key: one.value for one in group.resource.attributes}
            kept.spans += [
                _read(span, facts["process.pid"].int_value) for scope in group.scope_spans for span in scope.spans
            ]
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


def _read(span: Any, process: int) -> Told:
    return Told(
        name=span.name,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        process=process,
        attributes={one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes},
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )
