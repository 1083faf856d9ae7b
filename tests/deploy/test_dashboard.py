"""The dashboard's every query and every recording rule answers from a running demo, asked through a real Prometheus."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.prometheus import prometheus
from tests.support.promql import RULES, panels, rules

CONFIG = """
providers:
  first: {adapter: mock, poll_min_s: 0.2, poll_max_s: 0.5, concurrency: 20, rpm: 1000}
  second: {adapter: mock, poll_min_s: 0.2, poll_max_s: 0.5}
models:
  sora-2: {routes: [first/sora-2, second/sora-2]}
"""
SCRAPES = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - {job_name: telecine, static_configs: [{targets: ["127.0.0.1:PORT"]}]}
"""
PROMPTS = (
    "[mock:fast] a paper boat",
    "[mock:fast] a paper boat in the rain",
    "[mock:fast,break] a paper boat that sinks",
    "[mock:refuse=blocked] a boat that nobody may see",
    "[mock:fast,lose-reply] a boat of which nobody hears",
)
SECONDS_MAX = 180.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_query_answers_from_a_running_demo(tmp_path: Path) -> None:
    """Two workers, videos that end well and badly all the time; no panel is empty, and no rule fails."""
    place = tmp_path / "prometheus"
    place.mkdir()
    (place / "rules.yml").write_text(RULES.read_text(encoding="utf-8"))
    asked = {f"{title}: {query}": query.replace("$__rate_interval", "30s") for title, query in panels()}
    asked |= {rule["record"]: rule["record"] for rule in rules() if "record" in rule}
    with (
        Gateway(tmp_path / "gateway", config=CONFIG, workers=2) as gateway,
        prometheus(place, SCRAPES.replace("PORT", str(gateway.port))) as url,
        httpx.Client(timeout=30, trust_env=False, verify=False) as client,  # nothing here speaks TLS
    ):
        key = gateway.create_key()
        until = time.monotonic() + SECONDS_MAX
        while asked and time.monotonic() < until:
            _make_videos(client, gateway, key)
            time.sleep(1)
            asked = {name: query for name, query in asked.items() if not _answers(client, url, query)}
        assert sorted(asked) == [], "these queries never brought anything"
        healths = [rule["health"] for group in _data(client, url, "rules")["groups"] for rule in group["rules"]]
        assert set(healths) == {"ok"}


def _make_videos(client: httpx.Client, gateway: Gateway, key: str) -> None:
    for prompt in PROMPTS:
        body = {"model": "sora-2", "prompt": prompt, "seconds": "4"}
        headers = {"authorization": f"Bearer {key}"}
        made = client.post(f"{gateway.base_url}/videos", json=body, headers=headers)
        assert made.status_code == 200, made.text
        page = client.get(f"{gateway.base_url}/videos", headers=headers).json()["data"]
        ready = next((one["id"] for one in page if one["status"] == "completed"), None)
        if ready is not None:
            path = f"{gateway.base_url}/videos/{ready}/content"
            assert client.get(path, headers=headers).status_code == 200


def _answers(client: httpx.Client, url: str, query: str) -> bool:
    """Whether it brings a number: what is divided by nothing is none."""
    found = _data(client, url, "query", query=query)["result"]
    return any(one["value"][1] != "NaN" for one in found)


def _data(client: httpx.Client, url: str, what: str, **asked: str) -> dict[str, Any]:
    reply = client.get(f"{url}/api/v1/{what}", params=asked)
    assert reply.status_code == 200, reply.text
    data: dict[str, Any] = reply.json()["data"]
    return data
