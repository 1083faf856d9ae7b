"""What the simulated Kling takes in its old standard: the model in the body, one path for each kind of task.

Written from the contract's page, not from the adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tests.support.kling_contract import OMNI, V3, Order, Refusal, check_media, only, shape_of, wrong

KINDS: Final = ("text2video", "image2video", "omni-video")
LINES: Final = {"std": "720p", "pro": "1080p", "4k": "4k"}
SHAPES: Final = ("16:9", "9:16", "1:1")
TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "model_name": str, "model": str, "prompt": str, "negative_prompt": str, "mode": str, "duration": str,
    "aspect_ratio": str, "cfg_scale": (int, float), "sound": str, "image": str, "image_tail": str, "image_list": list,
    "element_list": list, "multi_shot": bool, "shot_type": str, "multi_prompt": list, "camera_control": dict,
    "watermark_info": dict, "callback_url": str, "external_task_id": str,
}  # fmt: skip
IMAGE_BYTES_MAX: Final = 10_000_000
LONG: Final = tuple(map(str, range(3, 16)))


class OldOffer(Struct, frozen=True, kw_only=True):
    """One `model_name`. `units`: a second in each mode, silent and with sound."""

    units: Mapping[str, tuple[float, float]]
    kinds: tuple[str, ...] = ("text2video", "image2video")
    seconds: tuple[str, ...] = ("5", "10")
    fields: tuple[str, ...] = ()
    tail: tuple[str, ...] = ("pro",)  # modes in which a clip may end with an image


def _units(std: float, pro: float) -> dict[str, tuple[float, float]]:
    return {"720p": (std, std), "1080p": (pro, pro)}


FLAT: Final = _units(0.4, 0.7)
SHOTS: Final = ("multi_shot", "shot_type", "multi_prompt", "element_list")
V1: Final = OldOffer(units=FLAT, fields=("cfg_scale", "camera_control"))
MASTER: Final = OldOffer(units={"1080p": (2.0, 2.0)}, tail=())
OLD_OFFERS: Final[Mapping[str, OldOffer]] = {
    "kling-v3": OldOffer(units=V3, seconds=LONG, fields=("sound", *SHOTS), tail=tuple(LINES)),
    "kling-v3-omni": OldOffer(units=OMNI, kinds=("omni-video",), seconds=LONG, fields=("sound", *SHOTS)),
    "kling-video-o1": OldOffer(units=_units(0.6, 0.8), kinds=("omni-video",), fields=("element_list",)),
    "kling-v2-6": OldOffer(units={"720p": (0.3, 0.3), "1080p": (0.5, 1.0)}, fields=("sound",)),
    "kling-v2-5-turbo": OldOffer(units=_units(0.3, 0.5)),
    "kling-v2-1-master": MASTER,
    "kling-v2-1": OldOffer(units=FLAT),
    "kling-v2-master": MASTER,
    "kling-v1-6": V1,
    "kling-v1-5": V1,
    "kling-v1": V1,
}


def old_order(kind: str, body: dict[str, Any]) -> Order:
    """A create of the old standard. A body that says `model` instead of `model_name` is quietly v1's."""
    model = body.get("model_name", "kling-v1")
    offer = OLD_OFFERS.get(model)
    if kind not in KINDS or offer is None or kind not in offer.kinds:
        raise Refusal(1203, f"model {model} is not supported")
    _check_fields(body, kind, offer)
    resolution = LINES.get(body.get("mode", "std"), "")
    sound = body.get("sound", "off")
    if resolution not in offer.units or body.get("duration", "5") not in offer.seconds:
        raise wrong("mode or duration")
    if sound not in ("on", "off") or (sound == "on" and model == "kling-v2-6" and resolution != "1080p"):
        raise wrong("sound")
    image = _first(body, offer)
    if kind == "image2video" and image is None:
        raise wrong("image")
    if kind != "image2video" and image is None and body.get("aspect_ratio", "16:9") not in SHAPES:
        raise wrong("aspect_ratio")
    if kind == "omni-video" and image is None and "aspect_ratio" not in body:
        raise wrong("aspect_ratio")
    return Order(
        model=model, kind=kind, prompt=body.get("prompt", ""), seconds=int(body.get("duration", "5")),
        resolution=resolution, shape=shape_of(image) if image else body.get("aspect_ratio", "16:9"),
        sound=sound == "on", external_id=body.get("external_task_id"), callback_url=body.get("callback_url"),
        body=body, old=True,
    )  # fmt: skip


def old_rate(order: Order) -> float:
    """Units for a second."""
    return OLD_OFFERS[order.model].units[order.resolution][order.sound]


def _check_fields(body: dict[str, Any], kind: str, offer: OldOffer) -> None:
    own = {"text2video": ("aspect_ratio",), "image2video": ("aspect_ratio", "image", "image_tail")}
    everyone = ("model_name", "model", "prompt", "mode", "duration", "watermark_info", "callback_url")
    known = {*everyone, "external_task_id", *offer.fields, *own.get(kind, ("aspect_ratio", "image_list"))}
    known |= {"negative_prompt"} if kind != "omni-video" else set()
    only(body, {name: TYPES[name] for name in known}, "body")
    if not 1 <= len(body.get("prompt", "")) <= 2_500 or len(body.get("negative_prompt", "")) > 2_500:
        raise wrong("prompt")
    if not 0 <= body.get("cfg_scale", 0) <= 1:
        raise wrong("cfg_scale")


def _first(body: dict[str, Any], offer: OldOffer) -> str | None:
    """The image that the clip begins with."""
    for name in ("image", "image_tail"):
        if name in body:
            check_media(body[name], IMAGE_BYTES_MAX)
    if "image_tail" in body and body.get("mode", "std") not in offer.tail:
        raise wrong("image_tail")
    frames = {}
    for one in body.get("image_list", []):
        only(one, {"image_url": str, "type": str}, "image_list")
        check_media(one.get("image_url"), IMAGE_BYTES_MAX)
        frames[one.get("type", "reference")] = one["image_url"]
    if "end_frame" in frames and "first_frame" not in frames:
        raise wrong("image_list")
    first: str | None = body.get("image", frames.get("first_frame"))
    return first
