"""`telecine providers probe` as an operator runs it, against sites of several kinds; nothing is ever made there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from gateway.config.load import parse_config
from gateway.snapshot import build_snapshot
from providers.contract import Probed, Reply, Unreadable
from providers.reseller.probing import probe
from tests.cli.telecine import objects, telecine
from tests.support.flows import walk
from tests.support.hostile import conversations

SECRET = "sk-probe-0f1e2d3c4b5a"
PAGE = "<!doctype html><html><body>console</body></html>"
Answers = dict[str, tuple[int, Any]]
STATUS = {"success": True, "data": {"version": "v0.9.1", "quota_per_unit": 250000, "system_name": "x"}}
GONE = (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None})
NO_PATH = (404, {"error": {"message": "Invalid URL (GET /x)", "type": "invalid_request_error", "code": ""}})
RELAY: Answers = {
    "/api/status": (200, STATUS),
    "/v1/models": (200, {"success": True, "data": [
        {"id": "gpt-x", "supported_endpoint_types": ["openai"]},
        {"id": "clip-9", "supported_endpoint_types": ["openai-video"]},
        {"id": "kling-v3"}, {"id": "chat-model"}, {"id": "bad\nname video"},
    ]}),
    "/v1/videos/none-such": GONE,
    "/v1/dashboard/billing/subscription": (200, {"hard_limit_usd": 20.5}),
    "/v1/dashboard/billing/usage": (200, {"total_usage": 525}),
    "/api/pricing": (200, {"success": True, "group_ratio": {"default": 1, "vip": 0.5}, "data": [
        {"model_name": "clip-9", "quota_type": 1, "model_price": 0.2, "enable_groups": ["default", "vip"]},
        {"model_name": "gpt-x", "quota_type": 0, "model_ratio": 1},
    ]}),
}  # fmt: skip


@contextmanager
def site(answers: Answers) -> Iterator[tuple[str, list[tuple[str, str, str | None]]]]:
    """A site that knows these paths and shows its front end for all else; and what it was asked."""
    asked: list[tuple[str, str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.command, self.path, self.headers.get("Authorization")))
            status, body = answers.get(self.path, (200, PAGE))
            data = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 - the library's own word

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def test_a_relay_is_recognised_and_its_block_is_a_configuration(tmp_path: Path) -> None:
    """Kind, unit, video models, what is left and prices; what is printed is what `config check` takes."""
    with site(RELAY) as (url, asked):
        done = telecine(tmp_path, "providers", "probe", url, "--key-from", "KEY_HERE", KEY_HERE=SECRET)
    assert (done.status, done.err) == (0, "")
    for said in (
        "new-api v0.9.1; 250000 of its units",
        "5 models, 2 of them",
        "preset newapi",
        "15.25 left",
        "for 1 of",
    ):
        assert said in done.out
    assert all(method == "GET" and key == f"Bearer {SECRET}" for method, _, key in asked)
    assert SECRET not in done.out
    snapshot = build_snapshot(parse_config("config.yaml", done.out.encode(), {"KEY_HERE": SECRET}), sandbox_socket=None)
    route = snapshot.routes["reseller/clip-9"]
    assert (route.prices[0].per_second_micros, route.prices[0].source) == (200_000, "the site's own list")
    assert "kling-v3 needs a route" in done.out and "gpt-x" not in done.out


OTHERS: dict[str, tuple[Answers, int, str]] = {
    "only the older path": ({**RELAY, "/v1/videos/none-such": NO_PATH, "/v1/video/generations/none-such": GONE}, 0,
                            "preset newapi-generations"),
    "a wrong base": ({}, 1, "base URL is wrong"),
    "a wrong key": ({"/api/status": (200, STATUS), "/v1/models": (401, {"error": {"message": "no token"}})}, 1,
                    "refuses the key"),
    "an OpenAI copy": ({"/v1/models": (200, {"data": [{"id": "sora-2"}]}),
                        "/v1/videos/none-such": (404, {"error": {"message": "not found", "code": "not_found"}})}, 1,
                       "try the adapter openai"),
    "no video at all": ({**RELAY, "/v1/videos/none-such": NO_PATH, "/v1/video/generations/none-such": NO_PATH}, 1,
                        "No path for videos"),
    "an unlimited key": ({**RELAY, "/v1/dashboard/billing/subscription": (200, {"hard_limit_usd": 100000000})}, 0,
                         "has no limit of its own"),
    "no prices": ({name: one for name, one in RELAY.items() if name != "/api/pricing"}, 0, "shows no prices"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_sites_are_told_as_what_they_are(name: str, tmp_path: Path) -> None:
    """In sentences; what is not known ends with status 1 and one line."""
    answers, status, said = OTHERS[name]
    with site(answers) as (url, asked):
        done = telecine(tmp_path, "providers", "probe", url, RESELLER_API_KEY=SECRET)
    assert done.status == status and said in done.out
    assert done.err.count("\n") == (1 if status else 0)
    assert {method for method, _, _ in asked} == {"GET"}


def test_a_known_address_needs_no_question(tmp_path: Path) -> None:
    """The preset is named; nobody is asked."""
    (found,) = objects(telecine(tmp_path, "providers", "probe", "https://api.evolink.ai", "--json").out)
    assert found["settings"] == {"preset": "evolink"}


def test_nobody_there_is_one_sentence(tmp_path: Path) -> None:
    """And a key on the command line is refused before it is sent anywhere."""
    done = telecine(tmp_path, "providers", "probe", "http://127.0.0.1:9")
    assert done.status == 1 and done.err.startswith("telecine: nothing was found out") and done.err.count("\n") == 1
    assert telecine(tmp_path, "providers", "probe", "ftp://x").status == 2
    assert telecine(tmp_path, "providers", "probe", "http://127.0.0.1:9", "--key-from", "sk-a").status == 2


@settings(max_examples=200, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(conversations([], "account"))
def test_whatever_a_site_says_is_told_or_unreadable(answers: list[Reply]) -> None:
    """Bounded, without work, and in printable sentences."""
    left = iter(answers)
    walked = walk(probe("http://relay.example"), lambda _: next(left, answers[-1]))
    assert not any(call.starts_work for call in walked.calls)
    assert isinstance(walked.end, Probed | Unreadable)
    if isinstance(walked.end, Probed):
        assert all(line.isprintable() for line in walked.end.findings)
