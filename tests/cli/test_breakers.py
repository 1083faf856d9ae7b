"""`telecine breakers`: all of them are listed, and one is closed by hand, which is told."""

from __future__ import annotations

from pathlib import Path

from gateway.domain import chart as charts
from gateway.domain.breaker import Rules, Scope, Turn
from gateway.domain.chart import BLANK
from gateway.domain.observations import Sign
from providers.contract import Why
from tests.cli.telecine import configured, objects, telecine
from tests.support.redis import RedisServer, empty_redis, redis_server
from tests.support.seeing import seen

__all__ = ["empty_redis", "redis_server"]

HEALTH, EVENTS = "{telecine}:health", "{telecine}:events"


def barred(server: RedisServer, name: str = "provider/mock") -> None:
    """An account without credit, as a worker would have written it."""
    seconds, _ = server.client.time()
    now_ms = seconds * 1_000
    one = seen(Sign.REFUSED, Why.NO_CREDIT, at_ms=now_ms)
    chart = charts.after(BLANK, Scope.PROVIDER, Turn(one, now_ms, Rules(open_s=600), 0.5))
    server.client.hset(HEALTH, name, charts.encode_chart(chart))


def test_every_provider_and_route_is_listed(tmp_path: Path, empty_redis: RedisServer) -> None:
    """Also those of which nothing is known; providers first, their routes behind; what is no chart is passed over."""
    place = configured(tmp_path / "here", empty_redis.url)
    barred(empty_redis)
    empty_redis.client.hset(HEALTH, "nonsense", "x")
    empty_redis.client.hset(HEALTH, "route/gone/m", "x")
    rows = objects(telecine(place, "breakers", "list", "--json").out)
    assert [(one["scope"], one["name"]) for one in rows] == [
        ("provider", "mock"), ("route", "mock/mock-video"), ("route", "mock/sora-2"), ("route", "mock/sora-2-pro"),
        ("route", "gone/m"),
    ]  # fmt: skip
    assert (rows[0]["state"], rows[0]["reason"], rows[0]["success"]) == ("open", "no_credit", 0.0)
    assert (rows[1]["state"], rows[1]["reason"], rows[1]["success"]) == ("closed", None, None)
    table = telecine(place, "breakers", "list").out.splitlines()
    assert table[0].split()[:3] == ["SCOPE", "NAME", "STATE"] and "no_credit" in table[1]


def test_an_operator_closes_a_breaker_and_that_is_told(tmp_path: Path, empty_redis: RedisServer) -> None:
    place = configured(tmp_path / "here", empty_redis.url)
    barred(empty_redis)
    done = telecine(place, "breakers", "reset", "mock")
    assert (done.status, done.out) == (0, "mock is closed\n")
    rows = objects(telecine(place, "breakers", "list", "--json").out)
    assert (rows[0]["state"], rows[0]["success"]) == ("closed", 0.0)
    ((_, event),) = empty_redis.client.xrange(EVENTS)
    assert (event["kind"], event["name"]) == ("breaker.reset", "provider/mock")
    assert event["reason"].startswith("by ")
    again = objects(telecine(place, "breakers", "reset", "mock/sora-2", "--json").out)
    assert again == [{"name": "mock/sora-2", "state": "closed", "was_open": False}]


def test_a_name_that_is_none_is_refused(tmp_path: Path, empty_redis: RedisServer) -> None:
    """Nothing is written, and a sentence says where the names are."""
    place = configured(tmp_path / "here", empty_redis.url)
    for name in ("vendor", "mock/sora", ""):
        done = telecine(place, "breakers", "reset", name)
        assert (done.status, done.out) == (1, "")
        assert "telecine breakers list shows them" in done.err
    assert empty_redis.client.exists(HEALTH, EVENTS) == 0
