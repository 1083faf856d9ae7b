"""What the simulated Runway takes: its contract's unions by model, checked field by field, and its errors' shape.

Written from the contract's page, not from the adapter. Models beyond these are left to conformance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tests.support.vendor_stand import VendorError

VERSION: Final = "2024-11-06"
URI_CHARS_MAX: Final = 5_000_000
PROMPT_UNITS_MAX: Final = 1_000
SHAPES: Final = frozenset({"1280:720", "720:1280"})
FRAMES: Final = SHAPES | {"1104:832", "960:960", "832:1104", "1584:672"}
FULL: Final = SHAPES | {"1920:1080", "1080:1920"}
TYPES: Final[Mapping[str, type]] = {
    "promptText": str, "ratio": str, "duration": int, "seed": int, "audio": bool, "negativePrompt": str,
    "contentModeration": dict, "outputFormat": str, "proresProfile": str, "resolution": str,
}  # fmt: skip


class Offer(Struct, frozen=True, kw_only=True):
    """One model. `text`, `image`: the ratios on either path; an empty one is refused there."""

    text: frozenset[str]
    image: frozenset[str]
    durations: frozenset[int]
    fields: frozenset[str]
    positions: frozenset[str] = frozenset({"first"})
    credits_per_second: int
    silent_credits: int | None = None
    lines: Mapping[str, int] = {}  # by `resolution`, which stands beside a ratio that is a word; wider frames are even


GEN: Final = frozenset({"seed", "contentModeration"})
VEO: Final = Offer(
    text=FULL, image=FULL, durations=frozenset({4, 6, 8}), fields=frozenset({"audio", "negativePrompt", "seed"}),
    positions=frozenset({"first", "last"}), credits_per_second=40, silent_credits=20,
)  # fmt: skip
OFFERS: Final[Mapping[str, Offer]] = {
    "gen4.5": Offer(
        text=SHAPES, image=FRAMES, durations=frozenset(range(2, 11)),
        fields=GEN | {"outputFormat", "proresProfile"}, credits_per_second=12,
    ),
    "gen4_turbo": Offer(
        text=frozenset(), image=FRAMES, durations=frozenset({5, 10}), fields=GEN, credits_per_second=5
    ),
    "veo3.1": VEO,
    "hailuo3": Offer(
        text=frozenset({"21:9", "16:9", "4:3", "1:1", "3:4", "9:16"}), image=frozenset(),
        durations=frozenset(range(4, 16)), fields=frozenset({"resolution"}), credits_per_second=10,
        lines={"768p": 768, "2k": 1440},
    ),
    "gemini_omni_flash": Offer(
        text=SHAPES, image=SHAPES, durations=frozenset(range(3, 11)), fields=frozenset(), credits_per_second=10
    ),
}  # fmt: skip


class Refusal(VendorError):
    """An error document. `path`: the field that is wrong, which makes it a 400 with issues."""

    def __init__(
        self, status: int, error: str, *, path: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        body: dict[str, Any] = {"error": error, "docUrl": "https://docs.vendor.example/errors"}
        if path is not None:
            body["issues"] = [{"code": "invalid_value", "path": [path], "message": "Invalid input"}]
        super().__init__(status, body, headers)


def wrong(path: str) -> Refusal:
    return Refusal(400, "Validation of body failed", path=path)


def check_head(headers: Mapping[str, str], api_key: str) -> None:
    """The version first: without it the vendor understands nothing."""
    if headers.get("X-Runway-Version") != VERSION:
        raise Refusal(400, "The X-Runway-Version header is missing or unknown.")
    if headers.get("Authorization") != f"Bearer {api_key}":
        raise Refusal(401, "Your API key is invalid.")


def check_body(body: Any, *, image: bool, uploads: frozenset[str]) -> Offer:
    """The model that is asked for, with everything else as it wants it."""
    if not isinstance(body, dict):
        raise Refusal(400, "Validation of body failed", path="body")
    offer = OFFERS.get(body.get("model", ""))
    ratios = frozenset() if offer is None else offer.image if image else offer.text
    if offer is None or not ratios:
        raise wrong("model")
    known = {"model", "promptText", "ratio", "duration"} | offer.fields | ({"promptImage"} if image else set())
    for name, value in body.items():
        right = TYPES.get(name, object)
        if name not in known or not isinstance(value, right) or (right is int and isinstance(value, bool)):
            raise wrong(name)
    prompt = body.get("promptText", "")
    if not 1 <= len(prompt.encode("utf-16-le")) // 2 <= PROMPT_UNITS_MAX:
        raise wrong("promptText")
    if body.get("ratio") not in ratios:
        raise wrong("ratio")
    if offer.lines and body.get("resolution") not in offer.lines:
        raise wrong("resolution")
    if body.get("duration") not in offer.durations:
        raise wrong("duration")
    if image:
        _check_image(body.get("promptImage"), offer, uploads)
    return offer


def _check_image(told: Any, offer: Offer, uploads: frozenset[str]) -> None:
    places = [{"uri": told, "position": "first"}] if isinstance(told, str) else told
    if not isinstance(places, list) or not places:
        raise wrong("promptImage")
    for place in places:
        if not isinstance(place, dict) or set(place) != {"uri", "position"} or place["position"] not in offer.positions:
            raise wrong("promptImage")
        uri = str(place["uri"])
        inline = uri.startswith(("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,"))
        if not (inline and len(uri) <= URI_CHARS_MAX) and uri not in uploads:
            raise wrong("promptImage")


def size_of(body: Mapping[str, Any]) -> str:
    """The clip's, in pixels. A side is rounded up to an even number."""
    across, _, down = body["ratio"].partition(":")
    lines = OFFERS[body["model"]].lines
    if not lines:
        return f"{across}x{down}"
    unit = lines[body["resolution"]] / min(int(across), int(down))
    return "x".join(str(-(-round(int(side) * unit) // 2) * 2) for side in (across, down))


def credits_of(offer: Offer, body: Mapping[str, Any]) -> int:
    """Sound is on where nothing is said."""
    silent = offer.silent_credits is not None and body.get("audio") is False
    rate = offer.silent_credits if silent and offer.silent_credits is not None else offer.credits_per_second
    return rate * int(body["duration"])
