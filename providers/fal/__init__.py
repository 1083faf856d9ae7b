"""fal.ai's queue: one way to ask for a clip, in front of many makers' models, Pika's among them.

What differs from model to model is how a wish is spelled, and that is data (`Wire`): the table below, or an operator's
settings. fal knows no key and no list: only its callback can bring a lost answer back. What the contract leaves open
is marked unverified at its line; no line here was tried against a live account.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import quote

from msgspec.structs import replace
from pydantic import AfterValidator, Field

from providers import contract as c
from providers.contract import Call, Flow, Image, Json, Price, Ref, Reply, Size, Spec, Unreadable, Why
from providers.described import said_by
from providers.ed25519 import is_signature, key_of
from providers.fal.wire import PART, FalModel, Wire
from providers.toolbox import (
    Node,
    clean,
    is_fresh,
    ratio_of,
    read_json,
    resolution_of,
    retry_after_s,
    said,
    sizes,
    why_of_status,
)

# `error_type`, in the body or in `x-fal-error-type`, and the `type` of what `detail` lists; any other is of its status.
TYPES: Final[Mapping[str, Why]] = {
    "content_policy_violation": Why.BLOCKED,
    "request_timeout": Why.OVERLOADED,
    "startup_timeout": Why.OVERLOADED,
    "runner_scheduling_failure": Why.OVERLOADED,
    "runner_connection_timeout": Why.OVERLOADED,
    "runner_disconnected": Why.OVERLOADED,
    "runner_connection_refused": Why.OVERLOADED,
}
CANCELLED: Final = "client_cancelled"  # unverified: a run that was stopped
NO_CREDIT: Final = re.compile(r"exhausted balance|user is locked", re.IGNORECASE)
CONTENT: Final = re.compile(r"\b(content|moderation|safety)\b", re.IGNORECASE)
PASSING: Final = (401, 403, 404, 429)  # speak of the question, not of the run
EARLY: Final = re.compile(r"still in progress", re.IGNORECASE)

_APP: Final = rf"(?:(?:workflows|comfy)/)?{PART}/{PART}"  # owner and name; two namespaces stand before them
_MODEL: Final = rf"^{PART}(/{PART}){{1,5}}$"


def _price(micros_per_second: int, sizes: tuple[Size, ...] = (), audio: bool | None = None) -> Price:
    return Price(
        per_second_micros=micros_per_second,
        sizes=sizes,
        audio=audio,
        as_of="2026-11-20",
        source="the model's page at fal.ai, as public price lists cite it",
    )


HD: Final = sizes("1280x720", "720x1280")
FULL: Final = sizes("1920x1080", "1080x1920")
SMALL: Final = sizes("832x480", "480x832")  # unverified
H3: Final = sizes("1366x768", "768x1366")  # unverified; of its other resolutions nobody tells the size
SEEDANCE_480: Final = sizes("864x496", "496x864", "752x560", "560x752", "640x640", "992x432")
SEEDANCE_720: Final = (*HD, *sizes("1112x834", "834x1112", "960x960", "1470x630"))
SEEDANCE_1080: Final = (*FULL, *sizes("1664x1248", "1248x1664", "1440x1440", "2206x946"))
SEEDANCE_4K: Final = sizes("3840x2160", "2160x3840", "3840x2880", "2880x3840", "3840x3840", "3840x1646")

WIDE_OR_TALL: Final = ("16:9", "9:16")
SEEDANCE_WIRE: Final = Wire(
    ratios=("16:9", "9:16", "4:3", "3:4", "1:1", "21:9"), ratio_with_image=True, last="end_image_url",
    resolutions=("480p", "720p", "1080p", "4k"),
)  # fmt: skip
VEO_WIRE: Final = Wire(
    text="", seconds="suffixed", ratios=WIDE_OR_TALL, ratio_with_image=True, resolutions=("720p", "1080p")
)
KLING_25: Final = c.Abilities(  # its size is that of its maker's "pro" mode: here unverified
    seconds=(5, 10), sizes=FULL, image=True, last_image=True, audio=False, negative_prompt=True, extras=("cfg_scale",),
    prices=(_price(70_000),),
)  # fmt: skip
WAN_25: Final = c.Abilities(
    seconds=(5, 10), sizes=(*HD, *SMALL, *FULL), image=True, audio=True, seed=True, negative_prompt=True,
    extras=("enable_prompt_expansion",),
    prices=(_price(50_000, SMALL), _price(100_000, HD), _price(150_000, FULL)),
)  # fmt: skip
VEO: Final = c.Abilities(
    seconds=(4, 6, 8), sizes=(*HD, *FULL), image=True, seed=True, negative_prompt=True, extras=("auto_fix",),
    prices=(_price(400_000, audio=True), _price(200_000, audio=False)),
)  # fmt: skip
PIKA: Final = c.Abilities(
    seconds=(5, 10), sizes=(*HD, *FULL), image=True, audio=False, seed=True, negative_prompt=True,
    prices=(_price(40_000, HD), _price(90_000, FULL)),
)  # fmt: skip
SEEDANCE: Final = c.Abilities(
    seconds=tuple(range(4, 16)), sizes=(*SEEDANCE_720, *SEEDANCE_480, *SEEDANCE_1080, *SEEDANCE_4K),
    image=True, last_image=True, seed=True,
    prices=(
        _price(134_600, SEEDANCE_480), _price(303_400, SEEDANCE_720),
        _price(682_000, SEEDANCE_1080), _price(1_555_200, SEEDANCE_4K),
    ),
)  # fmt: skip
# Unverified: ids but Pika's, prices of Veo 3.1 and of silent Veo 3, lengths of Seedance and H3, fields of last frames.
MODELS: Final[Mapping[str, tuple[c.Abilities, Wire]]] = {
    "bytedance/seedance-2.0": (SEEDANCE, SEEDANCE_WIRE),
    "bytedance/seedance-2.5": (
        replace(
            SEEDANCE, seconds=tuple(range(4, 31)), sizes=(*SEEDANCE_720, *SEEDANCE_480),
            prices=(_price(220_500, SEEDANCE_480), _price(473_000, SEEDANCE_720)),
        ),
        SEEDANCE_WIRE,
    ),
    "minimax/h3": (
        c.Abilities(
            seconds=tuple(range(5, 16)), sizes=H3, image=True, last_image=True, audio=True, prices=(_price(60_000),)
        ),
        Wire(seconds="number", ratios=WIDE_OR_TALL, resolutions=("768P",), last="end_image_url"),
    ),
    "fal-ai/kling-video/v2.5-turbo/pro": (KLING_25, Wire(ratios=WIDE_OR_TALL, last="tail_image_url")),
    "fal-ai/wan-25-preview": (WAN_25, Wire(ratios=WIDE_OR_TALL, resolutions=("480p", "720p", "1080p"))),
    "fal-ai/veo3": (VEO, VEO_WIRE),
    "fal-ai/veo3/fast": (
        replace(VEO, prices=(_price(150_000, audio=True), _price(100_000, audio=False))), VEO_WIRE
    ),
    "fal-ai/veo3.1": (
        replace(VEO, last_image=True),
        VEO_WIRE.model_copy(update={
            "frames": "first-last-frame-to-video", "first_of_two": "first_frame_url", "last": "last_frame_url",
        }),
    ),
    "fal-ai/pika/v2.2": (PIKA, Wire(seconds="number", ratios=WIDE_OR_TALL, resolutions=("720p", "1080p"))),
}  # fmt: skip
COMMON: Final[Mapping[str, bool | int]] = {
    "cancels": True,
    "calls_back": True,
    "failed_jobs_free": False,  # a 422 may be billed; what is not billed is said as it is found
    "asset_life_s": 7 * 86_400,  # unverified
}


def _published_key(text: str) -> str:
    if key_of(text) is None:
        raise ValueError("a key is an `x` of https://rest.fal.ai/.well-known/jwks.json")
    return text


class FalSettings(c.AdapterSettings):
    """Further models, and what fal may do with a request."""

    models: Annotated[
        Mapping[Annotated[str, Field(pattern=_MODEL)], FalModel],
        said_by("image", "last_image", "audio", "seed", "negative_prompt"),
    ] = Field(default_factory=dict)
    webhook_keys: tuple[Annotated[str, AfterValidator(_published_key)], ...] = Field(
        (), max_length=4, description="fal's published keys; with them only callbacks that they signed are heard."
    )
    start_timeout_s: int | None = Field(None, ge=1, le=86_400, description="A request not begun by then is dropped.")
    priority: Literal["normal", "low"] = "normal"


class Fal(c.Adapter[FalSettings]):
    kind: ClassVar[str] = "fal"
    Settings: ClassVar[type[c.AdapterSettings]] = FalSettings
    default_base_url: ClassVar[str | None] = "https://queue.fal.run"
    tells_balance: ClassVar[bool] = False

    def models(self) -> tuple[str, ...]:
        return tuple({**MODELS, **self.settings.models})

    def abilities(self, model: str) -> c.Abilities:
        own = self.settings.models.get(model)
        return replace(own.abilities() if own else MODELS[model][0], **COMMON)

    def sign(self, call: Call) -> Call:
        if self._api_key is None:
            return call
        return c.replace(call, headers={**call.headers, "authorization": f"Key {self._api_key}"})

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        own = self.settings.models.get(spec.model)
        wire = own.wire if own else MODELS[spec.model][1]
        if spec.last_image is not None and (spec.image is None or wire.last is None):
            return c.Refused(why=Why.INVALID, message="here a last frame needs a first one")
        app, way = _app_of(spec.model), wire.text if spec.image is None else wire.image
        if spec.last_image is not None:
            way = wire.frames or way
        reply = yield Call(
            method="POST",
            path=f"/{spec.model}/{way}".rstrip("/"),
            query=(("fal_webhook", f"{spec.callback_url}?app={quote(app, safe='')}"),) if spec.callback_url else (),
            headers=self._headers(),
            body=c.JsonBody(_body(spec, wire, switch=self.abilities(spec.model).audio is None)),
            starts_work=True,
        )
        if reply.status != 200:
            refused = _refusal(reply)
            return replace(refused, why=Why.INVALID) if refused.why is Why.NOT_FOUND else refused
        return c.Accepted(_ref(read_json(reply)["request_id"].ident(), app))

    def _headers(self) -> dict[str, str]:
        begun_s, priority = self.settings.start_timeout_s, self.settings.priority
        timeout = {"x-fal-request-timeout": str(begun_s)} if begun_s is not None else {}
        return timeout if priority == "normal" else {**timeout, "x-fal-queue-priority": priority}

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        """`COMPLETED` says that a run has ended, not how: the result's own address does."""
        reply = yield Call(method="GET", path=_path(ref, "/status"))
        if reply.status not in (200, 202):
            return _passing(_refusal(reply))
        status = read_json(reply)
        match status["status"].text():
            case "IN_QUEUE" | "IN_PROGRESS":
                return c.Running()
            case "COMPLETED":
                result = yield Call(method="GET", path=_path(ref))
                if result.status == 500 and not _typed(read_json(result), result):  # whose is it? fal's own may be over
                    result = yield Call(method="GET", path=_path(ref))
                return _result(status, result)
            case _:
                raise Unreadable("a status outside the contract")

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        """A running request is asked to stop and may finish all the same: it is looked at, and asked again later."""
        reply = yield Call(method="PUT", path=_path(ref, "/cancel"))
        if reply.status == 200:
            return c.Cancelled(free=True)  # it was taken off the queue
        if reply.status not in (202, 400):
            refused = _refusal(reply)
            # Not there any more: taken off the queue by a call whose answer was lost, as far as anybody knows.
            return c.Cancelled() if refused.why is Why.NOT_FOUND else refused
        looked = yield Call(method="GET", path=_path(ref, "/status"))
        if looked.status not in (200, 202):
            return _passing(_refusal(looked))
        status = read_json(looked)
        if status["status"].raw != "COMPLETED":
            return c.Refused(why=Why.OVERLOADED, message="asked to stop, and running still")
        return c.Cancelled() if status["error_type"].raw == CANCELLED else c.TooLate()

    def confirm(self, ref: Ref, sought: c.Sought) -> Flow[c.FindVerdict]:
        """fal tells neither model nor seconds of a request: that it is this account's, at this model's app, and that
        its callback came to the address that only this sending told, is all there is."""
        if ref.get("app") != _app_of(sought.spec.model):
            return c.NotReceived()
        reply = yield Call(method="GET", path=_path(ref, "/status"))
        if reply.status in (200, 202) and read_json(reply)["status"].text():
            return c.Exactly(ref)
        if reply.status == 404:
            return c.NotReceived()
        # What passes must not cost the one word that the vendor ever sends of it: it is looked at again.
        raise Unreadable(f"HTTP {reply.status} instead of a request")

    def webhook(self, request: c.Inbound) -> tuple[tuple[c.Notice, ...], c.Answer]:
        keys = (key_of(text) for text in self.settings.webhook_keys)
        signed = any(key is not None and _is_signed(request, key) for key in keys)
        if self.settings.webhook_keys and not signed:
            return (), c.Answer(status=401)
        ident = read_json(Reply(200, {}, request.body))["request_id"].ident()
        app = dict(request.query).get("app", "")
        known = re.fullmatch(_APP, app, re.ASCII) is not None
        return ((c.Notice(ref=_ref(ident, app), verified=signed),) if known else ()), c.Answer()

    def account(self) -> Flow[c.AccountVerdict]:
        """fal tells no balance here; a request that nobody made tells whether the key is right."""
        reply = yield Call(method="GET", path="/fal-ai/veo3/requests/00000000-0000-0000-0000-000000000000/status")
        if reply.status in (200, 202):
            read_json(reply)["status"].text()
            return c.Account()
        refused = _refusal(reply)  # what is no answer of fal's is Unreadable
        return c.Account() if reply.status in (400, 404, 405, 422) else refused


def _body(spec: Spec, wire: Wire, *, switch: bool) -> dict[str, Json]:
    """What decides the price is always said, where there is a word for it."""
    shaped = bool(wire.ratios) and (spec.image is None or wire.ratio_with_image)
    spelled: Mapping[str, Json] = {"text": f"{spec.seconds}", "suffixed": f"{spec.seconds}s", "number": spec.seconds}
    first = wire.first_of_two if wire.first_of_two and spec.last_image is not None else wire.first
    optional: dict[str, Json] = {
        "aspect_ratio": ratio_of(spec.size, wire.ratios) if shaped else None,
        "resolution": resolution_of(spec.size, wire.resolutions) if wire.resolutions else None,
        "generate_audio": spec.audio if switch else None,
        "seed": spec.seed,
        "negative_prompt": spec.negative_prompt,
        first: _inline(spec.image),
        **({wire.last: _inline(spec.last_image)} if wire.last else {}),
    }
    told = {name: value for name, value in optional.items() if value is not None}
    return {**spec.extras, **told, "prompt": spec.prompt, "duration": spelled[wire.seconds]}


def _inline(image: Image | None) -> str | None:
    return None if image is None else f"data:{image.media_type};base64,{b64encode(image.data).decode()}"


def _app_of(model: str) -> str:
    """A request's addresses are told in the reply, and are these: owner and name of the app, without what follows them
    in the model's path. They are made here, so that no reply can lead the key elsewhere."""
    found = re.match(_APP, model, re.ASCII)
    assert found is not None, "models are checked when they are configured"
    return found[0]


def _ref(ident: str, app: str) -> Ref:
    """The same from a reply and from a callback, so that one request is never taken for two."""
    return {"id": ident, "app": app}


def _path(ref: Ref, below: str = "") -> str:
    place = Node(ref)
    return f"/{place['app'].text()}/requests/{quote(place['id'].ident(), safe='')}{below}"


def _result(status: Node, reply: Reply) -> c.PollVerdict:
    """How a run that has ended did end. An error of its result is its verdict where fal says so, and else passes."""
    typed, answer = _typed(status), read_json(reply)
    if reply.status == 200 and (typed or status["error"].raw):
        return c.Broken(why=TYPES.get(typed, Why.INTERNAL), message=said(status["error"]) or clean(typed))
    if reply.status == 200:
        link = answer["video"]["url"]
        broken = c.Broken(why=Why.INTERNAL, message="completed without a clip")
        return broken if link.missing else c.Finished(assets=(c.Remote(link=link.link()),))
    own, refused = _typed(answer, reply), _refusal(reply)
    if reply.status == 400 and EARLY.search(refused.message):
        return c.Running()
    if not typed and reply.status not in (422, 500) and (not own or (reply.status in PASSING and own not in TYPES)):
        return _passing(refused)
    why = TYPES.get(own or typed, refused.why if refused.why in (Why.INVALID, Why.BLOCKED) else Why.INTERNAL)
    return c.Broken(why=why, message=refused.message, free=True if reply.status >= 500 and (own or typed) else None)


def _passing(refused: c.Refused) -> c.Refused:
    """A run that goes wrong says so in its result: elsewhere a 4xx speaks of the question."""
    return replace(refused, why=Why.INTERNAL) if refused.why in (Why.INVALID, Why.BLOCKED) else refused


def _typed(document: Node, reply: Reply | None = None) -> str:
    """The kind of an error: in the body, in the head, or of the first thing that `detail` lists; else empty."""
    head = reply.headers.get("x-fal-error-type") if reply else None
    told = (document["error_type"].raw, head, document["detail"][0]["type"].raw)
    return next((one for one in told if isinstance(one, str) and one), "")


def _refusal(reply: Reply) -> c.Refused:
    document = read_json(reply)
    typed, message = _typed(document, reply), said(document["detail"])
    if not message and not typed:
        raise Unreadable("an error without its detail")
    why = TYPES.get(typed, why_of_status(reply.status))
    if reply.status == 403 and typed not in TYPES:
        content = CONTENT.search(message)
        why = Why.BLOCKED if content else Why.NO_CREDIT if NO_CREDIT.search(message) else Why.UNAUTHORISED
    if why is Why.INVALID and reply.headers.get("x-fal-retryable", "").lower() == "true":
        why = Why.INTERNAL
    return c.Refused(why=why, message=message or clean(typed), retry_after_s=retry_after_s(reply))


def _is_signed(request: c.Inbound, key: bytes) -> bool:
    """By the owner of the key, in the last minutes, over the body as it came."""
    told = [request.headers.get(f"x-fal-webhook-{name}", "") for name in ("request-id", "user-id", "timestamp")]
    message = "\n".join((*told, sha256(request.body).hexdigest())).encode("utf-8", "replace")
    try:
        signature = bytes.fromhex(request.headers.get("x-fal-webhook-signature", ""))
    except ValueError:
        return False
    return is_fresh(told[2], request) and is_signature(signature, message, key)
