"""Runway's API: its own models and those of others that it rents out, as tasks on one path.

Runway knows no key and no list, so a lost answer stays in doubt. What its API description leaves open is marked
unverified at its line; no line here was tried against a live account.
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
from providers.contract import Call, Flow, Image, Json, Part, Price, Ref, Reply, Size, Spec, Unreadable, Why
from providers.described import ModelSettings, Resolution, said_by
from providers.toolbox import (
    RETRY_AFTER_S_MAX,
    Node,
    clean,
    ratio_of,
    read_json,
    resolution_of,
    retry_after_s,
    why_of_status,
)

VERSION: Final = {"x-runway-version": "2024-11-06"}  # required on every call
INLINE_BYTES_MAX: Final = 3_700_000  # "a data URI up to 5 MB": of the text, we take it; what is larger is uploaded

# A refusal's status; what is not here is what the status usually means. 429 is too many requests or a day's cap.
STATUS: Final[Mapping[int, Why]] = {502: Why.OVERLOADED, 503: Why.OVERLOADED, 504: Why.OVERLOADED}
NO_CREDIT: Final = re.compile(r"(not|n't) have enough credits|(not enough|insufficient) credits", re.IGNORECASE)
MODERATED: Final = re.compile(r"moderat|\bsafety\b", re.IGNORECASE)  # at once, by a 400: the wording is unverified
DAILY: Final = re.compile(r"\b(daily|per day)\b", re.IGNORECASE)  # the wording is unverified
# A failed task's `failureCode`, or how it begins; any other, or none, is the vendor's own failure.
FAILURES: Final[Mapping[str, Why]] = {
    "SAFETY": Why.BLOCKED,
    "INPUT_PREPROCESSING.SAFETY": Why.BLOCKED,
    "ASSET.INVALID": Why.INVALID,
    "THIRD_PARTY.INPUT_VALIDATION": Why.INVALID,
    "THIRD_PARTY.UNAVAILABLE": Why.OVERLOADED,
    "INTERNAL": Why.INTERNAL,
}
WAITING: Final = ("PENDING", "THROTTLED")  # throttled: accepted, no place is free yet


def _sizes(*texts: str) -> tuple[Size, ...]:
    return tuple(map(Size.parse, texts))


def _credits(per_second: int, sizes: tuple[Size, ...] = (), audio: bool | None = None) -> Price:
    return Price(
        per_second_credit_billionths=per_second * c.BILLION,
        credit_usd_billionths=c.BILLION // 100,
        sizes=sizes,
        audio=audio,
        as_of="2026-11-20",
        source="Runway's pricing page, as public price lists cite it",
    )


P720: Final = _sizes("1280x720", "720x1280")
P1080: Final = _sizes("1920x1080", "1080x1920")
FRAMES: Final = (*P720, *_sizes("1104x832", "832x1104", "960x960", "1584x672"))
SEEDANCE_480: Final = _sizes("992x432", "864x496", "752x560", "640x640", "560x752", "496x864")
SEEDANCE_25_480: Final = _sizes("992x432", "854x480", "752x560", "640x640", "560x752", "480x854")
SEEDANCE_720: Final = (*P720, *_sizes("1470x630", "1112x834", "960x960", "834x1112"))
SEEDANCE_1080: Final = (*P1080, *_sizes("2206x946", "1664x1248", "1440x1440", "1248x1664"))
SEEDANCE_4K: Final = _sizes("3840x2160", "2160x3840", "3840x1646", "3840x2880", "3840x3840", "2880x3840")

COMMON: Final[Mapping[str, bool | int]] = {
    "cancels": True,
    "failed_jobs_free": False,  # a task says what it cost; one that says nothing may have cost all of it
    "asset_life_s": 86_400,  # links live 24 to 48 hours, and looking again gives fresh ones
}
GEN_4_5: Final = c.Abilities(
    seconds=tuple(range(2, 11)), sizes=P720, image=True, audio=False, seed=True, prompt_max=1_000,
    extras=("contentModeration",), prices=(_credits(12),),
)  # fmt: skip
VEO: Final = c.Abilities(
    seconds=(4, 6, 8), sizes=(*P720, *P1080), image=True, last_image=True, seed=True, negative_prompt=True,
    prompt_max=1_000, prices=(_credits(40, audio=True), _credits(20, audio=False)),
)  # fmt: skip
# Seedance's lengths are those of its maker: here they are "an integer", unverified.
SEEDANCE: Final = c.Abilities(
    seconds=tuple(range(4, 16)), sizes=(*SEEDANCE_720, *SEEDANCE_480), image=True, seed=True, prompt_max=3_500,
    prices=(_credits(29),),
)  # fmt: skip
MODELS: Final[Mapping[str, c.Abilities]] = {
    "gen4.5": GEN_4_5,  # with an image it can do more shapes than without: only those that it always can
    # 5 and 10 are the lengths that it always had: here they are "an integer", unverified.
    "gen4_turbo": replace(GEN_4_5, seconds=(5, 10), sizes=FRAMES, needs_image=True, prices=(_credits(5),)),
    "veo3.1": VEO,
    "veo3.1_fast": replace(VEO, prices=(_credits(15, audio=True), _credits(10, audio=False))),
    "seedance2": replace(
        SEEDANCE,
        sizes=(*SEEDANCE_720, *SEEDANCE_480, *SEEDANCE_1080, *SEEDANCE_4K),
        prices=(_credits(36, (*SEEDANCE_720, *SEEDANCE_480)), _credits(40, SEEDANCE_1080), _credits(150, SEEDANCE_4K)),
    ),
    "seedance2_fast": SEEDANCE,
    "seedance2_mini": replace(SEEDANCE, prices=(_credits(16),)),
    "seedance2_5": replace(
        SEEDANCE,
        seconds=tuple(range(4, 31)),
        prompt_max=15_000,
        sizes=(*SEEDANCE_720, *SEEDANCE_25_480, *SEEDANCE_1080),
        prices=(_credits(30, SEEDANCE_720), _credits(20, SEEDANCE_25_480), _credits(68, SEEDANCE_1080)),
    ),
    "gemini_omni_flash": c.Abilities(
        seconds=tuple(range(3, 11)), sizes=P720, image=True, audio=True, prices=(_credits(10),)
    ),
    # Lengths and sound are its maker's, the pixels of 768p those that fal's clips are taken to have: unverified here.
    # Of 2k nobody tells the pixels; whether it begins with a picture, the page does not say.
    "hailuo3": c.Abilities(
        seconds=tuple(range(4, 16)), sizes=_sizes("1366x768", "768x1366"), audio=True, prices=(_credits(10),)
    ),
}
# Models whose ratio is a word, with their resolutions; a size is a pair of pixels to all others.
RESOLUTIONS: Final[Mapping[str, tuple[str, ...]]] = {"hailuo3": ("768p",)}
RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
# What decides the price and is nobody's choice here.
FIXED: Final[Mapping[str, dict[str, Json]]] = {
    "gen4.5": {"outputFormat": "mp4"},
    "seedance2_5": {"outputFormat": "mp4", "draft": False},
}


WORDS: Final = ("image", "last_image", "last_image_alone", "audio", "seed", "negative_prompt")


class RunwayModel(ModelSettings):
    """`resolutions`: of a model whose ratio is a word, such as 16:9, with one of these beside it."""

    resolutions: tuple[Resolution, ...] = Field(default=(), max_length=8)

    def abilities(self) -> c.Abilities:
        return c.Abilities(**{name: value for name, value in self if name != "resolutions"})


class RunwaySettings(c.AdapterSettings):
    """Further models; they are priced at the route."""

    models: Annotated[Mapping[str, RunwayModel], said_by(*WORDS)] = Field(default_factory=dict)


class Runway(c.Adapter[RunwaySettings]):
    kind: ClassVar[str] = "runway"
    Settings: ClassVar[type[c.AdapterSettings]] = RunwaySettings
    default_base_url: ClassVar[str | None] = "https://api.dev.runwayml.com"

    def models(self) -> tuple[str, ...]:
        return tuple({**MODELS, **self.settings.models})

    def abilities(self, model: str) -> c.Abilities:
        own = self.settings.models.get(model)
        return replace(own.abilities() if own else MODELS[model], **COMMON)

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        body, path = self._body(spec), "/v1/text_to_video"
        frames: list[Json] = []
        for position, image in (("first", spec.image), ("last", spec.last_image)):
            if image is not None:
                uri = yield from _image_uri(image, position)
                if isinstance(uri, c.Refused):
                    return uri
                frames.append({"uri": uri, "position": position})
        if frames:
            body["promptImage"], path = frames, "/v1/image_to_video"
        reply = yield _call("POST", path, c.JsonBody(body), starts_work=True)
        return c.Accepted({"id": read_json(reply)["id"].ident()}) if reply.status == 200 else _refusal(reply)

    def _body(self, spec: Spec) -> dict[str, Json]:
        switch = self.abilities(spec.model).audio is None
        optional: dict[str, Json] = {
            "audio": spec.audio if switch else None,
            "seed": spec.seed,
            "negativePrompt": spec.negative_prompt,
        }
        return {
            **spec.extras,
            **{name: value for name, value in optional.items() if value is not None},
            **FIXED.get(spec.model, {}),
            "model": spec.model,
            "promptText": spec.prompt,
            **self._extent(spec),
            "duration": spec.seconds,
        }

    def _extent(self, spec: Spec) -> dict[str, Json]:
        own = self.settings.models.get(spec.model)
        resolutions = RESOLUTIONS.get(spec.model, ()) if own is None else own.resolutions
        if not resolutions:
            return {"ratio": f"{spec.size.width}:{spec.size.height}"}
        return {"ratio": ratio_of(spec.size, RATIOS), "resolution": resolution_of(spec.size, resolutions)}

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        reply = yield _call("GET", _path(ref))
        if reply.status == 200:
            return _state(read_json(reply))
        refused = _refusal(reply)
        # A task that goes wrong says so in a 200: here a 4xx speaks of the question.
        return replace(refused, why=Why.INTERNAL) if refused.why in (Why.INVALID, Why.BLOCKED) else refused

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        """DELETE stops a task that has not ended and erases one that has, so look first; then look what it cost."""
        before = yield _call("GET", _path(ref))
        if before.status != 200:
            return _unless_gone(before)
        task = read_json(before)
        if isinstance(_state(task), c.Finished | c.Broken):
            return c.Cancelled(charged=_charge(task)) if task["status"].raw == "CANCELLED" else c.TooLate()
        reply = yield _call("DELETE", _path(ref))
        if reply.status not in (200, 204):
            return _unless_gone(reply)
        after = yield _call("GET", _path(ref))
        if after.status == 200:
            return _stopped(read_json(after))
        # The record is usually gone. Credits come back if the task did not run yet, and a moment ago it waited.
        return c.Cancelled(free=True if task["status"].raw in WAITING else None)

    def account(self) -> Flow[c.AccountVerdict]:
        reply = yield _call("GET", "/v1/organization")
        if reply.status != 200:
            return _refusal(reply)
        organization = read_json(reply)
        if organization["creditBalance"].missing and organization["tier"].missing:
            raise Unreadable("an organization without credits and tier")
        models = organization["tier"]["models"].raw
        balance = _amount(organization["creditBalance"])
        return c.Account(balance=balance, models=tuple(models) if isinstance(models, dict) else ())


def _call(method: str, path: str, body: c.JsonBody | None = None, *, starts_work: bool = False) -> Call:
    return Call(method=method, path=path, headers=VERSION, body=body, starts_work=starts_work)


def _path(ref: Ref) -> str:
    return "/v1/tasks/" + quote(Node(ref)["id"].ident(), safe="")


def _image_uri(image: Image, name: str) -> Flow[str | c.Refused]:
    """A data URI, or the address of an upload. All of it has to fit between `submitting` and `send_by`."""
    if len(image.data) <= INLINE_BYTES_MAX:
        return f"data:{image.media_type};base64,{b64encode(image.data).decode()}"
    name += "." + image.media_type.rpartition("/")[2]
    reply = yield _call("POST", "/v1/uploads", c.JsonBody({"filename": name, "type": "ephemeral"}))
    if reply.status != 200:
        return _refusal(reply)
    place = read_json(reply)
    fields = place["fields"].raw
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise Unreadable("an upload without its fields")
    form = c.Form(
        fields=tuple((field, str(value)) for field, value in fields.items()),
        files=(Part("file", name, image.media_type, image.data),),
    )
    stored = yield Call(method="POST", path=place["uploadUrl"].link(), body=form, signed=False)
    if not 200 <= stored.status < 300:
        raise Unreadable(f"HTTP {stored.status} to the upload of the image")
    return place["runwayUri"].text()


def _state(task: Node) -> c.PollVerdict:
    match task["status"].text():
        case "PENDING" | "THROTTLED":
            return c.Running()
        case "RUNNING":
            return c.Running(task["progress"].percent(whole=1))
        case "SUCCEEDED" if task["output"].raw:
            return c.Finished(assets=(c.Remote(link=task["output"][0].link()),), charged=_charge(task))
        case "SUCCEEDED":
            return c.Broken(why=Why.INTERNAL, message="succeeded without a clip", charged=_charge(task))
        case "FAILED":
            return c.Broken(why=_why_failed(task), message=_said(task["failure"]), charged=_charge(task))
        case "CANCELLED":
            return c.Broken(why=Why.INTERNAL, message="the task was cancelled", charged=_charge(task))
        case _:
            raise Unreadable("a status outside the contract")


def _why_failed(task: Node) -> Why:
    words = str(task["failureCode"].raw or "").split(".")
    beginnings = (".".join(words[:length]) for length in range(min(len(words), 2), 0, -1))
    return next((FAILURES[one] for one in beginnings if one in FAILURES), Why.INTERNAL)


def _stopped(task: Node) -> c.CancelVerdict:
    """A task after its DELETE."""
    if task["status"].raw == "CANCELLED":
        return c.Cancelled(charged=_charge(task))
    if isinstance(_state(task), c.Running):
        raise Unreadable("a deleted task that runs on")
    return c.TooLate()


def _unless_gone(reply: Reply) -> c.CancelVerdict:
    """The refusal of a cancel. What is not there has been cancelled, by a DELETE whose answer was lost."""
    refused = _refusal(reply)
    return c.Cancelled() if refused.why is Why.NOT_FOUND else refused


def _charge(task: Node) -> c.Charge | None:
    """What an ended task cost, in whole or broken credits."""
    return _amount(task["cost"]["credits"])


def _amount(place: Node) -> c.Charge | None:
    """None for what is no amount: a clip is not thrown away for an odd bill."""
    value = place.raw
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10**12:
        return None
    return c.Charge(str(value), c.Unit.CREDITS)


def _said(place: Node) -> str:
    return clean(place.raw) if isinstance(place.raw, str) else ""


def _refusal(reply: Reply) -> c.Refused:
    """`issues` name the fields that are wrong; an empty account is a 400 as well, told by its words only."""
    document = read_json(reply)
    message = document["error"].text()
    issues = document["issues"].raw
    why, wait_s = STATUS.get(reply.status, why_of_status(reply.status)), retry_after_s(reply)
    if why is Why.INVALID and not issues and NO_CREDIT.search(message):
        why = Why.NO_CREDIT
    elif why is Why.INVALID and not issues and MODERATED.search(message):
        why = Why.BLOCKED
    if why is Why.THROTTLED and wait_s is None and DAILY.search(message):
        wait_s = RETRY_AFTER_S_MAX
    if fields := _fields(issues):
        message = f"{message}: {fields}"
    return c.Refused(why=why, message=clean(message), retry_after_s=wait_s)


def _fields(issues: Json) -> str:
    """The names of the first fields that are wrong; an empty text where none is named."""
    first = [Node(issue)["path"].raw for issue in issues[:3]] if isinstance(issues, list) else []
    return ", ".join(".".join(map(str, path)) for path in first if isinstance(path, list))
