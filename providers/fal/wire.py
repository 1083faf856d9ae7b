"""How fal's models spell what is asked of them: data, so that a model needs no code."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from providers import contract as c
from providers.described import ModelSettings, Ratio, Resolution

PART: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  # of a model's path
TAKEN: Final = ("prompt", "duration", "aspect_ratio", "resolution", "generate_audio", "seed", "negative_prompt")


def _free(name: str) -> str:
    if name in TAKEN:
        raise ValueError(f"{name} is no field of a frame")
    return name


Way = Annotated[str, Field(pattern=rf"^({PART}(/{PART}){{0,3}})?$")]
Frame = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"), AfterValidator(_free)]


class Wire(BaseModel):
    """How a model spells what is asked of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Way = "text-to-video"  # the path below the model for words alone; empty: the model itself
    image: Way = "image-to-video"  # for a first frame
    frames: Way | None = None  # for a first and a last frame, where that is another
    seconds: Literal["text", "suffixed", "number"] = "text"  # "5", "5s" or 5
    ratios: tuple[Ratio, ...] = ()  # values of `aspect_ratio`; none: there is no such field
    ratio_with_image: bool = False  # it is a field beside an image, too
    resolutions: tuple[Resolution, ...] = ()  # values of `resolution`; none: there is no such field
    first: Frame = "image_url"  # the field of the first frame
    first_of_two: Frame | None = None  # and beside a last one, where it is another
    last: Frame | None = None  # the field of the last frame


class FalModel(ModelSettings):
    """A model that the table does not hold; it is priced at the route."""

    wire: Wire = Wire()

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.last_image and self.wire.last is None:
            raise ValueError("last_image: say in wire.last which field of the model it goes to")
        return self

    def abilities(self) -> c.Abilities:
        return c.Abilities(**{name: value for name, value in self if name != "wire"})
