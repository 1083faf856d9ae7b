"""From a wish to a request that at least one route of the model can render, or a 400 that says what would fit.

Pure. The wishes are weighed one after the other, each against the routes that can do all earlier ones; where none is
left, that wish is the trouble, and what those routes offer instead is what is allowed. A size and a length that the
client left open come last: OpenAI's defaults where a remaining route has them, else the first that one has.

`routing.why_not` has the last word on what a route can do; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.errors import BadInput
from gateway.domain.fields import listed, missing
from gateway.domain.image_limits import unkept
from gateway.domain.nearest import nearest_seconds, nearest_size
from gateway.domain.references import FIRST_FRAME, LAST_FRAME
from gateway.domain.requests import Asked
from gateway.domain.routing import Model, Route, takes_prompts
from gateway.domain.synonyms import SECONDS, Said
from gateway.domain.videos import CharacterUse, Choice, Request, SourceVideo, StoredImage
from providers.contract import Abilities, Size, Verb

T = TypeVar("T")

DEFAULT_SECONDS: Final = 4
DEFAULT_SIZE: Final = Size(720, 1280)

_DOING: Final = {
    Verb.CREATE: "create videos",
    Verb.REMIX: "remix videos",
    Verb.EDIT: "edit videos",
    Verb.EXTEND: "extend videos",
}
_ELSEWHERE: Final = "goes on from a clip only on the account that rendered it, and this clip is from elsewhere"
_NO_UPLOADS: Final = "takes no uploaded clip, only one that was made here: name it by its id, as 'video.id'"


class _Wish(Struct, frozen=True):
    """One thing that a route must be able to do, and the refusal when none of those that are left can."""

    fits: Callable[[Route], bool]
    refusal: Callable[[Sequence[Route]], BadInput]


def settle(
    asked: Asked,
    model: Model,
    *,
    image: StoredImage | None = None,
    last_image: StoredImage | None = None,
    source: SourceVideo | None = None,
    characters: tuple[CharacterUse, ...] = (),
    named: str | None = None,
) -> Request:
    """The request with everything decided. `named`: what the source's client called the model."""
    framed = (image is not None or asked.image is not None, last_image is not None or asked.last_image is not None)
    wishes = (*_abilities(asked, model, framed, source, characters), *_prompt_wishes(asked, model))
    wishes += tuple(_image_wishes(model, {FIRST_FRAME: image, LAST_FRAME: last_image}))
    routes = _those(model.routes, *wishes)
    size, seconds = _extent(asked, model, source, _with_last(routes) if framed[1] else routes)
    _check_image(FIRST_FRAME, image, size)
    _check_image(LAST_FRAME, last_image, size)
    other_size = asked.size is not None and source is None and size != asked.size.value
    other_seconds = asked.seconds is not None and seconds != asked.seconds.value
    return Request(
        verb=asked.verb,
        model=named or (model.name if asked.source_id is not None else asked.model),
        prompt=asked.prompt,
        seconds=seconds,
        size=size,
        image=image,
        last_image=last_image,
        source=source,
        characters=characters,
        seed=asked.seed,
        negative_prompt=asked.negative_prompt,
        audio=asked.audio,
        metadata=asked.metadata,
        extras=asked.extras,
        asked_size=asked.size.value if asked.size is not None and other_size else None,
        asked_seconds=asked.seconds.value if asked.seconds is not None and other_seconds else None,
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


def _with_last(routes: Sequence[Route]) -> Sequence[Route]:
    """The routes with the sizes at which a clip can end with an image there."""

    def narrowed(able: Abilities) -> Abilities:
        ends = able.last_image_sizes or able.sizes
        return replace(able, sizes=tuple(size for size in able.sizes if size in ends))

    return [replace(route, abilities=narrowed(route.abilities)) for route in routes]


def _extent(asked: Asked, model: Model, source: SourceVideo | None, routes: Sequence[Route]) -> tuple[Size, int]:
    """Size and length: as the client or the source says, else as one of the routes offers."""
    said_size, said_seconds = _size_of(asked, source), _seconds_of(asked, source)
    if model.nearest and said_size is not None and source is None:
        said_size = _nearest_size(said_size, routes)
    if said_size is not None:
        routes = _those(routes, _size_wish(said_size))
    if model.nearest and said_seconds is not None and (source is None or asked.verb is Verb.EXTEND):
        said_seconds = _nearest_seconds(said_seconds, source, routes)
    if said_seconds is not None:
        routes = _those(routes, _length_wish(said_seconds, model))
        if asked.verb is Verb.EXTEND and source is not None:
            routes = _those(routes, _total_wish(source.seconds, said_seconds))
    size = said_size.value if said_size is not None else None
    if size is None:
        size = _choice(DEFAULT_SIZE, _sizes(routes))
        routes = [route for route in routes if size in route.abilities.sizes]
    seconds = said_seconds.value if said_seconds is not None else None
    return size, seconds if seconds is not None else _choice(DEFAULT_SECONDS, _lengths(routes))


def _nearest_size(said: Said[Size], routes: Sequence[Route]) -> Said[Size]:
    """What makes no sense has nothing that is near it."""
    offered = _sizes(routes)
    if said.value is None or not offered or said.value in offered:
        return said
    return replace(said, value=nearest_size(said.value, offered))


def _nearest_seconds(said: Said[int], source: SourceVideo | None, routes: Sequence[Route]) -> Said[int]:
    """Of an extension, within what a route lets the whole clip last."""
    before = source.seconds if source is not None else 0
    most = {route.name: route.abilities.extend_total_seconds_max - before for route in routes}
    offered = [
        seconds
        for route in routes
        for seconds in route.abilities.seconds
        if source is None or seconds <= most[route.name]
    ]
    if said.value is None or said.value < 1 or not offered or said.value in offered:
        return said
    return replace(said, value=nearest_seconds(said.value, offered))


def _check_image(param: str, image: StoredImage | None, size: Size) -> None:
    if image is not None and (image.width, image.height) != (size.width, size.height):
        raise BadInput(
            f"Invalid value: the image is {image.width}x{image.height}, but the video will be {size}. "
            "Both must be the same; send another image or another 'size'.",
            param=param,
        )


def _abilities(
    asked: Asked,
    model: Model,
    framed: tuple[bool, bool],
    source: SourceVideo | None,
    characters: tuple[CharacterUse, ...],
) -> Iterator[_Wish]:
    """What is wished beyond size and length, in the order in which a refusal is of most use. `framed`: whether there is
    an image to begin with, and one to end with."""
    first, last = framed

    def need(fits: Callable[[Route], bool], lack: str, param: str | None) -> _Wish:
        return _Wish(fits, lambda _: BadInput(f"Invalid value: the model '{model.name}' {lack}.", param=param))

    doing = f"cannot {_DOING[asked.verb]}: no provider behind it can"
    yield need(lambda route: asked.verb in route.abilities.verbs, doing, "model")
    if source is not None:
        lack = _ELSEWHERE if source.video is not None else _NO_UPLOADS
        param = _source_param(asked.verb)
        yield need(lambda route: not route.abilities.needs_source_ref or _rendered(route, source), lack, param)
    if characters or asked.characters:
        foreign = "cannot use this character: it was made on another provider's account"
        yield need(lambda route: route.abilities.characters, "has no characters", "characters")
        yield need(lambda route: all(one.account == route.account for one in characters), foreign, "characters")
    if first:
        yield need(lambda route: route.abilities.image, "takes no input image", FIRST_FRAME)
    if last:
        yield need(lambda route: route.abilities.last_image, "takes no last frame", LAST_FRAME)
        if not first:
            lack = "takes a last frame only with an input image to begin with"
            yield need(lambda route: route.abilities.last_image_alone, lack, FIRST_FRAME)
    elif not first and asked.verb is Verb.CREATE:
        yield need(lambda route: not route.abilities.needs_image, "needs an input image", FIRST_FRAME)
    if asked.negative_prompt is not None:
        yield need(lambda route: route.abilities.negative_prompt, "takes no negative prompt", "negative_prompt")
    if asked.audio is not None:
        lack = "makes no sound" if asked.audio else "makes no clips without sound"
        yield need(lambda route: route.abilities.audio in (None, asked.audio), lack, "audio")
    if asked.seed is not None:
        yield need(lambda route: route.abilities.seed, "takes no seed", "seed")
    if asked.extras:
        names = set(asked.extras)
        lack = f"does not take all of these as extras: {listed(sorted(names))}"
        yield need(lambda route: names <= set(route.abilities.extras), lack, "extras")


def _prompt_wishes(asked: Asked, model: Model) -> Iterator[_Wish]:
    """Vendors count characters in their own ways; what is said here is the number that the strictest of them uses."""
    for param, text in (("prompt", asked.prompt), ("negative_prompt", asked.negative_prompt)):

        def fits(route: Route, text: str | None = text) -> bool:
            return takes_prompts(route.abilities, text)

        def refusal(routes: Sequence[Route], param: str = param) -> BadInput:
            most = max(route.abilities.prompt_max or 0 for route in routes)
            what = param.replace("_", " ")
            lack = f"takes at most {most} characters of a {what}"
            return BadInput(f"Invalid value: the model '{model.name}' {lack}. Send a shorter one.", param=param)

        yield _Wish(fits, refusal)


def _image_wishes(model: Model, images: Mapping[str, StoredImage | None]) -> Iterator[_Wish]:
    """Of images by their fields. A refusal says by which limit each of the routes would take the image."""
    for param, image in images.items():
        if image is None:
            continue

        def fits(route: Route, image: StoredImage = image) -> bool:
            return not unkept(route.abilities, (image,))

        def refusal(routes: Sequence[Route], image: StoredImage = image, param: str = param) -> BadInput:
            taken = ", or ".join(dict.fromkeys(unkept(route.abilities, (image,)) for route in routes))
            lack = f"does not take this image; it takes images with {taken}"
            return BadInput(f"Invalid value: the model '{model.name}' {lack}.", param=param)

        yield _Wish(fits, refusal)


def _rendered(route: Route, source: SourceVideo) -> bool:
    return source.ref is not None and source.account == route.account


def _size_of(asked: Asked, source: SourceVideo | None) -> Said[Size] | None:
    """A clip made from another is as large."""
    if source is None:
        return asked.size
    return Said(source.size, _source_param(asked.verb), f"Invalid value: the source video is {source.size}.")


def _seconds_of(asked: Asked, source: SourceVideo | None) -> Said[int] | None:
    """An extension says how much it adds; a remix or an edit lasts as long as its source."""
    if asked.verb is Verb.EXTEND and asked.seconds is None:
        raise missing("seconds")
    if source is None or asked.verb is Verb.EXTEND:
        return asked.seconds
    problem = f"Invalid value: the source video lasts {source.seconds} seconds."
    return Said(source.seconds, _source_param(asked.verb), problem)


def _source_param(verb: Verb) -> str:
    return "video_id" if verb is Verb.REMIX else "video"


def _size_wish(said: Said[Size]) -> _Wish:
    what = "values" if said.param == "size" else "sizes"
    return _Wish(
        lambda route: said.value in route.abilities.sizes,
        lambda routes: _unsupported(said, what, _sizes(routes)),
    )


def _length_wish(said: Said[int], model: Model) -> _Wish:
    what = "values" if said.param in SECONDS else "lengths"
    if what == "values" and said.value in _lengths(model.routes):
        what = "values with this size"
    return _Wish(
        lambda route: said.value in route.abilities.seconds,
        lambda routes: _unsupported(said, what, _lengths(routes)),
    )


def _unsupported(said: Said[Any], what: str, allowed: Sequence[object]) -> BadInput:
    return BadInput(f"{said.problem} Supported {what} are: {listed(allowed)}.", param=said.param)


def _total_wish(before: int, added: Said[int]) -> _Wish:
    """What an extended video may grow to."""
    total = before + (added.value or 0)
    return _Wish(
        lambda route: total <= route.abilities.extend_total_seconds_max,
        lambda routes: BadInput(
            f"Invalid value: {before} seconds and {added.value} more make {total}; an extended video may last "
            f"at most {max(route.abilities.extend_total_seconds_max for route in routes)}.",
            param=added.param,
        ),
    )


def _choice(default: T, offered: Sequence[T]) -> T:
    return default if default in offered or not offered else offered[0]


def _sizes(routes: Sequence[Route]) -> list[Size]:
    """Every size once, in the routes' order."""
    return list(dict.fromkeys(size for route in routes for size in route.abilities.sizes))


def _lengths(routes: Sequence[Route]) -> list[int]:
    return sorted({seconds for route in routes for seconds in route.abilities.seconds})
