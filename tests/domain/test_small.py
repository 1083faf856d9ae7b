"""Money, identifiers, keys, intervals and prices: small functions with sharp edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import ids, keys, money, retry
from gateway.domain.errors import NoKey, WrongKey
from gateway.domain.routing import plan
from gateway.domain.videos import Request
from providers.contract import Size
from tests.support.videos import SIZE, T0, model, route


@given(st.integers(0, money.AMOUNT_MICROS_MAX))
def test_dollars_survive_writing_and_reading(micros: int) -> None:
    assert money.parse_dollars(money.format_dollars(micros).removeprefix("$")) == micros


@pytest.mark.parametrize("text", ["-1", "1e3", "0.0000001", "", " 1", "1,5", "NaN", "\uff19", "9999999999.9"])
def test_amounts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|ledger"):
        money.parse_dollars(text)


def test_cents_are_always_shown() -> None:
    assert [money.format_dollars(one) for one in (0, 100_000, -1_500_000, 1)] == [
        "$0.00",
        "$0.10",
        "-$1.50",
        "$0.000001",
    ]


@given(
    st.integers(0, 2**47),
    st.integers(1, 2**40),
    st.binary(min_size=18, max_size=18),
    st.binary(min_size=18, max_size=18),
)
def test_video_ids_sort_by_time(now_ms: int, later_ms: int, one: bytes, other: bytes) -> None:
    first, second = ids.video_id(now_ms, one), ids.video_id(now_ms + later_ms, other)
    assert ids.VIDEO_ID.fullmatch(first)
    assert first < second


def test_an_attempts_key_is_the_same_every_time_and_its_own() -> None:
    assert ids.attempt_key("video_1.1") == ids.attempt_key("video_1.1")
    assert ids.attempt_key("video_1.1") != ids.attempt_key("video_1.2")


def test_a_secret_is_kept_as_a_digest_only() -> None:
    secret = keys.new_secret(bytes(range(32)))
    assert secret.startswith("sk-tc-")
    assert keys.bearer_digest(f"Bearer {secret}") == keys.digest(secret)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "sk-tc-1"])
def test_no_key_is_told_apart_from_a_wrong_one(header: str | None) -> None:
    with pytest.raises(NoKey):
        keys.bearer_digest(header)


def test_revoked_expired_closed_and_unknown_keys_get_one_answer() -> None:
    key = keys.Key(id="key_1", project="proj_1", created_ms=T0, expires_ms=T0 + 10)
    refused = [
        None,
        keys.Standing(key, keys.Status.CLOSED),
        keys.Standing(keys.Key(id="k", project="p", created_ms=T0, status=keys.Status.REVOKED), keys.Status.ACTIVE),
    ]
    assert keys.admit_key(keys.Standing(key, keys.Status.ACTIVE), T0 + 9) == key
    told = set()
    for standing, now_ms in [*((one, T0) for one in refused), (keys.Standing(key, keys.Status.ACTIVE), T0 + 10)]:
        with pytest.raises(WrongKey) as caught:
            keys.admit_key(standing, now_ms)
        told.add(str(caught.value.body()))
    assert len(told) == 1


@given(st.integers(-(10**9), 10**9), st.floats(0, 0.999))
def test_poll_intervals_stay_within_the_routes_bounds(age_ms: int, jitter: float) -> None:
    assert 1_800 <= retry.poll_interval_ms(age_ms, min_s=2, max_s=15, jitter=jitter) <= 16_500


@given(st.integers(-5, 10**6), st.floats(0, 0.999))
def test_backoff_is_bounded(tries: int, jitter: float) -> None:
    assert 500 <= retry.backoff_ms(tries, jitter=jitter) <= retry.BACKOFF_MAX_MS


def test_a_plan_keeps_the_configured_order_and_says_why_routes_were_dropped() -> None:
    config = model(route("small", sizes=(Size(128, 128),)), route("b"), route("c", seed=False), route("d"))
    asked = Request(model="sora-2", prompt="p", seconds=4, size=SIZE, seed=7)
    assert [(one.route, one.dropped) for one in plan(config, asked, "2026-11-21")] == [
        ("b/m", None),
        ("d/m", None),
        ("small/m", "cannot render 720x1280"),
        ("c/m", "takes no seed"),
    ]
