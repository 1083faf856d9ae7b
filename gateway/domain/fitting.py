"""From a wish to a request that at least one route of the model can render, or a 400 that says what would fit.

Pure. The wishes are weighed one after the other, each against the routes that can do all earlier ones; where none is
left, that wish is the trouble, and what those routes offer instead is what is allowed. A size and a length that the
client left open come last: OpenAI's defaults where a remaining route has them, else the first that one has.

`routing.why_not` has the last word on what a route can do; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from gateway.domain.errors import BadInput
from gateway.domain.fields import listed, missing, not_allowed
from gateway.domain.requests import Asked
from gateway.domain.routing import Model, Route
from gateway.domain.videos import CharacterUse, Choice, Request, SourceVideo, StoredImage
from providers.contract import Size, Verb

T = TypeVar("T")

DEFAULT_SECONDS: Final = 4
DEFAULT_SIZE: Final = Size(720, 1280)

_DOING: Final = {
    Verb.CREATE: "create videos",
    Verb.REMIX: "remix videos",
    Verb.EDIT: "edit videos",
    Verb.EXTEND: "extend videos",
}


class _Wish(Struct, frozen=True):
    """One thing that a route must be able to do, and the refusal when none of those that are left can."""

    fits: Callable[[Route], bool]
    refusal: Callable[[Sequence[Route]], BadInput]


def settle(
    asked: Asked,
    model: Model,
    *,
    image: StoredImage | None = None,
    source: SourceVideo | None = None,
    characters: tuple[CharacterUse, ...] = (),
    named: str | None = None,
) -> Request:
    """The request with everything decided. `named`: what the source's client called the model."""
    wishes = _abilities(asked, model, image is not None or asked.image is not None, source, characters)
    size, seconds = _extent(asked, model, source, _those(model.routes, *wishes))
    _check_image(image, size)
    return Request(
        verb=asked.verb,
        model=named or (model.name if asked.source_id is not None else asked.model),
        prompt=asked.prompt,
        seconds=seconds,
        size=size,
        image=image,
        source=source,
        characters=characters,
        seed=asked.seed,
        negative_prompt=asked.negative_prompt,
        metadata=asked.metadata,
    )


def unservable(request: Request, model: Model, choices: Sequence[Choice]) -> BadInput:
    """What to say when the plan keeps no route, although the request was settled: the routes' own reasons."""
    reasons = sorted({choice.dropped for choice in choices if choice.dropped})
    return BadInput(f"No route of the model '{model.name}' can {_DOING[request.verb]} like this: {', '.join(reasons)}.")


def _those(routes: Sequence[Route], *wishes: _Wish) -> Sequence[Route]:
    """The routes that can do all of it."""
    for wish in wishes:
        fitting = [route for route in routes if wish.fits(route)]
        if not fitting:
            raise wish.refusal(routes)
        routes = fitting
    return routes


def _extent(asked: Asked, model: Model, source: SourceVideo | None, routes: Sequence[Route]) -> tuple[Size, int]:
    """Size and length: as the client or the source says, else as one of the routes offers."""
    size = source.size if source is not None else asked.size
    if size is not None:
        routes = _those(routes, _size_wish(size, source))
    seconds = _said_seconds(asked, source)
    if seconds is not None:
        routes = _those(routes, _length_wish(asked.verb, seconds, source, model))
    if asked.verb is Verb.EXTEND and source is not None and seconds is not None:
        routes = _those(routes, _total_wish(source.seconds, seconds))
    if size is None:
        size = _choice(DEFAULT_SIZE, _sizes(routes))
        routes = _those(routes, _size_wish(size, None))
    return size, seconds if seconds is not None else _choice(DEFAULT_SECONDS, _lengths(routes))


def _check_image(image: StoredImage | None, size: Size) -> None:
    if image is not None and (image.width, image.height) != (size.width, size.height):
        raise BadInput(
            f"Invalid value: the image is {image.width}x{image.height}, but the video will be {size}. "
            "Both must be the same; send another image or another 'size'.",
            param="input_reference",
        )


def _abilities(
    asked: Asked, model: Model, image: bool, source: SourceVideo | None, characters: tuple[CharacterUse, ...]
) -> Iterator[_Wish]:
    """What is wished beyond size and length, in the order in which a refusal is of most use."""

    def need(fits: Callable[[Route], bool], lack: str, param: str | None) -> _Wish:
        return _Wish(fits, lambda _: BadInput(f"Invalid value: the model '{model.name}' {lack}.", param=param))

    doing = f"cannot {_DOING[asked.verb]}: no provider behind it can"
    yield need(lambda route: asked.verb in route.abilities.verbs, doing, "model")
    if source is not None:
        elsewhere = "goes on from a clip only on the account that rendered it, and this clip is from elsewhere"
        param = None if asked.verb is Verb.REMIX else "video"
        yield need(lambda route: not route.abilities.needs_source_ref or _rendered(route, source), elsewhere, param)
    if characters or asked.characters:
        foreign = "cannot use this character: it was made on another provider's account"
        yield need(lambda route: route.abilities.characters, "has no characters", "characters")
        yield need(lambda route: all(one.account == route.account for one in characters), foreign, "characters")
    if image:
        yield need(lambda route: route.abilities.image, "takes no input image", "input_reference")
    if asked.negative_prompt is not None:
        yield need(lambda route: route.abilities.negative_prompt, "takes no negative prompt", "negative_prompt")
    if asked.seed is not None:
        yield need(lambda route: route.abilities.seed, "takes no seed", "seed")


def _rendered(route: Route, source: SourceVideo) -> bool:
    return source.ref is not None and source.account == route.account


def _size_wish(size: Size, source: SourceVideo | None) -> _Wish:
    def refusal(routes: Sequence[Route]) -> BadInput:
        if source is None:
            return not_allowed("size", size, _sizes(routes))
        return BadInput(
            f"Invalid value: the source video is {size}. Supported sizes are: {listed(_sizes(routes))}.", param="video"
        )

    return _Wish(lambda route: size in route.abilities.sizes, refusal)


def _said_seconds(asked: Asked, source: SourceVideo | None) -> int | None:
    """An extension says how much it adds; a remix or an edit lasts as long as its source."""
    if asked.verb is Verb.EXTEND and asked.seconds is None:
        raise missing("seconds")
    return source.seconds if source is not None and asked.verb is not Verb.EXTEND else asked.seconds


def _length_wish(verb: Verb, seconds: int, source: SourceVideo | None, model: Model) -> _Wish:
    def refusal(routes: Sequence[Route]) -> BadInput:
        if source is None or verb is Verb.EXTEND:
            with_size = " with this size" if seconds in _lengths(model.routes) else ""
            return not_allowed("seconds", seconds, _lengths(routes), with_size)
        return BadInput(
            f"Invalid value: the source video lasts {seconds} seconds. Supported are: {listed(_lengths(routes))}.",
            param="video",
        )

    return _Wish(lambda route: seconds in route.abilities.seconds, refusal)


def _total_wish(before: int, added: int) -> _Wish:
    """What an extended video may grow to."""
    return _Wish(
        lambda route: before + added <= route.abilities.extend_total_seconds_max,
        lambda routes: BadInput(
            f"Invalid value: {before} seconds and {added} more make {before + added}; an extended video may last "
            f"at most {max(route.abilities.extend_total_seconds_max for route in routes)}.",
            param="seconds",
        ),
    )


def _choice(default: T, offered: Sequence[T]) -> T:
    return default if default in offered or not offered else offered[0]


def _sizes(routes: Sequence[Route]) -> list[Size]:
    """Every size once, in the routes' order."""
    return list(dict.fromkeys(size for route in routes for size in route.abilities.sizes))


def _lengths(routes: Sequence[Route]) -> list[int]:
    return sorted({seconds for route in routes for seconds in route.abilities.seconds})
