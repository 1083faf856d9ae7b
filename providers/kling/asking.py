"""What a create says to Kling. Everything that decides the price is said, but where the model has no word for it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from providers import contract as c
from providers.contract import Image, Json, Spec
from providers.kling.models import NO_SWITCH, OMNIS, WATERMARK
from providers.toolbox import ratio_of, resolution_of

OLD_IMAGE_BYTES_MAX: Final = 10_000_000


def unfit(spec: Spec) -> str:
    """What no model of this vendor can take; an empty text where there is nothing."""
    images = [one for one in (spec.image, spec.last_image) if one is not None]
    if any(one.media_type not in ("image/jpeg", "image/png") for one in images):
        return "this vendor takes images as JPEG or PNG only"
    return "a last image needs a first one" if spec.last_image is not None and spec.image is None else ""


def order(spec: Spec, able: c.Abilities, names: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    """The path and the body of a create. All that decides the price is said, but what the model has no word for."""
    omni = spec.model in OMNIS
    kind = "omni-video" if omni else "image-to-video" if spec.image is not None else "text-to-video"
    settings: dict[str, Json] = {
        "resolution": resolution_of(spec.size, ("720p", "1080p", "4k")),
        "duration": spec.seconds,
    }
    if spec.image is None:
        settings["aspect_ratio"] = ratio_of(spec.size, ("16:9", "9:16", "1:1", "21:9"))
    if spec.model not in NO_SWITCH:
        settings["audio"] = "native" if _sounds(spec, able) else "off"
    if "multi_shot" in spec.extras:
        settings["multi_shot"] = spec.extras["multi_shot"]
    options: dict[str, Json] = {"watermark_info": {"enabled": False}, **_taken(spec, *WATERMARK), **names}
    words: dict[str, Json] = {"contents": _contents(spec)} if kind != "text-to-video" else {"prompt": spec.prompt}
    return f"/{kind}/{quote(spec.model, safe='')}", {**words, "settings": settings, "options": options}


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


def _sounds(spec: Spec, able: c.Abilities) -> bool:
    return able.audio if able.audio is not None else spec.audio is not False


def _taken(spec: Spec, *names: str) -> dict[str, Json]:
    return {name: spec.extras[name] for name in names if name in spec.extras}


def _bare(image: Image) -> str:
    """Base64 without `data:` before it."""
    return b64encode(image.data).decode()
