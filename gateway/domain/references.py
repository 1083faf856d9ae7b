"""What a request points at: the images that a clip begins and ends with, the clip that it starts from, the characters
that appear in it. Pure.

An image comes as a file, inside a data URL, or as a link that the work layer fetches; a clip as a file or by id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from gateway.domain import fields as read
from gateway.domain.errors import BadInput
from gateway.domain.images import measure
from providers.contract import IMAGE_BYTES_MAX, Json

ID_CHARS_MAX: Final = 128
CHARACTERS_MAX: Final = 2
IMAGE_URL_CHARS_MAX: Final = 20 * 1024 * 1024
LINK_CHARS_MAX: Final = 8_192
FIRST_FRAME: Final = "input_reference"
LAST_FRAME: Final = "last_frame"
IMAGES: Final = (FIRST_FRAME, LAST_FRAME)
"""The fields that hold an image: the one that a clip begins with, and the one that it ends with."""


class Upload(Struct, frozen=True, kw_only=True):
    """A file that came with a request: small ones as bytes, clips as a file aside that lives as long as the request."""

    size_bytes: int
    sha256: str
    data: bytes = b""
    path: str | None = None


class ImageBytes(Struct, frozen=True, kw_only=True):
    """An input image that came with the request, measured."""

    data: bytes
    media_type: str
    width: int
    height: int
    sha256: str


class ImageLink(Struct, frozen=True):
    """An input image that is still to be fetched, from an address that is not checked yet."""

    url: str


ImageGiven: TypeAlias = ImageBytes | ImageLink


def source_of(given: Mapping[str, Json], files: Mapping[str, Upload]) -> tuple[str | None, Upload | None]:
    """The clip that an edit or an extension starts from: a video of ours by id, or an uploaded file."""
    if "video" in files:
        return None, files["video"]
    if "video" not in given:
        raise read.missing("video")
    reference = read.object_of("video", given["video"], ("id",))
    if "id" not in reference:
        raise read.missing("video.id")
    return read.text("video.id", reference["id"], chars_max=ID_CHARS_MAX), None


def characters_of(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise read.wrong_type("characters", "an array", value)
    if len(value) > CHARACTERS_MAX:
        raise BadInput(
            f"Invalid value: 'characters' has {len(value)} entries; at most {CHARACTERS_MAX}.", param="characters"
        )
    ids = []
    for index, item in enumerate(value):
        place = f"characters[{index}]"
        reference = read.object_of(place, item, ("id",))
        if "id" not in reference:
            raise read.missing(f"{place}.id")
        ids.append(read.text(f"{place}.id", reference["id"], chars_max=ID_CHARS_MAX))
    return tuple(ids)


def image_of(param: str, value: Json, upload: Upload | None) -> ImageGiven | None:
    """What a field of IMAGES holds, by value or as a file. BadInput names the field."""
    if upload is not None:
        return measured(param, upload.data, upload.sha256)
    if value is None:
        return None
    reference = read.object_of(param, value, ("file_id", "image_url"))
    if len(reference) != 1:
        raise BadInput(
            f"Invalid value: '{param}' must have exactly one of 'file_id' and 'image_url'.",
            param=param,
        )
    if "file_id" in reference:
        raise BadInput(
            "Invalid value: this gateway keeps no uploaded files, so 'file_id' cannot be used. "
            "Send the image as a file or as 'image_url'.",
            param=f"{param}.file_id",
        )
    return _linked(param, reference["image_url"])


def _linked(field: str, value: Json) -> ImageGiven:
    param = f"{field}.image_url"
    if isinstance(value, str) and value[:5].lower() == "data:":
        return measured(field, _decoded(value, param))
    url = read.text(param, value, chars_max=LINK_CHARS_MAX)
    if url[:8].lower() != "https://" or any(char.isspace() for char in url):
        raise BadInput(
            f"Invalid value: '{param}' must be an https URL of at most {LINK_CHARS_MAX} characters "
            "or a base64 data URL.",
            param=param,
        )
    return ImageLink(url)


def _decoded(url: str, param: str) -> bytes:
    """`data:image/png;base64,…` -> bytes. What kind of image it is, its own bytes say."""
    if len(url) > IMAGE_URL_CHARS_MAX:
        raise BadInput(
            f"Invalid length: '{param}' has {len(url)} characters; at most {IMAGE_URL_CHARS_MAX}.", param=param
        )
    head, comma, payload = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadInput(f"Invalid value: '{param}' is a data URL without base64 data.", param=param)
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(f"Invalid value: '{param}' holds data that is no base64.", param=param) from None


def measured(param: str, data: bytes, sha256: str | None = None) -> ImageBytes:
    """An image as its own bytes describe it. `param`: the field that it came in."""
    if len(data) > IMAGE_BYTES_MAX:
        raise BadInput(f"Invalid value: the image has {len(data)} bytes; at most {IMAGE_BYTES_MAX}.", param=param)
    try:
        seen = measure(data)
    except ValueError as error:
        raise BadInput(f"Invalid value: {error}.", param=param) from None
    return ImageBytes(
        data=data,
        media_type=seen.media_type,
        width=seen.width,
        height=seen.height,
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
    )
