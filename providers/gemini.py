"""Google's Gemini Omni by the Interactions API: a video is an interaction that runs in the background.

Google knows no key and no list, so a lost answer is found by a callback alone. What its pages leave open is marked
unverified at its line; no line here was tried against a live account.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Final
from urllib.parse import quote

from msgspec.structs import replace
from pydantic import Field, SecretStr, field_validator

from providers import contract as c
from providers.contract import Call, Flow, Image, Json, Modifier, Price, Ref, Reply, Size, Spec, Unreadable, Verb, Why
from providers.described import ModelSettings, said_by
from providers.toolbox import Node, clean, is_signed, read_json, retry_after_s, why_of_status

# Google hands out an address, which is what is asked for; sometimes it was seen to hand out the clip itself.
INLINE_BYTES_MAX: Final = 16 * 1024 * 1024
TOKENS_MAX: Final = 10**12

# What stands anywhere in a refusal says more than the status.
KEY: Final = re.compile(r"API_KEY_INVALID|API key not (found|valid)", re.IGNORECASE)
SAFETY: Final = re.compile(
    r"\bSAFETY\b|PROHIBITED_CONTENT|BLOCKLIST|(?i:block\w*[^.]*\b(safety|policy|policies)\b)|(?i:\bsafety\b[^.]*\bblock)"
)
GONE: Final = re.compile(r"Invalid interaction name", re.IGNORECASE)  # a 400
STATUS: Final[Mapping[int, Why]] = {504: Why.OVERLOADED}  # what is not here is what the status usually means
DELAY: Final = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s", re.ASCII)

WAITING: Final = ("queued", "in_progress")
ENDED: Final = ("failed", "incomplete", "budget_exceeded", "cancelled", "requires_action", "requires_continuation")
FILE: Final = re.compile(r"https?://[^/]+/v1beta(/files/[A-Za-z0-9_-]{1,100})(?=[:?]|$)", re.ASCII)
EVENT: Final = re.compile(r"(interaction|video)\.[a-z_]{1,40}", re.ASCII)

SHAPES: Final[Mapping[Size, tuple[str, str]]] = {
    Size(*(pair if wide else pair[::-1])): ("16:9" if wide else "9:16", resolution)
    for resolution, pair in {
        "720p": (1280, 720),
        "360p": (640, 360),
        "1080p": (1920, 1080),
        "4k": (3840, 2160),
    }.items()
    for wide in (True, False)
}
# Tenths of a micro-dollar for a token of what goes in, of video, and of anything else that comes out.
RATES: Final[Mapping[str, tuple[int, int, int]]] = {"gemini-omni-1.1-flash": (15, 175, 90)}


def _prices(source: str, **cents_per_second: str) -> tuple[Price, ...]:
    """By resolution. Words and pictures that go in are paid too: a thousand tokens, two thousand more for a picture."""
    return tuple(
        Price(
            per_second_micros=int(Decimal(cents) * 10_000),
            per_clip_micros=1_500,
            image=Modifier(add_micros=3_000),
            sizes=tuple(size for size, (_, resolution) in SHAPES.items() if resolution == name.lstrip("_")),
            as_of="2026-11-20",
            source=source,
        )
        for name, cents in cents_per_second.items()
    )


LIST: Final = "Google's pricing page, as public price lists cite it; sizes but 720p unverified, derived from resellers"
OMNI: Final = c.Abilities(
    seconds=tuple(range(3, 11)),
    sizes=tuple(SHAPES),
    verbs=(Verb.CREATE, Verb.REMIX, Verb.EDIT),
    needs_source_ref=True,
    image=True,
    last_image=True,
    audio=True,  # there is no switch
    seed=True,  # in the schema; what it does to a video is unverified
    extras=("safety_settings",),
    cancels=True,
    calls_back=True,
    calls_https_only=True,
    failed_jobs_free=False,  # whether a refusal is charged is unverified; where usage is told, it says so
    asset_life_s=48 * 3600,
    prices=_prices(LIST, _720p="10.136", _360p="3", _1080p="15", _4k="30"),
)
MODELS: Final[Mapping[str, c.Abilities]] = {
    "gemini-omni-1.1-flash": OMNI,
    "gemini-omni-1.2-flash": replace(
        OMNI,
        seconds=tuple(range(3, 16)),  # 15 is from one SDK, unverified
        prices=_prices("about 30 % below 1.1, unverified", _720p="7.1", _360p="2.1", _1080p="10.5", _4k="21"),
    ),
}


KEPT: Final = ("cancels", "calls_back", "calls_https_only", "failed_jobs_free", "asset_life_s")


class GeminiSettings(c.AdapterSettings):
    """Further models of the same shapes, priced at the route, and the secret of the project's webhook."""

    models: Annotated[
        Mapping[str, ModelSettings], said_by("image", "last_image", "last_image_alone", "seed", "remix", "edit")
    ] = Field(default_factory=dict)
    webhook_secret: SecretStr | None = None  # `whsec_…` of the project-wide webhook

    @field_validator("models")
    @classmethod
    def _known_shapes(cls, models: Mapping[str, ModelSettings]) -> Mapping[str, ModelSettings]:
        for name, model in models.items():
            for size in model.sizes:
                if size not in SHAPES:
                    raise ValueError(f"{name} cannot be {size}; there are {', '.join(map(str, SHAPES))}")
        return models


class Gemini(c.Adapter[GeminiSettings]):
    kind: ClassVar[str] = "gemini"
    Settings: ClassVar[type[c.AdapterSettings]] = GeminiSettings
    default_base_url: ClassVar[str | None] = "https://generativelanguage.googleapis.com/v1beta"
    tells_balance: ClassVar[bool] = False

    def models(self) -> tuple[str, ...]:
        return tuple({**MODELS, **self.settings.models})

    def abilities(self, model: str) -> c.Abilities:
        own = self.settings.models.get(model)
        if own is None:
            return MODELS[model]
        return replace(own.abilities(), needs_source_ref=True, **{name: getattr(OMNI, name) for name in KEPT})

    def sign(self, call: Call) -> Call:
        if self._api_key is None:
            return call
        return c.replace(call, headers={**call.headers, "x-goog-api-key": self._api_key})

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        if spec.verb is not Verb.CREATE and (spec.source is None or spec.source.ref is None):
            return c.Refused(why=Why.INVALID, message=f"{spec.verb} needs a source clip of this account")
        body = c.JsonBody(_body(spec, key))
        reply = yield Call(method="POST", path="/interactions", body=body, starts_work=True)
        if reply.status != 200:
            refused = _refusal(reply)
            # At create a 404 speaks of the model, which is retired or unknown.
            return replace(refused, why=Why.INVALID) if refused.why is Why.NOT_FOUND else refused
        return c.Accepted({"id": _document(reply)["id"].ident()})

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        reply = yield Call(method="GET", path=_path(ref), reply_bytes_max=INLINE_BYTES_MAX)
        if reply.status != 200:
            return _look_refused(reply)
        job = _document(reply)
        state = _state(job)
        if not isinstance(state, c.Finished):
            return state
        return (yield from _once_active(state, job))

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        reply = yield Call(method="POST", path=f"{_path(ref)}/cancel", body=c.JsonBody({}))
        refused = None if reply.status == 200 else _look_refused(reply)
        if refused is not None and reply.status != 400:
            return refused
        if refused is not None:  # an interaction that has ended cannot be cancelled: how that is said is unverified
            reply = yield Call(method="GET", path=_path(ref), reply_bytes_max=INLINE_BYTES_MAX)
            if reply.status != 200:
                return _look_refused(reply)
        job = _document(reply)
        if job["status"].raw == "cancelled":
            return c.Cancelled(charged=_charge(job))
        if isinstance(_state(job), c.Running):
            if refused is None:
                raise Unreadable("a cancelled interaction that runs on")
            return refused
        return c.TooLate()

    def confirm(self, ref: Ref, sought: c.Sought) -> Flow[c.FindVerdict]:
        """The interaction that a callback named. How long its clip is, it does not tell; our label does, where it is
        echoed (unverified)."""
        reply = yield Call(method="GET", path=_path(ref), reply_bytes_max=INLINE_BYTES_MAX)
        if reply.status != 200:
            if _look_refused(reply).why is Why.NOT_FOUND:
                return c.CannotTell("there is no such interaction")
            raise Unreadable(f"HTTP {reply.status} instead of an interaction")
        job = _document(reply)
        label = job["labels"]["telecine"].raw
        same = job["model"].raw == sought.spec.model and label in (None, _label(sought.key))
        return c.Exactly(ref) if same else c.NotReceived()

    def webhook(self, request: c.Inbound) -> tuple[tuple[c.Notice, ...], c.Answer]:
        """The project's webhook is signed with its secret. One that an interaction asked for carries a token under
        Google's changing keys, which nobody here can fetch: it counts as unsigned, and the job is looked at."""
        secret, verified = self.settings.webhook_secret, False
        if secret is not None and request.headers.get("webhook-signature", "").startswith("v1,"):
            verified = is_signed(secret.get_secret_value(), request)
            if not verified:
                return (), c.Answer(status=401)
        event = read_json(Reply(200, {}, request.body))
        if not EVENT.fullmatch(event["type"].text()):
            raise Unreadable("an event that is not the vendor's")
        return (c.Notice(ref={"id": event["data"]["id"].ident()}, verified=verified),), c.Answer()

    def download(self, ref: Ref, asset: c.Remote) -> Call:
        return c.replace(super().download(ref, asset), signed=True)

    def account(self) -> Flow[c.AccountVerdict]:
        """The models that the key may use; that this list has the Omni models is unverified."""
        reply = yield Call(method="GET", path="/models", query=(("pageSize", "1000"),))
        if reply.status != 200:
            return _refusal(reply)
        names = (model["name"].ident().removeprefix("models/") for model in _document(reply)["models"])
        return c.Account(models=tuple(names))


def _path(ref: Ref) -> str:
    return "/interactions/" + quote(Node(ref)["id"].ident(), safe="")


def _label(key: str) -> str:
    """Labels are lower case and short."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _body(spec: Spec, key: str) -> dict[str, Json]:
    ratio, resolution = SHAPES[spec.size]
    frames = {"<FIRST_FRAME>": spec.image, "<LAST_FRAME>": spec.last_image}  # the second tag is by analogy, unverified
    pictures: list[Json] = [_picture(image) for image in frames.values() if image is not None]
    prompt = " ".join([*(tag for tag, image in frames.items() if image is not None), spec.prompt])
    task = "edit" if spec.verb is not Verb.CREATE else "image_to_video" if pictures else "text_to_video"
    config: dict[str, Json] = {"video_config": {"task": task}}
    if spec.seed is not None:
        config["seed"] = spec.seed
    body: dict[str, Json] = {
        **spec.extras,
        "model": spec.model,
        "background": True,
        "store": True,
        "input": [*pictures, {"type": "text", "text": prompt}],
        "response_format": {
            "type": "video",
            "aspect_ratio": ratio,
            "resolution": resolution,
            "duration": f"{spec.seconds}s",
            "delivery": "uri",
        },
        "generation_config": config,
    }
    if spec.source is not None and spec.source.ref is not None:
        body["previous_interaction_id"] = Node(spec.source.ref)["id"].ident()
    if spec.callback_url is not None:
        body["webhook_config"] = {"uris": [spec.callback_url]}
        body["labels"] = {"telecine": _label(key)}
    return body


def _picture(image: Image) -> dict[str, Json]:
    return {"type": "image", "mime_type": image.media_type, "data": b64encode(image.data).decode()}


def _document(reply: Reply) -> Node:
    """Errors, and by one report anything, may come inside a list of one."""
    document = read_json(reply)
    return document[0] if isinstance(document.raw, list) else document


def _state(job: Node) -> c.PollVerdict:
    status = job["status"].text()
    if status in WAITING:
        return c.Running()
    if status == "completed":
        return _completed(job)
    if status not in ENDED:
        raise Unreadable("a status outside the contract")
    message = _said(job) or f"the interaction is {status}"
    why = Why.BLOCKED if SAFETY.search(message) else Why.INTERNAL
    return c.Broken(why=why, message=clean(message), charged=_charge(job))


def _completed(job: Node) -> c.PollVerdict:
    """The word alone says nothing: a refusal for safety is completed too, with words and no video."""
    block, charged = _video(job), _charge(job)
    if block is not None:
        return c.Finished(assets=(_remote(block),), charged=charged)
    if _tokens_of_video(job):
        return c.Broken(why=Why.UNREADABLE, message="completed with a video that is not there", charged=charged)
    return c.Broken(why=Why.BLOCKED, message="completed with words alone", charged=charged)


def _video(job: Node) -> Node | None:
    blocks = [job["output_video"]]
    for step in _each(job["steps"]):
        if step["type"].raw == "model_output":
            blocks += [block for block in _each(step["content"]) if block["type"].raw == "video"]
    return next((block for block in blocks if not (block["uri"].missing and block["data"].missing)), None)


def _each(place: Node) -> list[Node]:
    return list(place) if isinstance(place.raw, list) else []


def _remote(block: Node) -> c.Remote:
    if not block["uri"].missing:
        return c.Remote(link=block["uri"].link())
    return c.Remote(link=f"data:video/mp4;base64,{block['data'].text()}")


def _once_active(found: c.Finished, job: Node) -> Flow[c.PollVerdict]:
    """A file that is still being written cannot be fetched. Where its state cannot be had, fetching it will tell."""
    name = FILE.match(found.assets[0].link or "")
    if name is None:
        return found
    reply = yield Call(method="GET", path=name[1])
    state = _document(reply)["state"].raw if reply.status == 200 else None
    if state == "PROCESSING":
        return c.Running()
    if state == "FAILED":
        return c.Broken(why=Why.INTERNAL, message="the file of the video failed", charged=_charge(job))
    return found


# --- money -------------------------------------------------------------------------------------------------------


def _charge(job: Node) -> c.Charge | None:
    """What an ended interaction took: in dollars where the model's rates are known, else in tokens."""
    usage = job["usage"]
    told = (usage["total_input_tokens"], usage["total_output_tokens"])
    into, out = (_count(place) for place in told)
    if into is None or out is None or (not into and not out):
        return None
    rates = RATES.get(str(job["model"].raw))
    if rates is None:
        return c.Charge(str(into + out), c.Unit.TOKENS)
    video = min(out, _tokens_of_video(job))
    tenths = into * rates[0] + video * rates[1] + (out - video) * rates[2]
    return c.Charge(f"{Decimal(tenths).scaleb(-7):f}")


def _tokens_of_video(job: Node) -> int:
    parts = _each(job["usage"]["output_tokens_by_modality"])
    return sum(_count(part["tokens"]) or 0 for part in parts if str(part["modality"].raw).lower() == "video")


def _count(place: Node) -> int | None:
    """None for what is no number of tokens: a clip is not thrown away for an odd bill."""
    value = place.raw
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= TOKENS_MAX else None


# --- refusals ----------------------------------------------------------------------------------------------------


def _said(job: Node) -> str:
    """The first reason that an ended interaction gives: of its own errors, or of the step that failed."""
    errors = [*_each(job["errors"]), *(step["error"] for step in _each(job["steps"]))]
    words = (" ".join(str(error[name].raw or "") for name in ("code", "message")).strip() for error in errors)
    return next((text for text in words if text), "")


def _look_refused(reply: Reply) -> c.Refused:
    """An interaction that goes wrong says so in a 200: here a 400 speaks of the question, and may pass."""
    refused = _refusal(reply)
    if reply.status != 400:
        return refused
    return replace(refused, why=Why.NOT_FOUND if GONE.search(refused.message) else Why.INTERNAL)


def _refusal(reply: Reply) -> c.Refused:
    error = _document(reply)["error"]
    message = error["message"].text()
    details = _each(error["details"])
    words = " ".join([message, *(str(one.raw or "") for one in (error["status"], error["code"]))])
    words += " ".join(f" {detail['reason'].raw}" for detail in details if not detail["reason"].missing)
    why = STATUS.get(reply.status, why_of_status(reply.status))
    if reply.status == 400 and KEY.search(words):
        why = Why.UNAUTHORISED
    elif reply.status in (400, 403) and SAFETY.search(words):
        why = Why.BLOCKED
    return c.Refused(why=why, message=clean(message), retry_after_s=_wait_s(reply, details))


def _wait_s(reply: Reply, details: list[Node]) -> float | None:
    """`RetryInfo` among the details, such as 29s; else the header."""
    delays = (DELAY.fullmatch(str(detail["retryDelay"].raw)) for detail in details)
    found = next((float(delay[1]) for delay in delays if delay), None)
    return retry_after_s(reply) if found is None else min(found, 3_600.0)
