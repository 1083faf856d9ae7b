"""What the simulated Kling takes: both standards, checked field by field, the two kinds of token, and its errors.

Written from the contract's page, not from the adapter.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tests.support.vendor_stand import VendorError

STATUS: Final[Mapping[int, int]] = {
    **dict.fromkeys((1000, 1001, 1002, 1003, 1004), 401),
    **dict.fromkeys((1100, 1101, 1102, 1302, 1303, 1304), 429),
    **dict.fromkeys((1200, 1201, 1300, 1301), 400),
    1103: 403, 1202: 404, 1203: 404, 5000: 500, 5001: 503, 5002: 504,
}  # fmt: skip
SHAPES: Final = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1), "21:9": (21, 9)}
LINES: Final = {"720p": 720, "1080p": 1080, "4k": 2160}
OPTIONS: Final[Mapping[str, type]] = {"callback_url": str, "external_task_id": str, "watermark_info": dict}
FRAMES: Final = ("first_frame", "last_frame")


class Refusal(VendorError):
    """`{"code", "message", "request_id"}` with the status that belongs to the code."""

    def __init__(self, code: int, message: str = "no", *, status: int | None = None) -> None:
        body = {"code": code, "message": message, "request_id": "5f0e"}
        super().__init__(STATUS[code] if status is None else status, body)


class Order(Struct, kw_only=True):
    """A create that was taken, in the words of neither standard."""

    model: str
    kind: str
    prompt: str
    seconds: int
    resolution: str
    shape: str
    sound: bool
    external_id: str | None
    callback_url: str | None
    body: dict[str, Any]
    old: bool = False  # of the old standard


class Offer(Struct, frozen=True, kw_only=True):
    """One model of the new standard."""

    kinds: tuple[str, ...] = ("text-to-video", "image-to-video")
    resolutions: tuple[str, ...] = ("720p", "1080p")
    seconds: range | tuple[int, ...] = range(3, 16)
    audio: tuple[str, ...] = ("native", "off")  # empty: leave it out
    shapes: tuple[str, ...] = ("16:9", "9:16", "1:1")
    fields: tuple[str, ...] = ()
    items: tuple[str, ...] = ("prompt", *FRAMES, "element")
    prompt_max: int = 3_072
    units: Mapping[str, tuple[float, float]]  # a second at each resolution, silent and with sound
    names: bool = True  # takes an id of ours and a callback


V3: Final = {"720p": (0.6, 0.9), "1080p": (0.8, 1.2), "4k": (3.0, 3.0)}
OMNI: Final = {"720p": (0.6, 0.8), "1080p": (0.8, 1.0), "4k": (3.0, 3.0)}
OFFERS: Final[Mapping[str, Offer]] = {
    "kling-3.0": Offer(resolutions=tuple(LINES), fields=("multi_shot",), units=V3),
    "kling-3.0-turbo": Offer(
        audio=(), items=("prompt", "first_frame", "element"), prompt_max=2_500,
        units={"720p": (0.8, 0.8), "1080p": (1.0, 1.0)},
    ),
    "kling-3.0-omni": Offer(
        kinds=("omni-video",), resolutions=tuple(LINES), audio=("native", "original", "off"), fields=("multi_shot",),
        items=("prompt", *FRAMES, "element", "refer_image", "feature_video", "base_video"), units=OMNI,
    ),
    "kling-o1": Offer(
        kinds=("omni-video",), seconds=range(3, 11), audio=("off", "original"),
        items=("prompt", *FRAMES, "element", "refer_image", "feature_video", "base_video"),
        units={"720p": (0.6, 0.6), "1080p": (0.8, 0.8)},
    ),
    "kling-2.6": Offer(seconds=(5, 10), prompt_max=2_500, units={"720p": (0.3, 0.3), "1080p": (0.5, 1.0)}),
    "kling-2.5-turbo": Offer(
        seconds=(5, 10), audio=(), items=("prompt", "first_frame"), prompt_max=2_500,
        units={"720p": (0.3, 0.3), "1080p": (0.5, 0.5)},
    ),
    "kling-4.0": Offer(
        seconds=range(3, 31), audio=("native",), shapes=tuple(SHAPES), names=False,
        units={"720p": (1.2, 1.2), "1080p": (1.8, 1.8)},
    ),
    "kling-4.0-flash": Offer(
        resolutions=("720p",), seconds=range(3, 21), audio=("native",), shapes=tuple(SHAPES), names=False,
        units={"720p": (0.7, 0.7)},
    ),
}  # fmt: skip


def wrong(field: str) -> Refusal:
    return Refusal(1201, f"{field} is invalid")


def read_body(raw: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        raise Refusal(1200, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise Refusal(1200, "the body is no object")
    return body


def only(told: Any, fields: Mapping[str, Any], what: str) -> dict[str, Any]:
    """An object with no other fields than these, each of its type."""
    if not isinstance(told, dict):
        raise wrong(what)
    for name, value in told.items():
        right = fields.get(name)
        if right is None or not isinstance(value, right) or (right is int and isinstance(value, bool)):
            raise wrong(name)
    return told


def new_order(kind: str, model: str, body: dict[str, Any]) -> Order:
    """A create of the new standard."""
    offer = OFFERS.get(model)
    if offer is None or kind not in offer.kinds:
        raise Refusal(1203, f"model {model} is not supported")
    told = {"prompt": str} if kind == "text-to-video" else {"contents": list}
    only(body, {**told, "settings": dict, "options": dict}, "body")
    options = only(body.get("options", {}), OPTIONS if offer.names else {"watermark_info": dict}, "options")
    items = [{"type": "prompt", "text": body.get("prompt")}] if "prompt" in told else body.get("contents", [])
    prompt, image = read_items(items, offer)
    settings = read_settings(body.get("settings", {}), offer, shaped=kind != "image-to-video")
    if kind == "image-to-video" and image is None:
        raise wrong("first_frame")
    sound = settings.get("audio", "native" if model == "kling-3.0-turbo" else "off") == "native"
    if model == "kling-2.6" and sound and settings["resolution"] != "1080p":
        raise wrong("audio")
    return Order(
        model=model, kind=kind, prompt=prompt, seconds=settings["duration"], resolution=settings["resolution"],
        shape=shape_of(image) if image is not None else settings.get("aspect_ratio", "16:9"), sound=sound,
        external_id=options.get("external_task_id"), callback_url=options.get("callback_url"), body=body,
    )  # fmt: skip


def read_settings(told: Any, offer: Offer, *, shaped: bool) -> dict[str, Any]:
    types = {"resolution": str, "duration": int, **({"aspect_ratio": str} if shaped else {})}
    types |= {"audio": str} if offer.audio else {}
    types |= dict.fromkeys(offer.fields, bool)
    settings = {"resolution": "720p", "duration": 5, **only(told, types, "settings")}
    right = {"resolution": offer.resolutions, "duration": offer.seconds, "aspect_ratio": offer.shapes}
    for name, values in {**right, "audio": offer.audio}.items():
        if name in settings and settings[name] not in values:
            raise wrong(name)
    return settings


def read_items(items: Any, offer: Offer) -> tuple[str, str | None]:
    """The prompt, and the first frame where there is one."""
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise wrong("contents")
    shapes = {
        "prompt": {"type", "text"},
        "element": {"type", "element_id", "id"},
        **{f: {"type", "url"} for f in FRAMES},
    }
    for item in items:
        kind = item.get("type")
        if kind not in offer.items or set(item) != shapes.get(kind, {"type", "url", "id"}):
            raise wrong(f"contents.{kind}")
        if "url" in item:
            check_media(item["url"])
    by_kind = {item["type"]: item for item in items}
    prompt = by_kind.get("prompt", {}).get("text")
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= offer.prompt_max:
        raise wrong("prompt")
    if "last_frame" in by_kind and "first_frame" not in by_kind:
        raise wrong("last_frame")
    return prompt, by_kind["first_frame"]["url"] if "first_frame" in by_kind else None


def check_media(url: Any, bytes_max: int = 50_000_000) -> None:
    """An address, or bare base64 of a JPEG or PNG: a data URI is neither."""
    if not isinstance(url, str) or url.startswith("data:"):
        raise wrong("url")
    if url.startswith("https://"):
        return
    try:
        data = base64.b64decode(url, validate=True)
    except binascii.Error:
        raise wrong("url") from None
    if len(data) > bytes_max or not data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise wrong("url")


def shape_of(image: str) -> str:
    """A clip from an image has its shape. PNGs only."""
    width, height = struct.unpack(">II", base64.b64decode(image)[16:24])
    return "16:9" if width > height else "9:16" if width < height else "1:1"


def pixels(order: Order) -> str:
    across, down = SHAPES[order.shape]
    lines = LINES[order.resolution]
    return f"{lines * across // down}x{lines}" if across >= down else f"{lines}x{lines * down // across}"


def check_jwt(token: str, access_key: str, secret_key: str, now_s: float) -> None:
    """HS256 over issuer and times, by hand."""
    try:
        head, payload, signature = token.split(".")
        right = hmac.digest(secret_key.encode(), f"{head}.{payload}".encode(), "sha256")
        given = _unpadded(signature)
        header, claims = (msgspec.json.decode(_unpadded(part)) for part in (head, payload))
    except (ValueError, binascii.Error):
        raise Refusal(1002, "Authorization is invalid") from None
    if header != {"alg": "HS256", "typ": "JWT"} or claims.get("iss") != access_key or given != right:
        raise Refusal(1002, "Authorization is invalid")
    if claims["nbf"] > now_s:
        raise Refusal(1003, "Authorization is not yet valid")
    if claims["exp"] <= now_s:
        raise Refusal(1004, "Authorization has expired")


def _unpadded(text: str) -> bytes:
    if "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
