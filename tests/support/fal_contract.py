"""What the simulated fal takes: its models' inputs, checked field by field, its head and its errors' shape.

Written from the contract's page, not from the adapter. Size and length of the clip are read from the input as the
models' pages tell them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct

from tests.support.vendor_stand import VendorError

WIDE: Final = ("16:9", "9:16")
SIX: Final = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
LINES: Final = {"480p": 480, "720p": 720, "768P": 768, "1080p": 1080, "4k": 2160}
SIZES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    # (model's maker, resolution): its sizes in the order of SIX; elsewhere they follow from ratio and lines
    ("bytedance", "480p"): ("992x432", "864x496", "752x560", "640x640", "560x752", "496x864"),
    ("bytedance", "720p"): ("1470x630", "1280x720", "1112x834", "960x960", "834x1112", "720x1280"),
    ("bytedance", "1080p"): ("2206x946", "1920x1080", "1664x1248", "1440x1440", "1248x1664", "1080x1920"),
    ("bytedance", "4k"): ("3840x1646", "3840x2160", "3840x2880", "3840x3840", "2880x3840", "2160x3840"),
}
WIDTHS: Final = {480: 832, 720: 1280, 768: 1366, 1080: 1920}


class Refusal(VendorError):
    """`detail` is a sentence, or what is wrong with which field."""

    def __init__(
        self, status: int, detail: Any, *, error_type: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        typed = {} if error_type is None else {"error_type": error_type}
        super().__init__(status, {"detail": detail, **typed}, headers)


def wrong(field: str, kind: str = "value_error", message: str = "Input is wrong") -> Refusal:
    return Refusal(422, [complaint(field, kind, message)])


def complaint(field: str, kind: str, message: str) -> dict[str, Any]:
    return {
        "loc": ["body", field],
        "msg": message,
        "type": kind,
        "ctx": {},
        "url": f"https://docs.fal.ai/errors#{kind}",
    }


Fields: TypeAlias = "Mapping[str, tuple[Any, ...] | type]"


class Input(Struct, frozen=True, kw_only=True):
    """One path. `fields`: beside the prompt, each with its values or its type; `needs`: those that must be there."""

    fields: Fields
    needs: tuple[str, ...] = ()
    resolution: str = "1080p"  # of a model that has no such field


def _texts(*numbers: int, end: str = "") -> tuple[str, ...]:
    return tuple(f"{number}{end}" for number in numbers)


def _pair(words: Input, **picture: Any) -> tuple[Input, Input]:
    """The inputs for words and for a picture, which has further fields and lacks those that are None."""
    fields = {name: kind for name, kind in {**words.fields, **picture}.items() if kind is not None}
    return words, Input(fields=fields, needs=("image_url",), resolution=words.resolution)


def _paths() -> dict[str, Input]:
    paths: dict[str, Input] = {}

    def add(model: str, words: str, pair: tuple[Input, Input]) -> None:
        paths[f"{model}{words}"], paths[f"{model}/image-to-video"] = pair

    sound: Fields = {"generate_audio": bool, "seed": int}
    for version, longest, lines in (("2.0", 15, ("480p", "720p", "1080p", "4k")), ("2.5", 30, ("480p", "720p"))):
        fields: Fields = {"duration": _texts(*range(4, longest + 1)), "resolution": lines, "aspect_ratio": SIX, **sound}
        pair = _pair(Input(fields=fields), image_url=str, end_image_url=str)
        add(f"bytedance/seedance-{version}", "/text-to-video", pair)
    fields = {"duration": tuple(range(5, 16)), "resolution": ("768P",), "aspect_ratio": SIX}
    add(
        "minimax/h3", "/text-to-video", _pair(Input(fields=fields), image_url=str, end_image_url=str, aspect_ratio=None)
    )
    fields = {"duration": ("5", "10"), "aspect_ratio": (*WIDE, "1:1"), "negative_prompt": str, "cfg_scale": float}
    pair = _pair(Input(fields=fields), image_url=str, tail_image_url=str, aspect_ratio=None)
    add("fal-ai/kling-video/v2.5-turbo/pro", "/text-to-video", pair)
    wan: dict[str, Any] = {
        "duration": ("5", "10"),
        "resolution": ("480p", "720p", "1080p"),
        "aspect_ratio": (*WIDE, "1:1"),
    }
    wan |= {"negative_prompt": str, "seed": int, "enable_prompt_expansion": bool}
    add("fal-ai/wan-25-preview", "/text-to-video", _pair(Input(fields=wan), image_url=str, aspect_ratio=None))
    veo: dict[str, Any] = {
        "duration": _texts(4, 6, 8, end="s"),
        "resolution": ("720p", "1080p"),
        "aspect_ratio": WIDE,
        **sound,
    }
    veo |= {"negative_prompt": str, "auto_fix": bool}
    for model in ("fal-ai/veo3", "fal-ai/veo3/fast", "fal-ai/veo3.1"):
        add(model, "", _pair(Input(fields=veo), image_url=str))
    both: Fields = {"first_frame_url": str, "last_frame_url": str}
    paths["fal-ai/veo3.1/first-last-frame-to-video"] = Input(fields={**veo, **both}, needs=tuple(both))
    pika: dict[str, Any] = {"duration": (5, 10), "resolution": ("720p", "1080p"), "negative_prompt": str, "seed": int}
    pika |= {"aspect_ratio": (*WIDE, "1:1", "4:5", "5:4", "3:2", "2:3")}
    add("fal-ai/pika/v2.2", "/text-to-video", _pair(Input(fields=pika), image_url=str, aspect_ratio=None))
    return paths


PATHS: Final = _paths()
HEADERS: Final = (
    "x-fal-request-timeout",
    "x-fal-queue-priority",
    "x-fal-no-retry",
    "x-fal-object-lifecycle-preference",
)


def check_head(headers: Mapping[str, str], api_key: str) -> None:
    if headers.get("Authorization") != f"Key {api_key}":
        raise Refusal(401, "Cannot access application. Authentication is required to access this application.")
    for name in headers:
        if name.lower().startswith("x-fal-") and name.lower() not in HEADERS:
            raise Refusal(400, f"Unknown header {name}")


def check_input(path: str, body: Any) -> Input:
    """The path's own input, with every field as it wants it."""
    wanted = PATHS.get(path)
    if wanted is None:
        raise Refusal(404, f"Application {path!r} not found")
    if not isinstance(body, dict):
        raise wrong("body")
    for name, value in body.items():
        kind = str if name == "prompt" else wanted.fields.get(name)
        if kind is None:
            raise wrong(name, "extra_forbidden", "Extra inputs are not permitted")
        if isinstance(kind, tuple):
            right = any(value == one and type(value) is type(one) for one in kind)
        else:
            right = type(value) is kind or (kind is float and type(value) is int)
        if not right:
            raise wrong(name)
        if name.endswith("_url") and not value.startswith(("https://", "data:image/png;base64,")):
            raise wrong(name, "file_download_error")
    for name in ("prompt", *wanted.needs):
        if not body.get(name):
            raise wrong(name, "missing", "Field required")
    return wanted


def size_of(path: str, wanted: Input, body: Mapping[str, Any], image: str | None) -> str:
    """WxH. `image`: the size of the picture, which decides where there is no ratio."""
    resolution, ratio = str(body.get("resolution", wanted.resolution)), body.get("aspect_ratio")
    if ratio is None:
        return image or "1280x720"
    known = SIZES.get((path.partition("/")[0], resolution))
    if known is not None:
        return known[SIX.index(ratio)]
    lines = LINES[resolution]
    long, short = WIDTHS[lines], lines
    return f"{long}x{short}" if ratio == "16:9" else f"{short}x{long}" if ratio == "9:16" else f"{short}x{short}"
