"""Luma's Agents API: Ray 3.2, from words and between images.

Luma knows no key, no list, no cancel and no callback, so a lost answer stays in doubt. What its contract leaves open is
marked unverified at its line; no line here was tried against a live account. The older Dream Machine API has other keys
and other models, and is not spoken here.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final
from urllib.parse import quote

from msgspec.structs import replace
from pydantic import Field

from providers import contract as c
from providers.contract import Call, Flow, Image, Json, Price, Ref, Reply, Size, Spec, Unreadable, Why
from providers.described import ModelSettings, said_by
from providers.toolbox import (
    Node,
    ratio_of,
    read_json,
    resolution_of,
    retry_after_s,
    said,
    sizes,
    why_of_status,
)

# A failed generation's `failure_code`; any other, or none, is the vendor's own failure.
FAILURES: Final[Mapping[str, Why]] = {
    "content_moderated": Why.BLOCKED,
    "budget_exhausted": Why.NO_CREDIT,
    "rate_limited": Why.THROTTLED,
    "invalid_request": Why.INVALID,
    "unsupported_format": Why.INVALID,
    "corrupt_input": Why.INVALID,
    "image_too_large": Why.INVALID,
    "output_not_found": Why.INVALID,
    "generation_failed": Why.INTERNAL,
}
MODERATED: Final = re.compile(r"moderat", re.IGNORECASE)  # unverified: a refusal at once, in the older API's words
RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
RESOLUTIONS: Final = ("540p", "720p", "1080p")  # the price of 360p is not known
FRAMES_PER_SECOND: Final = 24  # of the grid on which keyframes stand
NOBODYS: Final = "00000000-0000-0000-0000-000000000000"

P540: Final = sizes("960x540", "540x960")
P720: Final = sizes("1280x720", "720x1280")
P1080: Final = sizes("1920x1080", "1080x1920")


def _clip(cents: int, seconds: int, of: tuple[Size, ...]) -> Price:
    """Luma prices by the clip: twice the length is three times the price."""
    return Price(
        per_clip_micros=cents * 10_000, seconds=(seconds,), sizes=of, as_of="2026-07-10", source="Luma's pricing page"
    )


RAY_32: Final = c.Abilities(
    # Of other shapes nobody tells the pixels, and a clip of another size than was asked for is a broken one.
    seconds=(5, 10), sizes=(*P720, *P540, *P1080), image=True, last_image=True, audio=False,
    last_image_alone=True,  # unverified
    prompt_max=6_000,
    extras=("loop", "user_id"),
    prices=(
        _clip(15, 5, P540), _clip(30, 5, P720), _clip(120, 5, P1080),
        _clip(45, 10, P540), _clip(90, 10, P720), _clip(360, 10, P1080),
    ),
)  # fmt: skip
MODELS: Final[Mapping[str, c.Abilities]] = {"ray-3.2": RAY_32}
COMMON: Final[Mapping[str, bool | int]] = {
    "failed_jobs_free": False,  # nobody says
    "asset_life_s": 3_600,  # each look gives a fresh link
}


class LumaSettings(c.AdapterSettings):
    """Further models, or shapes of the known one whose pixels the operator has seen; they are priced at the route."""

    models: Annotated[
        Mapping[str, ModelSettings], said_by("image", "last_image", "last_image_alone", extras=RAY_32.extras)
    ] = Field(default_factory=dict)


class Luma(c.Adapter[LumaSettings]):
    kind: ClassVar[str] = "luma"
    Settings: ClassVar[type[c.AdapterSettings]] = LumaSettings
    default_base_url: ClassVar[str | None] = "https://agents.lumalabs.ai/v1"
    tells_balance: ClassVar[bool] = False

    def models(self) -> tuple[str, ...]:
        return tuple({**MODELS, **self.settings.models})

    def abilities(self, model: str) -> c.Abilities:
        own = self.settings.models.get(model)
        return replace(own.abilities() if own else MODELS[model], **COMMON)

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        body = c.JsonBody(_body(spec))
        reply = yield Call(method="POST", path="/generations", body=body, starts_work=True)
        if reply.status not in (200, 201):
            return _refusal(reply)
        return c.Accepted({"id": read_json(reply)["id"].ident()})

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        reply = yield Call(method="GET", path="/generations/" + quote(Node(ref)["id"].ident(), safe=""))
        if reply.status == 200:
            return _state(read_json(reply))
        refused = _refusal(reply)
        # A generation that goes wrong says so in a 200: here a 4xx speaks of the question.
        return replace(refused, why=Why.INTERNAL) if refused.why in (Why.INVALID, Why.BLOCKED) else refused

    def account(self) -> Flow[c.AccountVerdict]:
        """Luma tells no balance; a generation that nobody made tells whether the key is right."""
        reply = yield Call(method="GET", path=f"/generations/{NOBODYS}")
        if reply.status == 200:
            read_json(reply)["state"].text()
            return c.Account()
        refused = _refusal(reply)  # what is no answer of Luma's is Unreadable
        return c.Account() if reply.status in (400, 404, 422) else refused


def _body(spec: Spec) -> dict[str, Json]:
    """What decides the price is always said."""
    loop, user = spec.extras.get("loop"), spec.extras.get("user_id")
    return {
        "model": spec.model,
        "type": "video",
        "prompt": spec.prompt,
        "aspect_ratio": ratio_of(spec.size, RATIOS),
        "video": {
            "resolution": resolution_of(spec.size, RESOLUTIONS),
            "duration": f"{spec.seconds}s",
            "hdr": False,
            **_frames(spec),
            **({} if loop is None else {"loop": loop}),
        },
        **({} if user is None else {"user_id": user}),
    }


def _frames(spec: Spec) -> dict[str, Json]:
    """First and last frame have names, but both together only in a short clip: in a long one they are keyframes."""
    told = {"start_frame": _inline(spec.image), "end_frame": _inline(spec.last_image)}
    named: dict[str, Json] = {name: image for name, image in told.items() if image is not None}
    if len(named) < 2 or spec.seconds <= 5:
        return named
    return {"keyframes": list(named.values()), "keyframe_indexes": [0, spec.seconds * FRAMES_PER_SECOND]}


def _inline(image: Image | None) -> Json:
    return None if image is None else {"data": b64encode(image.data).decode(), "media_type": image.media_type}


def _state(generation: Node) -> c.PollVerdict:
    match generation["state"].text():
        case "queued" | "processing":
            return c.Running()
        case "completed":
            made = generation["output"]
            link = made[0]["url"]
            if not made.raw or link.missing or made[0]["type"].raw not in (None, "video"):
                return c.Broken(why=Why.INTERNAL, message="completed without a clip")
            return c.Finished(assets=(c.Remote(link=link.link()),))
        case "failed":
            code = generation["failure_code"].raw
            why = FAILURES.get(code, Why.INTERNAL) if isinstance(code, str) else Why.INTERNAL
            return c.Broken(why=why, message=said(generation["failure_reason"]))
        case _:
            raise Unreadable("a state outside the contract")


def _refusal(reply: Reply) -> c.Refused:
    """The form of an error is unverified: it is sought where such APIs have it, or is a sentence by itself."""
    document = read_json(reply)
    message = next(filter(None, map(said, (document["detail"], document["error"], document))), "")
    if not message:
        raise Unreadable("an error without a word")
    why = why_of_status(reply.status)
    if why is Why.INVALID and MODERATED.search(message):
        why = Why.BLOCKED
    return c.Refused(why=why, message=message, retry_after_s=retry_after_s(reply))
