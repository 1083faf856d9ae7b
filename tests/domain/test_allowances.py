"""What a key and its project may ask for at all, and how they are told what they may not."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from gateway.domain import allowances, limits
from gateway.domain.budgets import Budget, Cap, Window, budget_of, counter_of, exhausted, resets_at, sane_thresholds
from gateway.domain.errors import Forbidden
from gateway.domain.limits import Limited, Limits, Owned, duration, refusal
from gateway.domain.routing import Route
from gateway.domain.videos import Choice, Request
from providers.contract import Abilities, Price, Size, Verb

PRICE = Price(per_second_micros=100_000, per_clip_micros=0, sizes=(), as_of=str(date(2026, 1, 1)), source="a test")
ABLE = Abilities(seconds=(4,), sizes=(Size(720, 1280),), verbs=(Verb.CREATE,), prices=(PRICE,))
REAL = Route(name="a/m", provider="a", account="a", model="m", abilities=ABLE, prices=(PRICE,))
SANDBOX = replace(REAL, name="mock/m", provider="mock", sandbox=True)
ROUTES = {"a/m": REAL, "mock/m": SANDBOX}
PLAN = (Choice(route="a/m", price_micros=400_000), Choice(route="mock/m", price_micros=100_000))
REQUEST = Request(model="sora-2", prompt="boat", seconds=4, size=Size(720, 1280))


def owned(**of_key: object) -> tuple[Owned, ...]:
    return (Owned("this API key", replace(Limits(), **of_key)), Owned("this project", Limits()))


def test_a_model_may_be_allowed_by_either_name() -> None:
    allowances.check_model(owned(), "sora-2", "sora-2")
    allowances.check_model(owned(models=("sora-2",)), "sora-2", "sora-2-2025-12-08")
    allowances.check_model(owned(models=("alias",)), "sora-2", "alias")
    with pytest.raises(Forbidden, match=r"This API key may not use the model 'sora-2-pro'\. Allowed are: 'sora-2'"):
        allowances.check_model(owned(models=("sora-2",)), "sora-2-pro", "sora-2-pro")


@pytest.mark.parametrize(("param", "allowed"), [("sizes", ("1280x720",)), ("seconds", (8, 12))])
def test_sizes_and_seconds_are_told_with_what_is_allowed(param: str, allowed: tuple[object, ...]) -> None:
    with pytest.raises(Forbidden, match=str(allowed[0])) as caught:
        allowances.check_request(owned(**{param: allowed}), REQUEST)
    assert (caught.value.status, caught.value.param) == (403, param.removesuffix("s") if param == "sizes" else param)
    allowances.check_request(owned(sizes=("720x1280",), seconds=(4,)), REQUEST)


def test_a_dear_route_is_dropped_and_a_cheap_one_stays() -> None:
    kept = allowances.narrowed(owned(request_max_micros=399_999), PLAN, ROUTES)
    assert [one.dropped for one in kept] == [
        "this API key may spend at most $0.399999 on one video; it costs $0.40", None,
    ]  # fmt: skip
    assert allowances.narrowed(owned(request_max_micros=400_000), PLAN, ROUTES) == PLAN
    nothing = allowances.narrowed(owned(request_max_micros=0), PLAN, ROUTES)
    assert "may spend at most $0.00 on one video" in str(allowances.barred(nothing))


def test_the_sandbox_alone_leaves_no_real_vendor() -> None:
    kept = allowances.narrowed(owned(sandbox_only=True), PLAN, ROUTES)
    assert [one.route for one in kept if one.dropped is None] == ["mock/m"]


def test_refusals_say_when_to_come_again() -> None:
    """Requests and flight can be tried again; the seconds of a day cannot, before it ends."""
    soon = refusal(Limited("requests", "key/k", 25, 25, 2_400, 60_000), "")
    assert (soon.status, soon.kind, soon.error_code, soon.retry, soon.retry_after_s) == (
        429, "requests", "rate_limit_exceeded", None, 3,
    )  # fmt: skip
    assert dict(soon.headers)["x-ratelimit-reset-requests"] == "1m0s"
    assert dict(soon.headers)["x-ratelimit-remaining-requests"] == "0"
    assert soon.message.startswith("Rate limit reached for this API key: 25 requests per minute.")
    assert refusal(Limited("requests", "key/k", 1, 1, 60_000), "").retry_after_s == limits.RETRY_S_MAX
    assert refusal(Limited("requests", "key/k", 1, 1, 60_001), "").retry_after_s == limits.RETRY_S_MAX
    flight = refusal(Limited("in_flight", "project/p", 2, 2, 0), "")
    assert "for this project: 2 of 2" in flight.message
    assert (flight.error_code, flight.retry_after_s) == ("rate_limit_exceeded", limits.IN_FLIGHT_RETRY_S)
    day = refusal(Limited("seconds", "project/p", 60, 58, 0), "2026-11-22T00:00:00Z")
    assert (day.error_code, day.retry, day.retry_after_s) == ("insufficient_quota", False, None)
    assert "2026-11-22T00:00:00Z" in day.message


@pytest.mark.parametrize(
    ("millis", "text"),
    [(0, "0ms"), (12, "12ms"), (1_000, "1s"), (1_500, "1.5s"), (360_000, "6m0s"), (61_001, "1m1.001s")],
)
def test_durations_are_written_as_openai_writes_them(millis: int, text: str) -> None:
    assert duration(millis) == text


def test_counters_belong_to_budgets_that_reset() -> None:
    now_ms = 1_795_305_599_999  # 2026-11-21T23:59:59.999Z
    for name, counter, reset in (
        ("gateway/total", "gateway/total", None),
        ("key/k/day", "key/k/day/2026-11-21", "2026-11-22T00:00:00Z"),
        ("provider/a-2026/month", "provider/a-2026/month/2026-11", "2026-12-01T00:00:00Z"),
        ("provider/2026-11/day", "provider/2026-11/day/2026-11-21", "2026-11-22T00:00:00Z"),
        ("provider/2026-11/total", "provider/2026-11/total", None),
    ):
        assert (counter_of(name, now_ms), budget_of(counter), resets_at(counter)) == (counter, name, reset)
    assert resets_at("gateway/month/2026-12") == "2027-01-01T00:00:00Z"


def test_what_is_held_counts_against_a_budget_as_what_is_spent_does() -> None:
    """Of a cap, what is left and what is over; never less than nothing."""
    for held, settled, left, over in ((0, 0, 10, 0), (4, 3, 3, 0), (10, 0, 0, 0), (0, 10, 0, 0), (7, 5, 0, 2)):
        budget = Budget(scope="gateway", window=Window.TOTAL, cap=Cap(10), held_micros=held, settled_micros=settled)
        assert (budget.left_micros, budget.overrun_micros) == (left, over)
    refunded = Budget(scope="gateway", window=Window.TOTAL, cap=Cap(10), settled_micros=-5)
    assert (refunded.left_micros, refunded.overrun_micros) == (15, 0)


def test_only_ones_own_sums_are_told() -> None:
    mine = exhausted("project/p/total", 5_000_000, 4_800_000, 400_000)
    assert "of $5.00" in mine and "$4.80 are spent or held" in mine and "resets" not in mine
    others = exhausted("provider/a/day/2026-11-21", 5_000_000, 4_800_000, 400_000)
    assert "$5.00" not in others and "$4.80" not in others and "provider" not in others


@pytest.mark.parametrize(
    ("percents", "sane"), [
        ((), True), ((50, 80, 100), True), ((1, 100), True), (tuple(range(1, 17)), True),
        ((80, 50), False), ((50, 50), False), ((0,), False), ((101,), False), (tuple(range(1, 18)), False),
    ],
)  # fmt: skip
def test_thresholds_rise_from_one_to_a_hundred(percents: tuple[int, ...], sane: bool) -> None:
    assert sane_thresholds(percents) == sane
