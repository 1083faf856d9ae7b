"""What the simulated Luma takes: Ray 3.2's request, checked field by field, and its errors' shape.

Written from the contract's page, not from the adapter.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from tests.support.vendor_stand import VendorError

RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
LINES: Final = {"360p": (640, 360), "540p": (960, 540), "720p": (1280, 720), "1080p": (1920, 1080)}
CENTS: Final[Mapping[tuple[str, str], int]] = {
    ("540p", "5s"): 15, ("720p", "5s"): 30, ("1080p", "5s"): 120,
    ("540p", "10s"): 45, ("720p", "10s"): 90, ("1080p", "10s"): 360,
}  # fmt: skip
HDR_CENTS: Final[Mapping[tuple[str, str], int]] = {("720p", "5s"): 60, ("1080p", "5s"): 240}
TOP: Final[Mapping[str, type]] = {
    "prompt": str, "model": str, "type": str, "aspect_ratio": str, "video": dict, "user_id": str,
}  # fmt: skip
VIDEO: Final[Mapping[str, type]] = {
    "resolution": str, "duration": str, "start_frame": dict, "end_frame": dict, "keyframes": list,
    "keyframe_indexes": list, "loop": bool, "hdr": bool, "exr_export": bool,
}  # fmt: skip
PROMPT_CHARS_MAX: Final = 6_000
ANCHORS_MAX: Final = 64


class Refusal(VendorError):
    """A sentence, or what is wrong with which field."""

    def __init__(self, status: int, detail: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, {"detail": detail}, {"X-API-Version": "2026-04-01", **(headers or {})})


def wrong(*place: str, message: str = "Input is wrong") -> Refusal:
    return Refusal(422, [{"type": "value_error", "loc": ["body", *place], "msg": message, "input": "…"}])


def check_head(headers: Mapping[str, str], api_key: str) -> None:
    if headers.get("Authorization") != f"Bearer {api_key}":
        raise Refusal(401, "Invalid API key")


def check_body(body: Any) -> int:
    """What the clip costs in cents, if all of it is as it should be."""
    if not isinstance(body, dict):
        raise wrong("body")
    _check_types(body, TOP)
    if body.get("model") != "ray-3.2" or body.get("type") != "video":
        raise wrong("model")
    if not 1 <= len(body.get("prompt", "")) <= PROMPT_CHARS_MAX:
        raise wrong("prompt")
    if body.get("aspect_ratio") not in RATIOS:
        raise wrong("aspect_ratio")
    video = body.get("video", {})
    _check_types(video, VIDEO, "video")
    _check_frames(video)
    if video.get("exr_export") and not video.get("hdr"):
        raise wrong("video", "exr_export", message="requires hdr")
    clip = (video.get("resolution", "720p"), video.get("duration", "5s"))
    cents = (HDR_CENTS if video.get("hdr") else CENTS).get(clip)
    if cents is None:
        raise wrong("video", "resolution")
    return cents


def size_of(body: Mapping[str, Any]) -> str:
    """WxH of the wide and the tall ratio; squares and the rest are as high as the short side."""
    long, short = LINES[body["video"].get("resolution", "720p")]
    shapes = {"16:9": f"{long}x{short}", "9:16": f"{short}x{long}"}
    return shapes.get(body["aspect_ratio"], f"{short}x{short}")


def _check_types(told: Mapping[str, Any], types: Mapping[str, type], *place: str) -> None:
    for name, value in told.items():
        if name not in types:
            raise wrong(*place, name, message="Extra inputs are not permitted")
        if type(value) is not types[name]:
            raise wrong(*place, name)


def _check_frames(video: Mapping[str, Any]) -> None:
    named = [name for name in ("start_frame", "end_frame") if name in video]
    anchors, at = video.get("keyframes", []), video.get("keyframe_indexes", [])
    if len(named) == 2 and video.get("duration") == "10s":
        raise wrong("video", "end_frame", message="start_frame and end_frame together are not supported at 10s")
    if video.get("loop") and (video.get("duration") == "10s" or video.get("hdr")):
        raise wrong("video", "loop")
    if anchors and (named or video.get("loop")):
        raise wrong("video", "keyframes", message="not with start_frame, end_frame or loop")
    last = 24 * int(video.get("duration", "5s").removesuffix("s"))
    places = all(type(one) is int and 0 <= one <= last for one in at) and len(set(at)) == len(at) == len(anchors)
    if not places or len(anchors) > ANCHORS_MAX:
        raise wrong("video", "keyframe_indexes")
    for frame in [*(video[name] for name in named), *anchors]:
        _check_reference(frame)


def _check_reference(frame: Any) -> None:
    """Exactly one of an address, data with its type, a generation and a file."""
    ways = [name for name in ("url", "data", "generation_id", "file_id") if isinstance(frame, dict) and name in frame]
    if len(ways) != 1 or set(frame) - {*ways, "media_type"}:
        raise wrong("video", "start_frame")
    if ways == ["data"]:
        try:
            base64.b64decode(frame["data"], validate=True)
        except (binascii.Error, TypeError):
            raise wrong("video", "start_frame", message="no base64") from None
        if frame.get("media_type") not in ("image/png", "image/jpeg", "image/webp"):
            raise wrong("video", "start_frame", message="unsupported media type")
