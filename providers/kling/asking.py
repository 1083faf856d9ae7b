"""What a create says to Kling. Everything that decides the price is said, but where the model has no word for it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from providers import contract as c
from providers.contract import Image, Json, Spec
from providers.kling.models import (
    NO_SWITCH,
    OLD_IMAGE_BYTES_MAX,
    OLD_OMNIS,
    OLD_SWITCH,
    OMNIS,
    RESOLUTIONS,
    WATERMARK,
    ends_at,
    is_old,
)
from providers.toolbox import ratio_of, resolution_of

MODES: Final = {"720p": "std", "1080p": "pro", "4k": "4k"}
UNMARKED: Final[Json] = {"enabled": False}


def unfit(spec: Spec) -> str:
    """What this vendor or model cannot take; an empty text where there is nothing."""
    images = [one for one in (spec.image, spec.last_image) if one is not None]
    if any(one.media_type not in ("image/jpeg", "image/png") for one in images):
        return "this vendor takes images as JPEG or PNG only"
    if spec.last_image is not None and spec.image is None:
        return "a last image needs a first one"
    if not is_old(spec.model):
        return ""
    if any(len(one.data) > OLD_IMAGE_BYTES_MAX for one in images):
        return "this model takes images of at most 10 MB"
    if spec.last_image is not None and not ends_at(spec.model, spec.size):
        return "this model ends with an image at 1080p only"
    return ""


class Order(Struct, frozen=True):
    """A create. `kind`: of the task, where the old standard wants to hear it again."""

    path: str
    body: dict[str, Json]
    kind: str | None = None


def order(spec: Spec, able: c.Abilities, names: Mapping[str, Json]) -> Order:
    """`names`: our id and our address, where the model takes them."""
    return _old_order(spec, able, names) if is_old(spec.model) else _new_order(spec, able, names)


def _new_order(spec: Spec, able: c.Abilities, names: Mapping[str, Json]) -> Order:
    omni = spec.model in OMNIS
    kind = "omni-video" if omni else "image-to-video" if spec.image is not None else "text-to-video"
    settings: dict[str, Json] = {
        "resolution": _resolution(spec),
        "duration": spec.seconds,
    }
    if spec.image is None:
        settings["aspect_ratio"] = ratio_of(spec.size, ("16:9", "9:16", "1:1", "21:9"))
    if spec.model not in NO_SWITCH:
        settings["audio"] = "native" if _sounds(spec, able) else "off"
    if "multi_shot" in spec.extras:
        settings["multi_shot"] = spec.extras["multi_shot"]
    options: dict[str, Json] = {"watermark_info": UNMARKED, **_taken(spec, *WATERMARK), **names}
    words: dict[str, Json] = {"contents": _contents(spec)} if kind != "text-to-video" else {"prompt": spec.prompt}
    body: dict[str, Json] = {**words, "settings": settings, "options": options}
    return Order(f"/{kind}/{quote(spec.model, safe='')}", body)


def _old_order(spec: Spec, able: c.Abilities, names: Mapping[str, Json]) -> Order:
    omni = spec.model in OLD_OMNIS
    body: dict[str, Json] = {
        "watermark_info": UNMARKED,
        **_taken(spec, *able.extras),
        "model_name": spec.model,
        "prompt": spec.prompt,
        "mode": MODES[_resolution(spec)],
        "duration": str(spec.seconds),
        **names,
    }
    if spec.negative_prompt is not None:
        body["negative_prompt"] = spec.negative_prompt
    if spec.image is None:
        body["aspect_ratio"] = ratio_of(spec.size, ("16:9", "9:16", "1:1"))
    if spec.model in OLD_SWITCH or able.audio is None:
        body["sound"] = "on" if _sounds(spec, able) else "off"
    if omni and spec.image is not None:
        frames = (("first_frame", spec.image), ("end_frame", spec.last_image))
        body["image_list"] = [{"image_url": _bare(one), "type": kind} for kind, one in frames if one is not None]
    elif spec.image is not None:
        body["image"] = _bare(spec.image)
        body |= {"image_tail": _bare(spec.last_image)} if spec.last_image is not None else {}
    kind = "omni-video" if omni else "image2video" if spec.image is not None else "text2video"
    return Order(f"/v1/videos/{kind}", body, kind)


def _contents(spec: Spec) -> list[Json]:
    contents: list[Json] = [{"type": "prompt", "text": spec.prompt}]
    for name, image in (("first_frame", spec.image), ("last_frame", spec.last_image)):
        if image is not None:
            contents.append({"type": name, "url": _bare(image)})
    for name, kind in (("elements", "element"), ("refer_images", "refer_image")):
        told = spec.extras.get(name, [])
        for item in told if isinstance(told, list) else [told]:
            contents.append({**item, "type": kind} if isinstance(item, dict) else item)
    return contents


def _resolution(spec: Spec) -> str:
    return resolution_of(spec.size, RESOLUTIONS)


def _sounds(spec: Spec, able: c.Abilities) -> bool:
    return able.audio if able.audio is not None else spec.audio is not False


def _taken(spec: Spec, *names: str) -> dict[str, Json]:
    return {name: spec.extras[name] for name in names if name in spec.extras}


def _bare(image: Image) -> str:
    """Base64 without `data:` before it."""
    return b64encode(image.data).decode()
