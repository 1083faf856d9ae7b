"""Upstream models that only the operator can describe: what he may say of one, and what an adapter has words for.

Pure. A model that is said to do more than its adapter can ask for would be asked for less than the client wanted, and
paid for: such a description is refused where it is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from providers.contract import IMAGE_BYTES_MAX, IMAGE_TYPES, Abilities, Size, Verb
from providers.toolbox import LINES

_OURS: Final = """
    model prompt seconds duration size resolution aspect_ratio ratio width height num_frames audio sound generate_audio
    n num_outputs seed negative_prompt image last_image callback_url webhook_url
"""
OURS: Final = frozenset(_OURS.split())
"""Names that no extra may have: they say what is rendered, how often and at what price, or are asked for otherwise."""


def _size(value: object) -> Size:
    size = Size.parse(str(value))
    if not (size.width and size.height):
        raise ValueError(f"{value!r} has no width or no height")
    return size


def _resolution(name: str) -> str:
    if name.lower() not in LINES:
        raise ValueError(f"{name} is no resolution known here; there are {', '.join(LINES)}")
    return name


Resolution = Annotated[str, AfterValidator(_resolution)]
"""A vendor's name for a resolution, whose pixels are known."""
Ratio = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}:[1-9][0-9]{0,2}$")]


def _no_bool(value: object) -> object:
    """`true` is no number."""
    if isinstance(value, bool):
        raise ValueError("write a number of seconds")
    return value


class ModelSettings(BaseModel):
    """What the operator says of an upstream model that the adapter does not know. Its prices stand with the route."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: tuple[Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=86_400)], ...] = Field(min_length=1)
    sizes: tuple[Annotated[Size, PlainValidator(_size)], ...] = Field(min_length=1)
    verbs: tuple[Verb, ...] = (Verb.CREATE,)
    extend_total_seconds_max: int = Field(0, ge=0)
    image: bool = False
    last_image: bool = False
    last_image_alone: bool = False
    needs_image: bool = False
    image_types: tuple[Annotated[str, Field(pattern="^image/(jpeg|png|webp)$")], ...] = Field(IMAGE_TYPES, min_length=1)
    image_bytes_max: int = Field(IMAGE_BYTES_MAX, ge=1, le=IMAGE_BYTES_MAX)
    image_side_min: int = Field(1, ge=1, le=99_999)
    image_shape_max: float | None = Field(None, ge=1, le=100, allow_inf_nan=False)
    characters: bool = False
    audio: bool | None = False  # null: a switch, where the adapter knows one
    seed: bool = False
    negative_prompt: bool = False
    prompt_max: int | None = Field(None, ge=1)
    extras: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for reason in self._faults():
            raise ValueError(reason)
        return self

    def _faults(self) -> Iterator[str]:
        if Verb.CREATE not in self.verbs:
            yield "verbs: name create first; every model here makes videos from words or an image"
        if (Verb.EXTEND in self.verbs) != (self.extend_total_seconds_max > 0):
            yield "the verb extend and extend_total_seconds_max go together"
        if self.needs_image and not self.image:
            yield "needs_image: says nothing without image: true"
        if self.last_image_alone and not self.last_image:
            yield "last_image_alone: says nothing without last_image: true"
        if self.last_image and not (self.image or self.last_image_alone):
            yield "last_image: needs image: true beside it, or last_image_alone: true"
        if ours := sorted(OURS.intersection(self.extras)):
            yield f"extras: {', '.join(ours)} cannot be one; it is asked for by a field of ours, or decides the price"

    def abilities(self) -> Abilities:
        return Abilities(**dict(self))

    def wishes(self) -> frozenset[str]:
        """What of it an adapter needs words for; `audio` only where it is a switch."""
        flags = ("image", "last_image", "last_image_alone", "characters", "seed", "negative_prompt")
        told = {name for name in flags if getattr(self, name)} | ({"audio"} if self.audio is None else set())
        return frozenset(told | {verb.value for verb in self.verbs if verb is not Verb.CREATE})


def said_by(*words: str, extras: Collection[str] | None = None) -> AfterValidator:
    """For an adapter's `models`: what it has words for, beyond a create from words alone. `extras`: the only ones that
    it passes on; None: any."""

    def check(models: Mapping[str, ModelSettings]) -> Mapping[str, ModelSettings]:
        for name, model in models.items():
            if lack := unsaid(model, words, extras):
                raise ValueError(f"{name}: {lack}")
        return models

    return AfterValidator(check)


def unsaid(model: ModelSettings, words: Collection[str], extras: Collection[str] | None) -> str:
    """What an adapter cannot ask for of such a model; an empty text where there is nothing."""
    if beyond := sorted(model.wishes().difference(words)):
        return f"this adapter has no words for {', '.join(beyond)}"
    if extras is not None and (unknown := sorted(set(model.extras).difference(extras))):
        return f"this adapter passes on no extras called {', '.join(unknown)}"
    return ""
