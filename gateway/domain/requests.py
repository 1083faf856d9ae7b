"""What a client asks for: the fields of a create, remix, edit or extension, as checked values of one shape.

Pure. `ask` knows the contract and nothing of the configuration; whether a model's routes can do it, and what they can
do instead, is `settle`'s question (`gateway.domain.fitting`). Every field that a verb may carry stands in a table here,
and a name that stands in none is refused: a client should learn of a typo before it pays for a clip.

Of the synonyms any number may be sent as long as they agree. A key that a JSON object carries twice counts as its
last value, as JSON decoders do; a multipart field sent twice is refused by the decoder of forms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from gateway.domain import fields as read
from gateway.domain.errors import BadInput
from gateway.domain.preferences import NO_PREFERENCES, Preferences, preferences_of
from gateway.domain.priorities import priority_of
from gateway.domain.references import (
    FIRST_FRAME,
    IMAGES,
    LAST_FRAME,
    ImageGiven,
    Upload,
    characters_of,
    image_of,
    source_of,
)
from gateway.domain.synonyms import SECONDS, SIZE, Said, seconds_of, size_of
from gateway.domain.targets import url_of
from gateway.domain.videos import PROMPT_CHARS_MAX
from providers.contract import Json, Size, Verb

DEFAULT_MODEL: Final = "sora-2"
MODEL_CHARS_MAX: Final = 128
CHARACTER_NAME_CHARS_MAX: Final = 80
SEED_MAX: Final = 2**31 - 1

_COMMON: Final = frozenset(
    {
        "prompt",
        "metadata",
        "seed",
        "negative_prompt",
        "audio",
        "routing",
        "max_cost_usd",
        "priority",
        "reuse",
        "extras",
        "webhook_url",
    }
)
FIELDS: Final[Mapping[Verb, frozenset[str]]] = {
    Verb.CREATE: _COMMON | {"model", *IMAGES, "characters", *SECONDS, *SIZE},
    Verb.REMIX: _COMMON,
    Verb.EDIT: _COMMON | {"model", "video"},
    Verb.EXTEND: _COMMON | {"model", "video", *SECONDS},
}
FILES: Final[Mapping[Verb, frozenset[str]]] = {
    Verb.CREATE: frozenset(IMAGES),
    Verb.REMIX: frozenset(),
    Verb.EDIT: frozenset({"video"}),
    Verb.EXTEND: frozenset({"video"}),
}
CHARACTER_FIELDS: Final = frozenset({"name", "model"})
CHARACTER_FILES: Final = frozenset({"video"})


class Asked(Struct, frozen=True, kw_only=True):
    """A checked wish. None means that the client left the choice to us."""

    verb: Verb
    model: str  # of no meaning with a `source_id`: the source's model makes the next clip too
    prompt: str
    seconds: Said[int] | None = None
    size: Said[Size] | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    audio: bool | None = None  # with or without sound
    metadata: dict[str, str] = {}
    extras: dict[str, Json] = {}  # a vendor's own fields, by its own names
    priority: int | None = None
    reuse: bool = True  # may be answered with a finished clip, where its key and project allow that
    webhook_url: str | None = None  # by its form; where it leads is not looked at yet
    image: ImageGiven | None = None
    last_image: ImageGiven | None = None
    characters: tuple[str, ...] = ()
    source_id: str | None = None
    source_upload: Upload | None = None
    preferences: Preferences = NO_PREFERENCES


class AskedCharacter(Struct, frozen=True, kw_only=True):
    name: str
    model: str | None  # whose routes should own it; None: the first that can
    video: Upload


class Hint(Struct, frozen=True, kw_only=True):
    """What a request's headers say about repeats."""

    idempotency_key: str | None = None
    resend: bool = False
    read_timeout_s: float | None = None


def ask(verb: Verb, fields: Mapping[str, Json], files: Mapping[str, Upload], *, source_id: str | None = None) -> Asked:
    """The parsed body of a call as a checked wish. `source_id`: the video that a remix names in its path."""
    given = _present(fields, files, FIELDS[verb], FILES[verb])
    if "prompt" not in given:
        raise read.missing("prompt")
    prompt = read.text("prompt", given["prompt"], chars_max=PROMPT_CHARS_MAX)
    if prompt.isspace():
        raise BadInput("Invalid value: 'prompt' has nothing but white space.", param="prompt")
    source_id, upload = (source_id, None) if verb not in _SOURCE_IN_BODY else source_of(given, files)
    if verb is Verb.EXTEND and not given.keys() & set(SECONDS):
        raise read.missing("seconds")
    return Asked(
        verb=verb,
        model=_model(given, source_id, upload),
        prompt=prompt,
        seconds=seconds_of(given),
        size=size_of(given),
        seed=read.within("seed", read.whole("seed", given["seed"]), 0, SEED_MAX) if "seed" in given else None,
        negative_prompt=_negative(given),
        audio=read.flag("audio", given["audio"]) if "audio" in given else None,
        metadata=read.metadata("metadata", given["metadata"]) if "metadata" in given else {},
        extras=read.extras("extras", given["extras"]) if "extras" in given else {},
        priority=priority_of("priority", given["priority"]) if "priority" in given else None,
        reuse=read.flag("reuse", given["reuse"]) if "reuse" in given else True,
        webhook_url=url_of("webhook_url", given["webhook_url"]) if "webhook_url" in given else None,
        image=image_of(FIRST_FRAME, given.get(FIRST_FRAME), files.get(FIRST_FRAME)),
        last_image=image_of(LAST_FRAME, given.get(LAST_FRAME), files.get(LAST_FRAME)),
        characters=characters_of(given["characters"]) if "characters" in given else (),
        source_id=source_id,
        source_upload=upload,
        preferences=preferences_of(given),
    )


def ask_character(fields: Mapping[str, Json], files: Mapping[str, Upload]) -> AskedCharacter:
    given = _present(fields, files, CHARACTER_FIELDS | {"video"}, CHARACTER_FILES)
    if "name" not in given:
        raise read.missing("name")
    name = read.name("name", given["name"], chars_max=CHARACTER_NAME_CHARS_MAX)
    if "video" in given:
        raise read.wrong_type("video", "a file", given["video"])
    if "video" not in files:
        raise read.missing("video")
    model = read.text("model", given["model"], chars_max=MODEL_CHARS_MAX) if "model" in given else None
    return AskedCharacter(name=name, model=model, video=files["video"])


_SOURCE_IN_BODY: Final = frozenset({Verb.EDIT, Verb.EXTEND})


def _present(
    fields: Mapping[str, Json], files: Mapping[str, Upload], known: frozenset[str], known_files: frozenset[str]
) -> dict[str, Json]:
    """The fields that are not null. Refused: unknown names, files where none belongs, a field as text and as a file."""
    given: dict[str, Json] = {name: value for name, value in fields.items() if value is not None}
    for name in given:
        if name not in known:
            raise read.unknown(name)
    for name in files:
        refuse_file(name, known, known_files)
        if name in given:
            raise BadInput(f"Invalid value: '{name}' was sent both as a file and as a field. Send one.", param=name)
    return given


def refuse_file(name: str, known: Collection[str], known_files: Collection[str]) -> None:
    """BadInput if no file of this name belongs into the call; said before its bytes are read."""
    if name not in known and name not in known_files:
        raise read.unknown(name)
    if name not in known_files:
        raise BadInput(
            f"Invalid type for '{name}': expected text, but got a file instead.", code="invalid_type", param=name
        )


def _model(given: Mapping[str, Json], source_id: str | None, upload: Upload | None) -> str:
    if "model" not in given:
        if upload is not None:
            raise read.missing("model", " An uploaded video needs the model that shall work on it.")
        return DEFAULT_MODEL
    if source_id is not None:
        raise BadInput(
            "Invalid value: 'model' goes with an uploaded video only; otherwise the source video's model is used.",
            param="model",
        )
    return read.text("model", given["model"], chars_max=MODEL_CHARS_MAX)


def _negative(given: Mapping[str, Json]) -> str | None:
    if "negative_prompt" not in given:
        return None
    return read.text("negative_prompt", given["negative_prompt"], chars_max=PROMPT_CHARS_MAX)
