"""What the simulated Interactions API takes: bodies checked field by field, its errors' two shapes, and its tokens.

Written from the contract's page, not from the adapter.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from tests.support.vendor_stand import VendorError

LONGEST_S: Final = {"gemini-omni-1.1-flash": 10, "gemini-omni-1.2-flash": 15}
DURATION: Final = re.compile(r"(\d{1,2}(?:\.\d{1,3})?)s", re.ASCII)
LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}", re.ASCII)
TAG: Final = re.compile(r"<([A-Z]+(?:_[A-Z0-9]+)*)>", re.ASCII)
HEIGHTS: Final = {"360p": 360, "720p": 720, "1080p": 1080, "4k": 2160}
TOKENS: Final = {"360p": 1_714, "720p": 5_792, "1080p": 8_571, "4k": 17_143}  # of a second; all but 720p unverified
TASKS: Final = ("text_to_video", "image_to_video", "reference_to_video", "edit", "extend", "upscale")
PICTURES: Final = frozenset(f"image/{kind}" for kind in ("png", "jpeg", "webp", "heic", "heif", "gif", "bmp", "tiff"))
PICTURES_MAX: Final = 6


class Refusal(VendorError):
    """An error of the interactions' own shape, or with a `status` of the older one; those come in a list of one."""

    def __init__(self, status: int, message: str, word: str | None = None, *details: Mapping[str, Any]) -> None:
        if word is None:
            super().__init__(status, {"error": {"code": "invalid_request", "message": message}})
            return
        error = {"code": status, "message": message, "status": word, **({"details": details} if details else {})}
        super().__init__(status, [{"error": error}])


def wrong(place: str) -> Refusal:
    return Refusal(400, f"{place} is not what it has to be")


def retry_info(delay_s: str) -> dict[str, str]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay_s}s"}


def check_head(headers: Mapping[str, str], query: Mapping[str, str], api_key: str) -> None:
    """A wrong key is a 400, no key a 403; a bearer token is another way in, which this key is not."""
    if "Authorization" in headers:
        raise Refusal(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED")
    given = headers.get("x-goog-api-key") or query.get("key")
    if not given:
        raise Refusal(403, "Method doesn't allow unregistered callers.", "PERMISSION_DENIED")
    if given != api_key:
        reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        raise Refusal(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", reason)


Check = Callable[[Any], bool]


def _fields(place: str, value: Any, known: Mapping[str, Check]) -> None:
    if not isinstance(value, dict):
        raise wrong(place)
    for name, inner in value.items():
        if name not in known:
            raise Refusal(400, f"Unknown field {place}.{name}")
        if not known[name](inner):
            raise wrong(f"{place}.{name}")


def _is(kind: type) -> Check:
    return lambda value: isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _one_of(*words: str) -> Check:
    return lambda value: value in words


BODY: Final[Mapping[str, Check]] = {
    "model": _is(str), "input": lambda value: isinstance(value, str | list), "background": _is(bool),
    "store": _is(bool), "response_format": _is(dict), "response_modalities": lambda value: value == ["video"],
    "generation_config": _is(dict), "previous_interaction_id": _is(str), "webhook_config": _is(dict),
    "safety_settings": _is(list), "labels": _is(dict),
    "service_tier": _one_of("flex", "standard", "priority", "deferred"),
}  # fmt: skip
FORMAT: Final[Mapping[str, Check]] = {
    "type": _one_of("video"), "aspect_ratio": _one_of("16:9", "9:16"), "resolution": _one_of(*HEIGHTS),
    "duration": lambda value: isinstance(value, str) and DURATION.fullmatch(value) is not None,
    "delivery": _one_of("uri", "inline"),
}  # fmt: skip


def check_body(body: Any, known_ids: Collection[str]) -> None:
    """VendorError where the vendor would refuse. `known_ids`: interactions that are stored here."""
    _fields("body", body, BODY)
    if "input" not in body:
        raise wrong("input")
    if body.get("model") not in LONGEST_S:
        raise Refusal(404, f"models/{body.get('model')} is not found or no longer available", "NOT_FOUND")
    wanted = body.get("response_format", {})
    _fields("response_format", wanted, FORMAT)
    if not 3 <= seconds_of(body) <= LONGEST_S[body["model"]]:
        raise wrong("response_format.duration")
    config = body.get("generation_config", {})
    _fields("generation_config", config, {"seed": _is(int), "video_config": _is(dict)})
    _fields("video_config", config.get("video_config", {}), {"task": _one_of(*TASKS)})
    if body.get("background") and body.get("store") is False:
        raise Refusal(400, "background needs store")
    _check_input(body, config.get("video_config", {}).get("task"), known_ids)
    hook = body.get("webhook_config", {})
    _fields("webhook_config", hook, {"uris": _is(list), "user_metadata": _is(dict)})
    if not all(isinstance(uri, str) and uri.startswith("https://") for uri in hook.get("uris", [])):
        raise wrong("webhook_config.uris")
    if not all(LABEL.fullmatch(str(text)) for pair in body.get("labels", {}).items() for text in pair):
        raise wrong("labels")


def _check_input(body: dict[str, Any], task: str | None, known_ids: Collection[str]) -> None:
    blocks = [{"type": "text", "text": body["input"]}] if isinstance(body["input"], str) else body["input"]
    pictures = 0
    words = ""
    for block in blocks:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            _fields("input", block, {"type": _is(str), "text": lambda value: isinstance(value, str) and value != ""})
            words += block["text"]
        elif kind == "image":
            _fields("input", block, {"type": _is(str), "mime_type": _one_of(*PICTURES), "data": _is_base64})
            pictures += 1
        else:
            raise wrong("input")
    if not words or pictures > PICTURES_MAX:
        raise wrong("input")
    tags = TAG.findall(words)
    if {"FIRST_FRAME", "LAST_FRAME"} & set(tags) and len(tags) != pictures:
        raise Refusal(400, "every frame tag needs its image")
    if task == "image_to_video" and not pictures:
        raise Refusal(400, "image_to_video needs an image")
    before = body.get("previous_interaction_id")
    if (before is None) != (task not in ("edit", "extend", "upscale")) or (before and before not in known_ids):
        raise Refusal(400, "Invalid interaction name" if before else f"{task} needs an earlier interaction")


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(base64.b64decode(value, validate=True))
    except ValueError:
        return False


def seconds_of(body: Mapping[str, Any]) -> float:
    found = DURATION.fullmatch(str(body.get("response_format", {}).get("duration", "10s")))
    return float(found[1]) if found else 0.0


def size_of(body: Mapping[str, Any]) -> str:
    wanted = body.get("response_format", {})
    short = HEIGHTS[wanted.get("resolution", "720p")]
    long = short * 16 // 9
    return f"{short}x{long}" if wanted.get("aspect_ratio") == "9:16" else f"{long}x{short}"


def usage_of(body: Mapping[str, Any], *, video: bool) -> dict[str, Any]:
    """Ten tokens for words, three hundred for a picture; what comes out is a video, or ten tokens of excuse."""
    pictures = sum(isinstance(block, dict) and block.get("type") == "image" for block in body["input"])
    into = 10 + 300 * pictures
    made = int(seconds_of(body) * TOKENS[body.get("response_format", {}).get("resolution", "720p")]) if video else 10
    return {
        "total_input_tokens": into,
        "total_output_tokens": made,
        "output_tokens_by_modality": [{"modality": "video" if video else "text", "tokens": made}],
        "total_tokens": into + made,
    }
