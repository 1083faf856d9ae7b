"""The nearest size and length: which one it is, when it is taken, and that it is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.errors import BadInput
from gateway.domain.fitting import settle
from gateway.domain.nearest import nearest_seconds, nearest_size
from gateway.domain.requests import Asked
from gateway.domain.routing import why_not
from gateway.domain.synonyms import Said
from gateway.domain.videos import Request, SourceVideo, StoredImage, adjusted
from providers.contract import Size, Verb
from tests.support.videos import model, route

TALL, WIDE, HIGH, BROAD, SQUARE = (
    Size(*of) for of in ((720, 1280), (1280, 720), (1024, 1792), (1792, 1024), (960, 960))
)
SIZES = (TALL, WIDE, HIGH, BROAD)
LOOSE = model(route("a", sizes=SIZES, seconds=(4, 8)), route("b", sizes=(TALL,), seconds=(4, 12)), nearest=True)
ASKED = Asked(verb=Verb.CREATE, model="sora-2", prompt="A boat")
SIDES = st.integers(0, 99_999)


def of_size(size: Size | None) -> Said[Size]:
    return Said(size, "size", "Invalid value.")


def of_seconds(seconds: int | None) -> Said[int]:
    return Said(seconds, "seconds", "Invalid value.")


def wish(size: Size | None = None, seconds: int | None = None) -> Asked:
    return replace(
        ASKED,
        size=of_size(size) if size is not None else None,
        seconds=of_seconds(seconds) if seconds is not None else None,
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Size(1920, 1080), WIDE),  # the same shape, smaller
        (Size(1080, 1920), TALL),
        (Size(1750, 1000), BROAD),
        (Size(900, 899), BROAD),  # just landscape: the squarer of the wide ones
        (Size(3000, 1), WIDE),
        (Size(0, 0), TALL),
    ],
)
def test_the_nearest_size_keeps_the_orientation_then_the_shape_then_the_area(asked: Size, found: Size) -> None:
    offered = (*SIZES, SQUARE) if asked == Size(0, 0) else SIZES
    assert nearest_size(asked, offered) == (SQUARE if asked == Size(0, 0) else found)


@given(st.builds(Size, SIDES, SIDES), st.lists(st.builds(Size, SIDES, SIDES), min_size=1, max_size=9))
def test_the_nearest_size_is_one_that_is_offered_and_itself_if_it_can_be(asked: Size, offered: list[Size]) -> None:
    """Whatever sides; a landscape is never turned while another landscape is offered."""
    found = nearest_size(asked, offered)
    assert found in offered
    if asked in offered and asked.width * asked.height:
        assert found == asked
    if asked.width > asked.height and any(one.width > one.height for one in offered):
        assert found.width > found.height


@given(st.integers(-5, 10**12), st.lists(st.integers(1, 100), min_size=1, max_size=9))
def test_the_nearest_length_is_not_shorter_where_one_is_not(asked: int, offered: list[int]) -> None:
    found = nearest_seconds(asked, offered)
    assert found in offered
    assert all(one < asked or one >= found for one in offered) if found >= asked else found == max(offered)


def test_by_default_nothing_but_what_was_asked_for_is_rendered() -> None:
    for asked in (wish(seconds=5), wish(size=Size(1920, 1080))):
        with pytest.raises(BadInput, match="Supported"):
            settle(asked, replace(LOOSE, nearest=False))


def test_what_is_rendered_instead_is_told_with_what_was_asked_for() -> None:
    """The length is one of the routes that render the size: twelve seconds exist only upright."""
    request = settle(wish(Size(1920, 1080), 9), LOOSE)
    assert (request.size, request.seconds) == (WIDE, 8)
    assert adjusted(request) == {"size": ("1920x1080", "1280x720"), "seconds": ("9", "8")}
    assert settle(wish(TALL, 9), LOOSE).seconds == 12


def test_what_a_route_has_is_rendered_as_asked_and_nothing_is_told() -> None:
    request = settle(wish(TALL, 12), LOOSE)
    assert (request.size, request.seconds, adjusted(request)) == (TALL, 12, {})


@given(st.builds(Size, SIDES, SIDES), st.integers(1, 10**9))
def test_a_route_can_always_render_what_is_nearest(size: Size, seconds: int) -> None:
    request = settle(wish(size, seconds), LOOSE)
    assert any(why_not(one, request) is None for one in LOOSE.routes)


@pytest.mark.parametrize("asked", [replace(ASKED, seconds=of_seconds(None)), replace(ASKED, size=of_size(None))])
def test_a_word_that_is_no_size_and_no_length_has_nothing_near_it(asked: Asked) -> None:
    with pytest.raises(BadInput):
        settle(asked, LOOSE)
    with pytest.raises(BadInput):
        settle(wish(seconds=0), LOOSE)


def test_an_image_must_fit_what_is_rendered() -> None:
    """It is not stretched: the refusal names the size that the video will have."""
    image = StoredImage(name="n", media_type="image/png", width=1920, height=1080, size_bytes=1, sha256="s")
    with pytest.raises(BadInput, match="the video will be 1280x720"):
        settle(wish(Size(1920, 1080)), LOOSE, image=image)


def test_a_clip_that_is_made_from_another_is_never_resized() -> None:
    """A remix is as large and as long as its source; an extension may add another length, within the whole."""
    source = SourceVideo(video="v", asset="a", size_bytes=1, account="x", ref={}, seconds=8, size=SQUARE)
    with pytest.raises(BadInput, match="source video is 960x960"):
        settle(replace(ASKED, verb=Verb.REMIX), LOOSE, source=source)
    source = replace(source, size=TALL)
    longer = replace(wish(seconds=6), verb=Verb.EXTEND)
    assert _extended(longer, source, 20).seconds == 12
    assert _extended(longer, source, 14).seconds == 4


def _extended(asked: Asked, source: SourceVideo, most: int) -> Request:
    routes = (route("a", sizes=(TALL,), seconds=(4, 12), extend_total_seconds_max=most),)
    return settle(asked, replace(LOOSE, routes=routes), source=source)
