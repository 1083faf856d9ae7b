"""Fitting: a wish against what a model's routes can do."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.errors import BadInput
from gateway.domain.fitting import settle, unservable
from gateway.domain.requests import Asked, ask
from gateway.domain.routing import Model, Route, plan, prompt_units, why_not
from gateway.domain.synonyms import Said
from gateway.domain.videos import CharacterUse, SourceVideo, StoredImage
from providers.contract import IMAGE_TYPES, Json, Size, Verb
from tests.support.videos import model, route

TALL, WIDE, HIGH = Size(720, 1280), Size(1280, 720), Size(1024, 1792)
SOURCE = SourceVideo(
    video="video_1", asset="a", size_bytes=1, account="a|https://a.test|", ref={"id": "1"}, seconds=8, size=TALL
)
ASKED = Asked(verb=Verb.CREATE, model="sora-2", prompt="A boat")


def image(size: Size) -> StoredImage:
    return StoredImage(name="n", media_type="image/png", width=size.width, height=size.height, size_bytes=1, sha256="s")


def of_size(size: Size) -> Said[Size]:
    return Said(size, "size", f"Invalid value: '{size}'.")


def of_seconds(seconds: int) -> Said[int]:
    return Said(seconds, "seconds", f"Invalid value: '{seconds}'.")


def refusal(asked: Asked, of: Model, source: SourceVideo | None = None, picture: StoredImage | None = None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        settle(asked, of, source=source, image=picture)
    return caught.value


def test_openais_defaults_are_taken_where_the_model_has_them() -> None:
    """Four seconds upright, as OpenAI documents."""
    request = settle(ASKED, model(route("a", seconds=(4, 8), sizes=(WIDE, TALL))))
    assert (request.seconds, request.size, request.model) == (4, TALL, "sora-2")


def test_a_model_without_the_defaults_gives_its_own_first() -> None:
    """A client that leaves the choice open gets a clip, not an error."""
    request = settle(ASKED, model(route("a", seconds=(10, 5), sizes=(WIDE, HIGH))))
    assert (request.seconds, request.size) == (5, WIDE)


def test_an_open_choice_follows_what_was_said() -> None:
    """Routes that cannot do what was asked for do not decide about the rest."""
    both = model(route("a", seconds=(4,), sizes=(TALL,)), route("b", seconds=(6,), sizes=(WIDE,)))
    assert settle(replace(ASKED, seconds=of_seconds(6)), both).size == WIDE
    assert settle(replace(ASKED, size=of_size(WIDE)), both).seconds == 6


@pytest.mark.parametrize(
    ("changes", "param", "names"),
    [
        ({"seconds": of_seconds(7)}, "seconds", ["'4'", "'8'", "'12'"]),
        ({"size": of_size(Size(1, 1))}, "size", ["'720x1280'", "'1280x720'"]),
        ({"size": of_size(WIDE), "seconds": of_seconds(8)}, "seconds", ["'12'", "with this size"]),
        ({"seed": 1}, "seed", ["sora-2"]),
        ({"negative_prompt": "rain"}, "negative_prompt", []),
        ({"audio": False}, "audio", ["sora-2", "makes no clips without sound"]),
        ({"characters": ("char_1",)}, "characters", []),
        ({"extras": {"mood": "calm"}}, "extras", ["'mood'"]),
        ({"verb": Verb.REMIX}, "model", ["remix"]),
    ],
)
def test_a_wish_that_no_route_has_is_refused_with_what_is_allowed(
    changes: dict[str, object], param: str, names: list[str]
) -> None:
    """The field in trouble, and the values that would do beside everything else that was said."""
    lesser: dict[str, Any] = {
        "seed": False,
        "negative_prompt": False,
        "characters": False,
        "audio": True,
        "verbs": (Verb.CREATE,),
    }
    tall = route("a", seconds=(4, 8), sizes=(TALL,), **lesser)
    wide = route("b", seconds=(12,), sizes=(WIDE,), **lesser)
    error = refusal(replace(ASKED, **changes), model(tall, wide))
    assert (error.status, error.param) == (400, param)
    for name in names:
        assert name in error.message


TWO = model(route("a", seconds=(4, 8), sizes=(TALL, WIDE)), route("b", seconds=(12,), sizes=(TALL,)))
SIZES_OF_TWO = "'720x1280' and '1280x720'."


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        *(
            ({"size": text}, "size", f"Invalid value: '{text}'. Supported values are: {SIZES_OF_TWO}")
            for text in ("auto", "720p", "1280X720", "1280\u00d7720", "", " 1280x720", "large")
        ),
        *(
            ({"seconds": value}, "seconds", f"Invalid value: '{value}'. Supported values are: '4', '8', and '12'.")
            for value in ("4s", "", "4.5", 4.5, "four", "٤", "NaN", float("inf"), -4)
        ),
        ({"seconds": "4" * 5_000}, "seconds", "Supported values are: '4', '8', and '12'."),
        ({"duration": 5}, "duration", "Invalid value: '5'. Supported values are: '4', '8', and '12'."),
        ({"n_seconds": "5s"}, "n_seconds", "Invalid value: '5s'. Supported values are: '4', '8', and '12'."),
        ({"duration": 4, "seconds": "4s"}, "seconds", "Supported values are: '4', '8', and '12'."),
        ({"size": "1280x720", "duration": 12}, "duration", "Supported values with this size are: '4' and '8'."),
        ({"width": 1, "height": 2}, "width", "'width' and 'height' make 1x2. Supported sizes are: " + SIZES_OF_TWO),
        ({"width": 720, "height": "high"}, "height", "whole number. Supported sizes are: " + SIZES_OF_TWO),
        ({"width": -1, "height": 720}, "width", "Invalid value: '-1'. Supported sizes are: " + SIZES_OF_TWO),
        ({"width": 720, "height": 10**400}, "height", "Supported sizes are: " + SIZES_OF_TWO),
        ({"aspect_ratio": "1:1", "resolution": "720p"}, "aspect_ratio", "make 720x720. Supported sizes are: "),
        ({"aspect_ratio": "16x9", "resolution": "720p"}, "aspect_ratio", "'16:9'. Supported sizes are: "),
        ({"aspect_ratio": "16:0", "resolution": "720p"}, "aspect_ratio", "'16:9'. Supported sizes are: "),
        ({"aspect_ratio": "16:9", "resolution": "big"}, "resolution", "'720p'. Supported sizes are: "),
        ({"aspect_ratio": "16:9", "resolution": 10**30}, "resolution", "'720p'. Supported sizes are: "),
    ],
)
def test_a_size_or_length_that_is_none_is_refused_under_its_own_name_with_what_is_allowed(
    fields: dict[str, Json], param: str, message: str
) -> None:
    """A word that makes no sense helps no less than a wrong number, under the name that the client used."""
    error = refusal(ask(Verb.CREATE, {"prompt": "A boat", **fields}, {}), TWO)
    assert (error.error_code, error.param) == ("invalid_value", param)
    assert message in error.message
    assert len(error.message) < 300


def test_an_uploaded_clip_is_not_called_one_from_elsewhere() -> None:
    """Where no route takes uploads, the client learns that, and what would do."""
    uploaded = replace(SOURCE, video=None, account="", ref=None)
    error = refusal(replace(ASKED, verb=Verb.EDIT), model(route("a", needs_source_ref=True)), uploaded)
    assert "uploaded" in error.message and "'video.id'" in error.message and "elsewhere" not in error.message
    assert error.param == "video"
    assert settle(replace(ASKED, verb=Verb.EDIT), model(route("a")), source=uploaded).source == uploaded


def test_a_prompt_that_every_route_finds_too_long_is_refused_with_what_the_longest_takes() -> None:
    """Nothing is written or asked for then; a route that takes it has it to itself."""
    short, longer, any_length = route("a", prompt_max=10), route("b", prompt_max=20), route("c")
    words = replace(ASKED, prompt="b" * 21, negative_prompt="r" * 20)
    error = refusal(words, model(short, longer))
    assert (error.status, error.param) == (400, "prompt")
    assert "at most 20 characters of a prompt" in error.message and "bbb" not in error.message
    request = settle(words, model(short, longer, any_length))
    assert [why_not(one, request) is None for one in (short, longer, any_length)] == [False, False, True]
    negative = replace(ASKED, negative_prompt="r" * 21)
    assert refusal(negative, model(short, longer)).param == "negative_prompt"


@pytest.mark.parametrize(
    ("limits", "taken"),
    [
        ({"image_types": ("image/jpeg", "image/webp")}, "the type JPEG or WebP"),
        ({"image_bytes_max": 100}, "at most 100 bytes"),
        ({"image_side_min": 721}, "sides of at least 721 pixels"),
        ({"image_shape_max": 1.5}, "a long side of at most 1.5 times the short one"),
    ],
)
def test_an_image_that_no_route_takes_is_refused_with_what_would_be_taken(limits: dict[str, Any], taken: str) -> None:
    """By the field that it came in; a route that takes it has it to itself, and no image is no trouble at all."""
    strict, open_ = route("a", **limits, last_image=True, last_image_alone=True), route("b")
    given = replace(image(TALL), size_bytes=101)
    ways: dict[str, dict[str, Any]] = {"input_reference": {"image": given}, "last_frame": {"last_image": given}}
    for param, way in ways.items():
        with pytest.raises(BadInput) as error:
            settle(ASKED, model(strict), **way)
        assert (error.value.status, error.value.param) == (400, param)
        assert taken in error.value.message
    request = settle(ASKED, model(strict, open_), image=given)
    assert why_not(strict, request) == "takes no image of this type or measure"
    assert why_not(open_, request) is None
    assert why_not(strict, replace(request, image=None)) is None


def test_a_prompts_length_is_that_of_the_strictest_way_to_count() -> None:
    """An emoji is two UTF-16 units; a lone half of one is one, and no crash."""
    lengths = {"boat": 4, "b\u00f6t": 3, "\N{SAILBOAT}": 1, "\N{ROWBOAT}": 2, "\ud83d": 1}
    assert {text: prompt_units(text) for text in lengths} == lengths


def test_an_image_must_have_the_pixels_of_the_video() -> None:
    """Said before anything is stored, also when the size is the default."""
    able = model(route("a"))
    assert settle(ASKED, able, image=image(TALL)).image == image(TALL)
    error = refusal(ASKED, able, picture=image(WIDE))
    assert error.param == "input_reference"
    assert "1280x720" in error.message
    assert "720x1280" in error.message
    assert refusal(ASKED, model(route("a", image=False)), picture=image(TALL)).param == "input_reference"


def test_a_last_frame_wants_a_route_that_ends_clips_with_it() -> None:
    """With the video's pixels; without a first one only where a route can; what is missing is named."""
    ends, alone = route("a", last_image=True), route("b", last_image=True, last_image_alone=True)
    both = settle(ASKED, model(ends), image=image(TALL), last_image=image(TALL))
    assert both.images == (image(TALL), image(TALL)) and why_not(ends, both) is None
    only = settle(ASKED, model(ends, alone), last_image=image(TALL))
    assert only.images == (image(TALL),)
    assert why_not(ends, only) == "needs a first frame for a last one" and why_not(alone, only) is None
    assert why_not(route("c"), both) == "takes no last frame"
    for routes, first, last, param in (
        ([route("c")], TALL, TALL, "last_frame"),
        ([ends], None, TALL, "input_reference"),
        ([alone], TALL, WIDE, "last_frame"),
    ):
        with pytest.raises(BadInput) as caught:
            settle(ASKED, model(*routes), image=image(first) if first else None, last_image=image(last))
        assert caught.value.param == param


def test_a_last_frame_at_a_size_that_no_route_ends_so_is_refused_with_those_that_do() -> None:
    some = route("a", last_image=True, sizes=(TALL, WIDE), last_image_sizes=(WIDE,))
    wide = replace(ASKED, size=of_size(WIDE))
    ended = settle(wide, model(some), image=image(WIDE), last_image=image(WIDE))
    assert why_not(some, ended) is None and why_not(some, settle(ASKED, model(some))) is None
    tall = replace(ASKED, size=of_size(TALL))
    with pytest.raises(BadInput, match="Supported values are: '1280x720'") as caught:
        settle(tall, model(some), image=image(TALL), last_image=image(TALL))
    assert caught.value.param == "size"
    other = settle(tall, model(some, route("b", last_image=True)), image=image(TALL), last_image=image(TALL))
    assert why_not(some, other) == "takes no last frame at 720x1280"


def test_a_remix_and_an_edit_last_as_long_as_their_source() -> None:
    """Neither has a size or seconds of its own; the name that the source's client used is kept."""
    for verb in (Verb.REMIX, Verb.EDIT):
        asked = replace(ASKED, verb=verb, source_id="video_1")
        request = settle(asked, model(route("a")), source=SOURCE, named="sora-2-latest")
        assert (request.seconds, request.size, request.model) == (8, TALL, "sora-2-latest")
        longer = refusal(asked, model(route("a", seconds=(4,))), SOURCE)
        assert "'4'" in longer.message
        assert longer.param == ("video" if verb is Verb.EDIT else "video_id")
        assert refusal(asked, model(route("a", sizes=(WIDE,))), SOURCE).param == longer.param


def test_an_extension_adds_to_its_source_up_to_a_total() -> None:
    """The seconds are what is added; the sum is bounded by the route."""
    asked = replace(ASKED, verb=Verb.EXTEND, seconds=of_seconds(4), source_id="video_1")
    assert settle(asked, model(route("a")), source=SOURCE).seconds == 4
    assert "11" in refusal(asked, model(route("a", extend_total_seconds_max=11)), SOURCE).message
    assert refusal(replace(asked, seconds=None), model(route("a")), SOURCE).param == "seconds"
    assert refusal(replace(asked, seconds=of_seconds(5)), model(route("a")), SOURCE).param == "seconds"


def test_a_source_of_another_account_is_said_so() -> None:
    """Where a vendor goes on from its own clips only."""
    asked = replace(ASKED, verb=Verb.EDIT, source_id="video_1")
    own = model(route("b", needs_source_ref=True))
    assert refusal(asked, own, SOURCE).param == "video"
    assert settle(asked, model(route("a", needs_source_ref=True)), source=SOURCE).source == SOURCE


def test_a_character_of_another_account_is_said_so() -> None:
    """A character is pinned to the account that it was made on."""
    use = CharacterUse(id="char_1", account="a|https://a.test|", ref={})
    asked = replace(ASKED, characters=("char_1",))
    assert settle(asked, model(route("a")), characters=(use,)).characters == (use,)
    with pytest.raises(BadInput) as caught:
        settle(asked, model(route("b")), characters=(use,))
    assert caught.value.param == "characters"


def test_a_plan_without_a_route_gives_the_routes_own_reasons() -> None:
    """What is no wish of the client's, a missing price for one, is said in the plan's words."""
    priceless = model(replace(route("a"), prices=()))
    request = settle(ASKED, priceless)
    assert "has no price" in unservable(request, priceless, plan(priceless, request, "2026-11-21")).message


LENGTHS = st.sets(st.sampled_from([4, 8, 12]), min_size=1).map(lambda one: tuple(sorted(one)))
SIZES = st.sets(st.sampled_from([TALL, WIDE, HIGH]), min_size=1).map(lambda one: tuple(sorted(one)))
VERBS = st.sets(st.sampled_from(list(Verb)), min_size=1).map(lambda one: tuple(sorted(one)))
ROUTES = st.builds(
    route,
    st.sampled_from(["a", "b"]),
    seconds=LENGTHS,
    sizes=SIZES,
    verbs=VERBS,
    image=st.booleans(),
    needs_image=st.booleans(),
    last_image=st.booleans(),
    last_image_alone=st.booleans(),
    last_image_sizes=st.sampled_from([(), (TALL,), (WIDE, HIGH)]),
    extras=st.sampled_from([(), ("mood",), ("mood", "steps")]),
    characters=st.booleans(),
    seed=st.booleans(),
    negative_prompt=st.booleans(),
    audio=st.sampled_from([True, False, None]),
    needs_source_ref=st.booleans(),
    extend_total_seconds_max=st.sampled_from([0, 12, 120]),
    prompt_max=st.sampled_from([None, 4, 6, 8]),
    image_types=st.sampled_from([IMAGE_TYPES, ("image/jpeg",), ("image/png",)]),
    image_bytes_max=st.sampled_from([5, 20]),
    image_side_min=st.sampled_from([1, 721]),
    image_shape_max=st.sampled_from([None, 1.5, 2.5]),
)


@st.composite
def wishes(draw: st.DrawFn) -> tuple[Asked, dict[str, Any]]:
    """What `ask` and the work layer may bring together."""
    verb = draw(st.sampled_from(list(Verb)))
    create = verb is Verb.CREATE
    size = draw(st.sampled_from([None, TALL, WIDE, HIGH])) if create else None
    lengths: list[int | None] = [4, 8, 12, 5]
    seconds = draw(st.sampled_from([*lengths, None] if create else lengths)) if verb in TIMED else None
    asked = Asked(
        verb=verb,
        model="sora-2",
        prompt=draw(st.sampled_from(["A boat", "\N{SAILBOAT} \N{ROWBOAT}\N{ROWBOAT}"])),
        size=of_size(size) if size else None,
        seconds=of_seconds(seconds) if seconds else None,
        seed=draw(st.sampled_from([None, 1])),
        negative_prompt=draw(st.sampled_from([None, "rain"])),
        audio=draw(st.sampled_from([None, True, False])),
        extras=draw(st.sampled_from([{}, {"mood": "calm"}, {"mood": "calm", "steps": 4}])),
    )
    owner = draw(st.sampled_from([None, "a", "b"]))
    return asked, {
        "source": None if create else SOURCE,
        "image": drawn(draw, size) if size is not None and draw(st.booleans()) else None,
        "last_image": drawn(draw, size) if size is not None and draw(st.booleans()) else None,
        "characters": (CharacterUse(id="c", account=f"{owner}|https://{owner}.test|", ref={}),) if owner else (),
    }


def drawn(draw: st.DrawFn, size: Size) -> StoredImage:
    media_type = draw(st.sampled_from(["image/png", "image/jpeg", "image/webp"]))
    return replace(image(size), media_type=media_type, size_bytes=draw(st.sampled_from([1, 6, 21])))


TIMED = (Verb.CREATE, Verb.EXTEND)


@settings(max_examples=400)
@given(routes=st.lists(ROUTES, min_size=1, max_size=3), wish=wishes())
def test_settling_and_planning_agree(routes: list[Route], wish: tuple[Asked, dict[str, Any]]) -> None:
    """What is settled can be rendered by a route; what is refused can be by none, whatever it leaves open."""
    asked, beside = wish
    of = model(*routes)
    try:
        request = settle(asked, of, **beside)
    except BadInput:
        for one in of.routes:
            able = one.abilities
            sizes = [SOURCE.size] if beside["source"] else [asked.size.value] if asked.size else able.sizes
            timed = asked.verb in TIMED
            lengths = [SOURCE.seconds] if not timed else [asked.seconds.value] if asked.seconds else able.seconds
            for size, seconds in product(sizes, lengths):
                assert size is not None and seconds is not None
                request = replace(
                    settle(Asked(verb=Verb.CREATE, model="m", prompt="p"), model(route("x"))),
                    verb=asked.verb,
                    prompt=asked.prompt,
                    size=size,
                    seconds=seconds,
                    seed=asked.seed,
                    negative_prompt=asked.negative_prompt,
                    audio=asked.audio,
                    extras=asked.extras,
                    **beside,
                )
                assert why_not(one, request) is not None
    else:
        assert any(why_not(one, request) is None for one in of.routes)
