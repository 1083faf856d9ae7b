"""`telecine route`: what a plan would be now, with what was observed, and nothing made."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from gateway.domain import chart as charts
from gateway.domain.breaker import Rules, Scope, Turn
from gateway.domain.chart import BLANK
from gateway.domain.observations import Sign
from providers.contract import Why
from tests.cli.telecine import objects, telecine
from tests.support.redis import RedisServer, empty_redis, redis_server
from tests.support.seeing import seen
from tests.support.selfhosted_vendor import selfhosted

__all__ = ["empty_redis", "redis_server"]

CONFIG = """
store: {url: "%s"}
providers:
  dear: {adapter: mock}
  cheap: {adapter: mock}
models:
  film:
    aliases: [movie]
    nearest: nearest
    routes:
      - {route: dear/sora-2, prices: [{per_second: "0.20", as_of: 2026-11-01, source: a page}]}
      - {route: cheap/sora-2, prices: [{per_second: "0.10", as_of: 2026-11-01, source: a page}]}
      - cheap/sora-2-pro
  strict:
    routes: [dear/mock-video]
"""


@pytest.fixture
def place(tmp_path: Path, empty_redis: RedisServer) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG % empty_redis.url, encoding="utf-8")
    return tmp_path


def note(server: RedisServer, name: str, *signs: Sign, why: Why | None = None, latency_ms: int = 0) -> None:
    """As a worker would have written it."""
    now_ms = server.client.time()[0] * 1_000
    chart = BLANK
    for sign in signs:
        one = seen(sign, why, at_ms=now_ms, latency_ms=latency_ms)
        chart = charts.after(chart, Scope.ROUTE, Turn(one, now_ms, Rules(open_s=600), 0.5))
    server.client.hset("{telecine}:health", name, charts.encode_chart(chart))


def test_every_route_is_told_with_its_price_or_the_reason(place: Path) -> None:
    """In the order in which they would be asked; an alias will do; nothing that nobody observed is told."""
    rows = objects(telecine(place, "route", "--model", "movie", "--max-price", "1", "--seconds", "8", "--json").out)
    assert rows[0]["route"] == "cheap/sora-2" and rows[0]["kept"] and rows[0]["success"] is None
    assert (rows[1]["route"], rows[1]["rank"], rows[1]["price_usd"]) == ("dear/sora-2", None, "1.60")
    assert rows[1]["reason"] == "costs $1.60, and the request allows $1.00"
    table = telecine(place, "route", "--model", "film").out.splitlines()
    assert table[0].split() == ["RANK", "ROUTE", "PRICE", "EXPECTED", "P50_S", "P95_S", "SUCCESS", "REASON"]
    assert table[1].split()[:3] == ["1", "dear/sora-2", "0.80"]


def test_what_was_observed_is_read_from_the_store(place: Path, empty_redis: RedisServer) -> None:
    """Successes and times of a route, and that a breaker is open."""
    note(empty_redis, "route/cheap/sora-2", *[Sign.RENDERED, Sign.CLIP] * 8, latency_ms=30_000)
    note(empty_redis, "route/dear/sora-2", *[Sign.BROKE] * 20, why=Why.INTERNAL)
    rows = objects(telecine(place, "route", "--model", "film", "--strategy", "fastest", "--json").out)
    assert [one["route"] for one in rows] == ["cheap/sora-2", "cheap/sora-2-pro", "dear/sora-2"]
    assert rows[0]["success"] > 0.98 and rows[0]["p50_s"] == pytest.approx(30, rel=0.1)
    assert rows[0]["expected_usd"] >= rows[0]["price_usd"] == "0.40"
    assert "its breaker is open for" in rows[2]["reason"]


def test_a_provider_that_takes_nothing_now_is_told_with_the_reason(place: Path, empty_redis: RedisServer) -> None:
    """It asked for a pause, or has as much as it may have, or others wait for it."""
    now_ms = empty_redis.client.time()[0] * 1_000
    empty_redis.client.hset("{telecine}:providers", mapping={"dear:paused": now_ms + 600_000, "cheap:in_flight": 4})

    def reasons() -> list[str]:
        rows = objects(telecine(place, "route", "--model", "film", "--json").out)
        return [one["reason"] for one in rows]

    first, *others = reasons()
    assert first.startswith(("takes nothing for 5", "takes nothing for 600"))
    assert others == [None, None]
    empty_redis.client.hset("{telecine}:providers", "cheap:concurrency", 4)
    assert reasons()[1] == "takes nothing now: its concurrency is used up"
    empty_redis.client.hdel("{telecine}:providers", "cheap:concurrency")
    empty_redis.client.zadd("{telecine}:waiting:cheap", {"video_x": 1})
    assert reasons()[1] == "others wait for it"


OWN = """
store: {url: "%s"}
providers:
  a: {adapter: openai, base_url: "%s/v1", api_key: key_own, settings: OWN}
  b: {adapter: openai, base_url: "%s/v1", api_key: key_own, settings: OWN}
  away: {adapter: openai, base_url: "http://127.0.0.1:9/v1", settings: OWN}
models:
  wan: {strategy: cheapest, routes: [PRICED(a), PRICED(b), PRICED(away)]}
"""
SETTINGS = '{server: vllm-omni, models: {wan-demo: {seconds: [4], sizes: ["1280x720"]}}}'
PRICED = r'{route: \1/wan-demo, prices: [{per_second: "0.001", as_of: 2026-11-20, source: our electricity}]}'


async def test_what_waits_at_servers_of_ones_own_is_told(tmp_path: Path, empty_redis: RedisServer) -> None:
    """As they say it now, and it counts between equals; one that does not answer says nothing, and is no reason to."""
    async with selfhosted("vllm-omni", run_s=60.0) as a, selfhosted("vllm-omni") as b:
        head = {"Authorization": f"Bearer {a.api_key}"}
        async with httpx.AsyncClient(trust_env=False, verify=False, headers=head) as http:
            for _ in range(2):
                await http.post(f"{a.address}/videos", files={"prompt": (None, "a dream"), "seconds": (None, "4")})
        config = re.sub(r"PRICED\((\w+)\)", PRICED, OWN).replace("OWN", SETTINGS)
        (tmp_path / "config.yaml").write_text(config % (empty_redis.url, a.base_url, b.base_url))
        done = await asyncio.to_thread(telecine, tmp_path, "route", "--model", "wan", "--size", "1280x720", "--json")
    told = {row["route"]: row["reason"] for row in objects(done.out)}
    assert told == {"a/wan-demo": "2 jobs wait or run there", "b/wan-demo": None, "away/wan-demo": None}
    assert list(told)[-1] == "a/wan-demo"


def test_the_nearest_is_told_where_the_model_renders_it(place: Path) -> None:
    out = telecine(place, "route", "--model", "film", "--seconds", "5", "--size", "1900x1000").out.splitlines()
    assert out[0] == "the nearest that film renders: 1920x1080, 8 s"
    rows = objects(telecine(place, "route", "--model", "strict", "--seconds", "555", "--json").out)
    assert rows[0]["reason"] == "cannot render 555 seconds"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--model", "flim"), 1, 'no model is called "flim"; did you mean "film"?'),
        ((), 2, "Missing option '--model'"),
        (("--model", "film", "--size", "big"), 2, "is not a size such as 1280x720"),
        (("--model", "film", "--seconds", "0"), 2, "not in the range 1<=x<=3600"),
        (("--model", "film", "--strategy", "best"), 2, "'best' is not one of"),
    ],
)
def test_what_cannot_be_planned_is_told_in_a_sentence(
    place: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    done = telecine(place, "route", *words)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
