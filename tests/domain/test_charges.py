"""A vendor's own charge in our money: exact, rounded up, in dollars or at the rate that the attempt was quoted with."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import moves
from gateway.domain.change import Kind, Posting
from gateway.domain.charges import micros_of
from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.domain.news import Ask, Broke, Made, News, Stored, Took
from gateway.domain.routing import Model
from gateway.domain.videos import decode_video, encode_video
from providers.contract import BILLION, Charge, Remote, Unit, Why
from tests.support.videos import PRICE, T0, admitted, model, route, world

RATE = 5_000_000  # half a cent
IN_CREDITS = replace(PRICE, credit_usd_billionths=RATE)


@pytest.mark.parametrize(
    ("amount", "unit", "rate", "micros"),
    [
        ("0.37", Unit.USD, None, 370_000),
        ("3.7E-1", Unit.USD, None, 370_000),
        ("0", Unit.USD, None, 0),
        ("-0", Unit.USD, None, 0),
        ("0e999999", Unit.USD, None, 0),
        ("0.0000001", Unit.USD, None, 1),
        ("0.1000001", Unit.USD, None, 100_001),
        ("0" * 63 + "1", Unit.USD, None, 1_000_000),  # as long as a charge may be
        ("1e-40", Unit.USD, None, 1),  # as fine
        ("9" * 40, Unit.CREDITS, 1, None),
        ("1" + "0" * 39 + "e-36", Unit.USD, None, 1_000_000_000),
        ("0.3000000000000000000000000000000001", Unit.USD, None, 300_001),
        ("60", Unit.CREDITS, RATE, 300_000),
        ("0.7", Unit.CREDITS, 270_000_000, 189_000),
        ("1", Unit.CREDITS, 1, 1),
        ("1050000", Unit.CREDITS, 500, 525_000),
        ("60", Unit.CREDITS, None, None),
        ("0", Unit.CREDITS, None, 0),
        ("5", Unit.TOKENS, RATE, None),
        ("0", Unit.TOKENS, RATE, None),
        ("5", Unit.SECONDS, RATE, None),
        ("9007199254.740991", Unit.USD, None, AMOUNT_MICROS_MAX),
        ("9007199254.740992", Unit.USD, None, None),
    ],
)
def test_a_charge_in_micro_dollars(amount: str, unit: Unit, rate: int | None, micros: int | None) -> None:
    assert micros_of(Charge(amount, unit), rate) == micros


@pytest.mark.parametrize(
    "amount",
    [
        "",
        "-1",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "9e999999",
        "1e-999999",
        "1e99",
        "five",
        "1,5",
        "1" * 65,
        "0" * 64 + "1",
        "1e-41",
        "1e-80",
    ],
)
def test_what_makes_no_sense_is_not_known(amount: str) -> None:
    """And costs no time: an exponent asks for no number of its own length."""
    assert micros_of(Charge(amount), None) is None
    assert micros_of(Charge(amount, Unit.CREDITS), RATE) is None


@given(st.decimals(0, 10**6, allow_nan=False, places=12), st.integers(1, 10**11))
def test_credits_are_the_exact_amount_rounded_up_once(amount: Decimal, rate: int) -> None:
    """And a charge in dollars is one in credits that are worth a dollar."""
    exact = Fraction(amount) * Fraction(rate, BILLION) * 10**6
    expected = ceil(exact) if ceil(exact) <= AMOUNT_MICROS_MAX else None
    assert micros_of(Charge(str(amount), Unit.CREDITS), rate) == expected
    assert micros_of(Charge(str(amount)), None) == micros_of(Charge(str(amount), Unit.CREDITS), BILLION)


@given(st.text(max_size=80))
def test_any_text_is_an_amount_or_not_known(text: str) -> None:
    micros = micros_of(Charge(text), None)
    assert micros is None or 0 <= micros <= AMOUNT_MICROS_MAX


# --- what is booked ----------------------------------------------------------------------------------------------


def quoted_with(price: Any) -> Model:
    return model(replace(route("a"), prices=(price,)))


def ended(at_first: Model, *news: News, then: Model | None = None) -> Posting:
    """The last posting of a video that went through the store, `then` under another configuration."""
    video = admitted(at_first).video
    for one in (Ask(1, T0 + 5_000), Took(1, {"id": "x"}), *news):
        moved = moves.apply(decode_video(encode_video(video)), one, world(then or at_first))
        video = moved.video
    (posting,) = moved.postings
    return posting


def made(charged: Charge | None) -> tuple[News, ...]:
    return (Made(attempt=1, assets=(Remote(link="https://a.test/clip"),), charged=charged), Stored(1, ()))


def test_a_charge_in_credits_is_booked_at_the_rate_of_the_quote() -> None:
    posting = ended(quoted_with(IN_CREDITS), *made(Charge("75", Unit.CREDITS)))
    assert (posting.kind, posting.amount_micros, posting.released_micros) == (Kind.SETTLE, 375_000, 400_000)


def test_a_rate_that_changed_meanwhile_changes_no_attempt() -> None:
    """Neither another rate nor a line that lost its own: the attempt pins what it was quoted with."""
    for price in (replace(IN_CREDITS, credit_usd_billionths=2 * RATE), PRICE):
        posting = ended(quoted_with(IN_CREDITS), *made(Charge("75", Unit.CREDITS)), then=quoted_with(price))
        assert posting.amount_micros == 375_000


def test_credits_without_a_rate_settle_at_the_price() -> None:
    assert ended(quoted_with(PRICE), *made(Charge("75", Unit.CREDITS))).amount_micros == 400_000
    assert ended(quoted_with(PRICE), *made(Charge("75", Unit.CREDITS)), then=quoted_with(IN_CREDITS)).amount_micros == (
        400_000
    )


@pytest.mark.parametrize(
    ("amount", "kind", "micros"), [("0", Kind.VOID, 0), ("20", Kind.SETTLE, 100_000), ("0.0000001", Kind.SETTLE, 1)]
)
def test_a_broken_job_costs_the_credits_that_the_vendor_took(amount: str, kind: Kind, micros: int) -> None:
    """The least that was taken is not nothing: only a charge of zero gives the hold back."""
    posting = ended(quoted_with(IN_CREDITS), Broke(attempt=1, why=Why.BLOCKED, charged=Charge(amount, Unit.CREDITS)))
    assert (posting.kind, posting.amount_micros) == (kind, micros)
