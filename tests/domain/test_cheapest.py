"""The cheapest clip of some routes is what a trial makes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.cheapest import cheapest
from gateway.domain.routing import Route, quote_on
from gateway.domain.videos import Request, StoredImage
from providers.contract import BILLION, Modifier, Price, Size, Verb
from tests.support.videos import route

DAY = "2026-11-21"
SMALL, LARGE = Size(720, 1280), Size(1280, 720)
PRICE = Price(per_second_micros=50_000, as_of=DAY, source="a page")
PICTURE = StoredImage(name="n", media_type="image/png", width=1, height=1, size_bytes=1, sha256="s")
ROUTES = st.lists(
    st.builds(
        lambda seconds, sizes, price, needs: replace(
            route("a", seconds=tuple(seconds), sizes=tuple(sizes), image=True, needs_image=needs),
            prices=(replace(PRICE, per_second_micros=price, image=Modifier(factor_billionths=2 * BILLION)),),
        ),
        st.lists(st.integers(1, 20), min_size=1, max_size=4),
        st.lists(st.sampled_from([SMALL, LARGE]), min_size=1, max_size=2),
        st.integers(0, 10**6),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(ROUTES)
def test_nothing_that_they_make_costs_less(routes: list[Route]) -> None:
    """Its price is the quote of the request that it asks for."""
    trial = cheapest(routes, DAY)
    assert trial is not None
    for one in routes:
        for seconds in one.abilities.seconds:
            for size in one.abilities.sizes:
                image = PICTURE if one.abilities.needs_image else None
                asked = Request(model="m", prompt="p", seconds=seconds, size=size, image=image)
                quoted = quote_on(one, asked, DAY)
                assert quoted is not None and trial.price_micros <= quoted.micros
                if (one, seconds, size) == (trial.route, trial.seconds, trial.size):
                    assert trial.price_micros == quoted.micros


def test_a_trial_goes_without_sound_where_that_costs_less() -> None:
    """And with it where it costs the same; what has no switch is not asked for either."""
    dear = (replace(PRICE, audio=True), replace(PRICE, audio=False, per_second_micros=25_000))
    for prices, switch, audio in ((dear, None, False), ((PRICE,), None, True), (dear, True, None), (dear, False, None)):
        trial = cheapest([replace(route("a", audio=switch), prices=prices)], DAY)
        assert trial is not None and trial.audio is audio


def test_what_cannot_be_tried_is_not() -> None:
    """Nothing that creates, nothing that has a price, nothing at all."""
    assert cheapest([], DAY) is None
    assert cheapest([route("a", verbs=(Verb.EDIT,)), replace(route("b"), prices=())], DAY) is None
