"""What is asked for: a clip, a character, a submission that is looked for again. All of it made by the gateway."""

from __future__ import annotations

from msgspec import Struct

from providers.contract.words import Json, Ref, Size, Verb


class Image(Struct, frozen=True):
    """An image as bytes, measured when the video was created. At most IMAGE_BYTES_MAX."""

    data: bytes
    media_type: str
    width: int
    height: int


class Blob(Struct, frozen=True):
    """A file of ours that the driver streams into a call; `name` is the asset store's, opaque to adapters."""

    name: str
    media_type: str
    size_bytes: int


class Source(Struct, frozen=True, kw_only=True):
    """The clip that a remix, an edit or an extension starts from."""

    asset: Blob | None = None
    account: str | None = None  # where it was rendered; `ref` means something on that account only
    ref: Ref | None = None
    prompt: str = ""
    seconds: int
    size: Size


class Spec(Struct, frozen=True, kw_only=True):
    """What one attempt asks of one upstream model. Everything that decides the price is always set."""

    verb: Verb = Verb.CREATE
    model: str  # the vendor's name for it
    prompt: str
    seconds: int  # of new footage: for an extension what is added
    size: Size
    audio: bool | None = None  # None: the model has no switch
    image: Image | None = None  # the clip begins with it
    last_image: Image | None = None  # and ends with this one
    source: Source | None = None
    characters: tuple[Ref, ...] = ()
    seed: int | None = None
    negative_prompt: str | None = None
    extras: dict[str, Json] = {}
    callback_url: str | None = None


class CharacterSpec(Struct, frozen=True):
    model: str
    name: str
    video: Blob


class Sought(Struct, frozen=True, kw_only=True):
    """A submission whose outcome is unknown, as `find` looks for it."""

    key: str
    spec: Spec
    since_ms: int  # the first byte left no earlier
    until_ms: int  # and no later
