"""What a request costs: which line of a list counts, and that it is counted exactly and rounded up once."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.pricing import cost_micros, line_for, quote, with_sound
from gateway.domain.routing import plan
from gateway.domain.videos import Request, StoredImage
from providers.contract import BILLION, Modifier, Price, Size, Verb
from tests.support.videos import ABLE, PRICE, SIZE, model, route

HD = Size(1920, 1080)
DAY = "2026-11-21"
REQUEST = Request(model="sora-2", prompt="p", seconds=4, size=SIZE)
PICTURE = StoredImage(name="i", media_type="image/png", width=1, height=1, size_bytes=1, sha256="")
RATE = 5_000_000  # half a cent


def line(name: str, **fields: Any) -> Price:
    return Price(as_of="2026-11-01", source=name, **fields)


def counts(*prices: Price, size: Size = SIZE, seconds: int = 4, sound: bool = True, day: str = DAY) -> str | None:
    found = line_for(prices, size, seconds, sound=sound, day=day)
    return None if found is None else found.source


# --- which line --------------------------------------------------------------------------------------------------


def test_the_first_line_that_fits_size_and_sound_counts() -> None:
    hd = line("hd", sizes=(HD,))
    silent, loud = line("silent", audio=False), line("loud", audio=True)
    assert [counts(hd, silent, loud, size=size) for size in (HD, SIZE)] == ["hd", "loud"]
    assert counts(hd, silent, loud, sound=False) == "silent"
    assert counts(line("a"), line("b")) == "a"


def test_a_line_may_be_for_some_lengths_only() -> None:
    """Vendors that price by the clip ask more than twice as much for twice the length."""
    short, long = line("short", seconds=(4,), per_clip_micros=30), line("long", seconds=(8, 12), per_clip_micros=90)
    assert [counts(short, long, seconds=seconds) for seconds in (4, 8, 12, 16)] == ["short", "long", "long", None]
    found = quote((short, long), replace(REQUEST, seconds=8), sound=True, day=DAY)
    assert found is not None and found.micros == 90


def test_no_line_is_not_free() -> None:
    assert counts(line("hd", sizes=(HD,)), line("silent", audio=False)) is None
    assert quote((line("hd", sizes=(HD,)),), REQUEST, sound=True, day=DAY) is None
    (choice,) = plan(model(replace(route("a"), prices=(line("later", valid_from="2026-11-22"),))), REQUEST, DAY)
    assert (choice.price_micros, choice.dropped) == (None, "has no price for this request")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_dated_lines_the_one_that_began_last_counts_in_any_order(order: tuple[int, ...]) -> None:
    """A line begins with its day in UTC, and one without a day came before all of them."""
    lines = (line("old"), line("now", valid_from="2026-11-21"), line("next", valid_from="2027-01-01"))
    prices = tuple(lines[at] for at in order)
    days = ("2026-11-20", "2026-11-21", "2026-12-31", "2027-01-01")
    assert [counts(*prices, day=day) for day in days] == ["old", "now", "now", "next"]


def test_a_later_line_replaces_only_what_it_fits() -> None:
    prices = (line("all"), line("hd from now", sizes=(HD,), valid_from=DAY))
    assert [counts(*prices, size=size) for size in (HD, SIZE)] == ["hd from now", "all"]


def test_sound_is_what_the_model_does() -> None:
    """A model with a switch is asked for sound unless the request wants none, and its clips cost accordingly; a route
    that cannot do what is wanted is dropped."""
    assert [with_sound(replace(ABLE, audio=audio)) for audio in (True, None, False)] == [True, True, False]
    prices = (line("silent", audio=False, per_clip_micros=1), line("loud", audio=True, per_clip_micros=2))
    routes = [replace(route(str(audio), audio=audio), prices=prices) for audio in (True, None, False)]
    assert [one.price_micros for one in plan(model(*routes), REQUEST, DAY)] == [2, 2, 1]
    planned = {wanted: plan(model(*routes), replace(REQUEST, audio=wanted), DAY) for wanted in (True, False)}
    assert [one.price_micros for one in planned[True]] == [2, 2, None]
    assert [one.price_micros for one in planned[False]] == [1, 1, None]
    assert [planned[wanted][2].dropped for wanted in (True, False)] == [
        "makes no sound",
        "makes no clips without sound",
    ]


# --- how much ----------------------------------------------------------------------------------------------------


def cost(price: Price, seconds: int = 4, verb: Verb = Verb.CREATE, image: bool = False) -> int:
    return cost_micros(price, seconds, verb=verb, image=image)


def test_seconds_and_clip_add_up_in_dollars_and_in_credits() -> None:
    assert cost(PRICE) == 400_000
    assert cost(line("", per_second_micros=30_000, per_clip_micros=7)) == 120_007
    credit = {"per_second_credit_billionths": 9 * BILLION, "per_clip_credit_billionths": BILLION // 2}
    assert cost(line("", credit_usd_billionths=RATE, **credit)) == 182_500


@pytest.mark.parametrize(
    ("per_second", "rate", "seconds", "micros"),
    [
        (1, 1, 1, 1),  # a billionth of a credit at a billionth of a dollar is not nothing
        (BILLION, 500, 2, 1),  # two credits at 0.0000005 dollars are one whole micro-dollar
        (BILLION, 500, 3, 2),
        (700_000_000, 270_000_000, 1, 189_000),
        (BILLION // 3, 1_000, 3, 1),  # 0.999999999 credits at a micro-dollar
    ],
)
def test_a_fraction_of_a_micro_dollar_is_rounded_up_once(per_second: int, rate: int, seconds: int, micros: int) -> None:
    assert cost(line("", per_second_credit_billionths=per_second, credit_usd_billionths=rate), seconds) == micros


def test_factors_multiply_the_price_and_amounts_come_on_top() -> None:
    """A discount for remixes is none for the picture's surcharge."""
    half, four_cents = Modifier(factor_billionths=BILLION // 2), Modifier(add_micros=40_000)
    price = replace(PRICE, remix=half, image=four_cents)
    assert cost(price) == 400_000
    assert cost(price, image=True) == 440_000
    assert cost(price, verb=Verb.REMIX) == 200_000
    assert cost(price, verb=Verb.REMIX, image=True) == 240_000
    assert cost(price, verb=Verb.EDIT) == cost(price, verb=Verb.EXTEND) == 400_000
    assert cost(replace(PRICE, remix=Modifier(factor_billionths=0)), verb=Verb.REMIX) == 0
    credits_more = Modifier(add_credit_billionths=8 * BILLION)
    assert cost(replace(PRICE, credit_usd_billionths=RATE, image=credits_more), image=True) == 440_000


def test_a_quote_reads_verb_and_image_from_the_request() -> None:
    price = replace(PRICE, image=Modifier(add_micros=1), edit=Modifier(factor_billionths=2 * BILLION))
    for request, micros in (
        (REQUEST, 400_000),
        (replace(REQUEST, image=PICTURE), 400_001),
        (replace(REQUEST, verb=Verb.EDIT), 800_000),
    ):
        quoted = quote((price,), request, sound=True, day=DAY)
        assert quoted is not None
        assert (quoted.micros, quoted.price) == (micros, price)


BILLIONTHS = st.one_of(st.sampled_from((0, 1, BILLION - 1, BILLION, BILLION + 1)), st.integers(0, 10**12))
MICROS = st.one_of(st.sampled_from((0, 1)), st.integers(0, 10**9))
MODIFIERS = st.none() | st.one_of(
    st.builds(Modifier, factor_billionths=BILLIONTHS),
    st.builds(Modifier, add_micros=MICROS),
    st.builds(Modifier, add_credit_billionths=BILLIONTHS),
)
PRICES = st.builds(
    Price,
    per_second_micros=MICROS,
    per_clip_micros=MICROS,
    per_second_credit_billionths=BILLIONTHS,
    per_clip_credit_billionths=BILLIONTHS,
    credit_usd_billionths=BILLIONTHS,
    image=MODIFIERS,
    remix=MODIFIERS,
    edit=MODIFIERS,
    extend=MODIFIERS,
    as_of=st.just(DAY),
    source=st.just("drawn"),
)


def exactly(price: Price, seconds: int, verb: Verb, image: bool) -> Fraction:
    """The same in dollars, with fractions: a second bookkeeper."""
    rate = Fraction(price.credit_usd_billionths or 0, BILLION)

    def dollars(micros: int, credit_billionths: int) -> Fraction:
        return Fraction(micros, 10**6) + Fraction(credit_billionths, BILLION) * rate

    total = dollars(price.per_clip_micros, price.per_clip_credit_billionths)
    total += seconds * dollars(price.per_second_micros, price.per_second_credit_billionths)
    verbs = {Verb.REMIX: price.remix, Verb.EDIT: price.edit, Verb.EXTEND: price.extend}
    applied = [one for one in (verbs.get(verb), price.image if image else None) if one is not None]
    for one in applied:
        total *= Fraction(one.factor_billionths, BILLION)
    return total + sum((dollars(one.add_micros, one.add_credit_billionths) for one in applied), Fraction(0))


@given(PRICES, st.integers(1, 3_600), st.sampled_from(Verb), st.booleans())
def test_a_cost_is_the_exact_amount_rounded_up_once(price: Price, seconds: int, verb: Verb, image: bool) -> None:
    assert cost_micros(price, seconds, verb=verb, image=image) == ceil(exactly(price, seconds, verb, image) * 10**6)


@given(PRICES, st.integers(1, 3_600), st.sampled_from(Verb), st.booleans())
def test_a_longer_clip_never_costs_less(price: Price, seconds: int, verb: Verb, image: bool) -> None:
    now, longer = (cost_micros(price, seconds + more, verb=verb, image=image) for more in (0, 1))
    assert 0 <= now <= longer
