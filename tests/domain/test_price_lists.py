"""A price list that cannot mean what it says is found out before anything is quoted from it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.domain.price_lists import faults
from gateway.domain.pricing import line_for
from providers.contract import BILLION, Modifier, Price, Size, Verb
from tests.support.videos import ABLE, SIZE

HD, SD = Size(1920, 1080), Size(640, 360)
MODEL = replace(ABLE, sizes=(SIZE, HD))
CREATES = replace(MODEL, verbs=(Verb.CREATE,), image=False, audio=True)


def line(**fields: Any) -> Price:
    return Price(as_of="2026-11-01", source="s", **fields)


@pytest.mark.parametrize(
    "prices",
    [
        (line(sizes=(HD,)), line()),
        (line(), line(valid_from="2026-01-01"), line(valid_from="2027-01-01", sizes=(HD,))),
        (line(valid_from="2027-01-01"), line()),
        (line(audio=True), line(audio=False)),
        (line(sizes=(HD, SD)), line(sizes=(HD, SIZE))),
        (line(seconds=(8,)), line()),
        (line(image=Modifier(add_micros=1), extend=Modifier(factor_billionths=0)),),
    ],
)
def test_history_future_and_overlaps_are_no_mistakes(prices: tuple[Price, ...]) -> None:
    assert list(faults(prices, MODEL)) == []


@pytest.mark.parametrize(
    ("prices", "at", "reason"),
    [
        ((line(), line(sizes=(HD,))), 1, "lines before it that begin on the same day"),
        ((line(valid_from="2026-01-01"), line(valid_from="2026-01-01")), 1, "lines before it"),
        ((line(sizes=(HD,)), line(sizes=(SIZE,)), line()), 2, "lines before it"),
        ((line(audio=True), line(audio=False), line()), 2, "lines before it"),
        ((line(), line(sizes=(SD,), valid_from="2027-01-01")), 1, "renders none of these sizes"),
        ((line(seconds=(77,)), line()), 0, "renders none of these lengths"),
        ((line(), line(seconds=(4,))), 1, "lines before it"),
    ],
)
def test_a_line_that_never_counts_is_found(prices: tuple[Price, ...], at: int, reason: str) -> None:
    ((found, said),) = faults(prices, MODEL)
    assert found == at and reason in said and said.startswith("never counts")


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (line(audio=False), "clips of this model are always with sound"),
        (line(image=Modifier(add_micros=1)), "`image` never counts"),
        (line(remix=Modifier(add_micros=1)), "`remix` never counts"),
    ],
)
def test_a_price_for_what_the_model_cannot_do_is_found(price: Price, reason: str) -> None:
    ((_, said),) = faults((price,), CREATES)
    assert reason in said


@pytest.mark.parametrize(
    "fields",
    [
        {"per_clip_micros": AMOUNT_MICROS_MAX + 1},
        {"per_second_micros": AMOUNT_MICROS_MAX // 8 + 1},
        {"per_clip_micros": AMOUNT_MICROS_MAX // 2 + 1, "remix": Modifier(factor_billionths=2 * BILLION)},
        {"per_clip_micros": AMOUNT_MICROS_MAX, "image": Modifier(add_micros=1)},
        {"per_clip_credit_billionths": 10**18, "credit_usd_billionths": 10**18},
    ],
)
def test_a_clip_dearer_than_the_ledger_can_count_is_found(fields: dict[str, Any]) -> None:
    """With the longest clip, every factor and every surcharge; to the micro-dollar."""
    ((_, said),) = faults((line(**fields),), MODEL)
    assert said == "its dearest clip costs more than the ledger can count"
    assert list(faults((line(per_clip_micros=AMOUNT_MICROS_MAX),), MODEL)) == []


DAYS = (None, "2026-01-01", "2026-06-01")
LINES = st.builds(
    line,
    sizes=st.lists(st.sampled_from((SIZE, HD, SD)), max_size=2, unique=True).map(tuple),
    seconds=st.lists(st.sampled_from((4, 8, 77)), max_size=2, unique=True).map(tuple),
    audio=st.sampled_from((None, True, False)),
    valid_from=st.sampled_from(DAYS),
)


@given(st.lists(LINES, min_size=1, max_size=5), st.sampled_from((None, True, False)))
def test_a_line_is_complained_of_exactly_if_no_clip_on_any_day_is_priced_by_it(
    prices: list[Price], audio: bool | None
) -> None:
    numbered = [replace(one, source=str(at)) for at, one in enumerate(prices)]
    able = replace(MODEL, audio=audio)
    counted = {
        found.source
        for size, seconds in product(able.sizes, able.seconds)
        for sound in ((True, False) if audio is None else (audio,))
        for day in ("2025-12-31", "2026-01-01", "2026-06-01")
        if (found := line_for(numbered, size, seconds, sound=sound, day=day)) is not None
    }
    complained = {str(at) for at, _ in faults(numbered, able)}
    assert complained == {one.source for one in numbered} - counted
