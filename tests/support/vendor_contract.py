"""What the simulated vendor takes and refuses: OpenAI's Videos contract, checked strictly.

Written from the contract, never from an adapter, so that the two meet for the first time in a test. Pure: fields in, an
`Order` out, or a `Refusal` with the contract's status and body. What the contract calls *unverified* is our choice, and
says so.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

PROMPT_CHARS_MAX = 32_000
SECONDS = ("4", "8", "12", "16", "20")
P720 = ("720x1280", "1280x720")
PRO = (*P720, "1024x1792", "1792x1024", "1080x1920", "1920x1080")


class Offer(Struct, frozen=True):
    """What one model can do."""

    sizes: tuple[str, ...] = P720
    seconds: tuple[str, ...] = SECONDS


SORA: Mapping[str, Offer] = {
    "sora-2": Offer(),
    "sora-2-2025-10-06": Offer(),
    "sora-2-2025-12-08": Offer(),
    "sora-2-pro": Offer(PRO),
    "sora-2-pro-2025-10-06": Offer(PRO),
}


class Refusal(Exception):
    def __init__(
        self, status: int, message: str, code: str | None = None, param: str | None = None, **more: str
    ) -> None:
        """`more`: the error's `kind` if it is not the usual one, and `retry_after`."""
        super().__init__(message)
        self.status = status
        kind = more.get("kind", "invalid_request_error")
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers = {"Retry-After": more["retry_after"]} if "retry_after" in more else {}


class FilePart(Struct, frozen=True):
    filename: str
    media_type: str
    data: bytes


class Order(Struct, frozen=True, kw_only=True):
    """A request that the contract allows."""

    verb: str
    prompt: str = ""
    model: str | None = None
    seconds: str | None = None
    size: str | None = None
    image: bool = False
    characters: tuple[str, ...] = ()
    source: str | None = None
    upload: FilePart | None = None
    name: str = ""
    extras: dict[str, Any] = {}


# --- who asks ----------------------------------------------------------------------------------------------------


def check_key(headers: Mapping[str, str], api_key: str, name: str = "Authorization") -> None:
    """Azure's form has the bare key in a header of its own."""
    given = headers.get(name)
    if not given:
        raise Refusal(401, "You didn't provide an API key.")
    if given != (f"Bearer {api_key}" if name == "Authorization" else api_key):
        raise Refusal(401, "Incorrect API key provided.", "invalid_api_key")


# --- fields ------------------------------------------------------------------------------------------------------


def _wrong_type(name: str, wanted: str) -> NoReturn:
    raise Refusal(400, f"Invalid type for '{name}': expected {wanted}.", "invalid_type", name)


def _not_allowed(name: str, value: str, allowed: tuple[str, ...]) -> NoReturn:
    raise Refusal(400, f"Invalid value: '{value}'. Supported values are: {', '.join(allowed)}.", "invalid_value", name)


def _text(name: str, value: object) -> str:
    return value if isinstance(value, str) else _wrong_type(name, "a string")


def _prompt(name: str, value: object) -> str:
    text = _text(name, value)
    if not 1 <= len(text) <= PROMPT_CHARS_MAX:
        raise Refusal(400, f"'{name}' must have 1 to {PROMPT_CHARS_MAX} characters.", "invalid_value", name)
    return text


def _name(name: str, value: object) -> str:
    text = _text(name, value)
    if not 1 <= len(text) <= 80:
        raise Refusal(400, f"'{name}' must have 1 to 80 characters.", "invalid_value", name)
    return text


def _reference(name: str, value: object) -> bytes:
    """The image's bytes."""
    if isinstance(value, FilePart):
        return value.data
    if not isinstance(value, dict):
        _wrong_type(name, "a file or an object")
    if len(value) != 1 or not set(value) <= {"file_id", "image_url"}:
        raise Refusal(400, "Give exactly one of file_id and image_url.", "invalid_value", name)
    url = _text(f"{name}.image_url", value.get("image_url", ""))
    head, comma, data = url.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64") and comma) or len(url) > 20_971_520:
        raise Refusal(400, "This server knows no files and fetches nothing.", "invalid_value", name)
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise Refusal(400, "The data URL is not base64.", "invalid_value", name) from error


def _characters(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) and set(one) == {"id"} for one in value):
        _wrong_type(name, "an array of objects with an id")
    if len(value) > 2:
        raise Refusal(400, "At most two characters.", "invalid_value", name)
    return tuple(_text(f"{name}.id", one["id"]) for one in value)


def _source(name: str, value: object) -> str | FilePart:
    if isinstance(value, FilePart):
        return value
    if not isinstance(value, dict) or set(value) != {"id"}:
        _wrong_type(name, "an object with an id, or a file")
    return _text(f"{name}.id", value["id"])


def _file_only(name: str, value: object) -> FilePart:
    return value if isinstance(value, FilePart) else _wrong_type(name, "a file")


Check = Callable[[str, object], Any]
FIELDS: Mapping[str, Mapping[str, Check]] = {
    "create": {
        "prompt": _prompt,
        "model": _text,
        "seconds": _text,
        "size": _text,
        "input_reference": _reference,
        "characters": _characters,
    },
    "remix": {"prompt": _prompt},
    "edits": {"prompt": _prompt, "video": _source, "model": _text},
    "extensions": {"prompt": _prompt, "video": _source, "seconds": _text, "model": _text},
    "characters": {"name": _name, "video": _file_only},
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "create": ("prompt",),
    "remix": ("prompt",),
    "edits": ("prompt", "video"),
    "extensions": ("prompt", "video", "seconds"),
    "characters": ("name", "video"),
}


def read_order(
    verb: str, fields: Mapping[str, Any], *, offers: Mapping[str, Offer], extras: tuple[str, ...], uploads: bool
) -> Order:
    """The request as the contract reads it."""
    table = FIELDS[verb]
    for name in fields:
        if name not in table and name not in extras:
            raise Refusal(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    for name in REQUIRED[verb]:
        if name not in fields:
            raise Refusal(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", name)
    said = {name: check(name, fields[name]) for name, check in table.items() if name in fields}
    source = said.pop("video", None)
    upload = source if isinstance(source, FilePart) else None
    if verb in ("edits", "extensions"):
        _check_upload(upload, said, uploads)
    image = said.pop("input_reference", None)
    order = Order(
        verb=verb,
        source=source if isinstance(source, str) else None,
        upload=upload,
        image=image is not None,
        extras={name: fields[name] for name in extras if name in fields},
        **said,
    )
    return _complete(order, image, offers)


def _check_upload(upload: FilePart | None, said: Mapping[str, Any], uploads: bool) -> None:
    """An upload names its model; an id must not: no schema lists the field."""
    if upload is None and "model" in said:
        raise Refusal(400, "Unknown parameter: 'model'.", "unknown_parameter", "model")
    if upload is not None and not uploads:
        raise Refusal(400, "Uploads are for selected customers.", "invalid_value", "video")
    if upload is not None and "model" not in said:
        raise Refusal(400, "Missing required parameter: 'model'.", "missing_required_parameter", "model")


def _complete(order: Order, image: bytes | None, offers: Mapping[str, Offer]) -> Order:
    """Defaults filled in; model, seconds and size within what the model offers."""
    if order.verb == "create":
        order = msgspec.structs.replace(
            order, model=order.model or "sora-2", seconds=order.seconds or "4", size=order.size or "720x1280"
        )
    if order.model is not None:
        if order.model not in offers:
            # 404 as in the rest of the API; for videos unverified.
            raise Refusal(404, f"The model '{order.model}' does not exist.", "model_not_found", "model")
        check_offer(order, offers[order.model])
    if image is not None:
        _check_image(image, order.size or "")
    return order


def check_offer(order: Order, offer: Offer) -> None:
    """Also for a source's model, which the desk knows."""
    if order.seconds is not None and order.seconds not in offer.seconds:
        _not_allowed("seconds", order.seconds, offer.seconds)
    if order.size is not None and order.size not in offer.sizes:
        _not_allowed("size", order.size, offer.sizes)


def _check_image(data: bytes, size: str) -> None:
    from PIL import Image, UnidentifiedImageError  # only a request with an image pays for it

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            measured = f"{image.width}x{image.height}"
    except (UnidentifiedImageError, OSError) as error:
        raise Refusal(400, "The image is not JPEG, PNG or WebP.", "invalid_value", "input_reference") from error
    if measured != size:
        raise Refusal(400, "Inpaint image must match the requested width and height")


# --- lists -------------------------------------------------------------------------------------------------------


def read_query(query: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    for name in query:
        if name not in allowed:
            raise Refusal(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)  # our choice


def read_page(query: Mapping[str, str]) -> tuple[int, bool, str | None]:
    """(limit, newest first, after). The defaults are our choice."""
    read_query(query, ("limit", "order", "after"))
    limit = query.get("limit", "20")
    if not (limit.isascii() and limit.isdigit() and int(limit) <= 100):
        raise Refusal(400, "limit is an integer from 0 to 100.", "invalid_value", "limit")
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        _not_allowed("order", order, ("asc", "desc"))
    return int(limit), order == "desc", query.get("after")
