"""OpenRouter's video API: many vendors' models behind one path, told apart by `vendor/model`.

Which models there are and what they cost changes by the week, so all of them are described in the settings and priced
at the route; what a job did cost, OpenRouter says itself. It knows no key and no list: a lost answer is found by a
callback alone. No line here was tried against a live account.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final
from urllib.parse import quote

from msgspec.structs import replace
from pydantic import Field, SecretStr

from providers import contract as c
from providers.contract import Call, Flow, Image, Json, Ref, Reply, Spec, Unreadable, Why
from providers.described import ModelSettings, said_by
from providers.toolbox import Node, clean, is_fresh, read_json, retry_after_s, why_of_status

MODERATED: Final = re.compile(r"moderat|safety|policy|sensitive", re.IGNORECASE)
# What is not here is what the status usually means. A 499 is a connection that somebody closed: it proves nothing.
STATUS: Final[Mapping[int, Why]] = {499: Why.UNREADABLE, 502: Why.OVERLOADED}
WAITING: Final = ("pending", "in_progress")
ENDED: Final = ("failed", "cancelled", "expired")
EVENT: Final = re.compile(r"video\.generation\.[a-z_]{1,40}", re.ASCII)
SIGNATURE: Final = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)


class OpenRouterSettings(c.AdapterSettings):
    """The models that are used, and the secret of the workspace's webhooks. A negative prompt is each vendor's own
    word, passed through by name, so none is known here."""

    models: Annotated[
        Mapping[str, ModelSettings], said_by("image", "last_image", "last_image_alone", "audio", "seed")
    ] = Field(default_factory=dict)
    webhook_secret: SecretStr | None = None
    failed_jobs_free: bool = False  # where a failed job tells no cost, it is unverified that there was none


class OpenRouter(c.Adapter[OpenRouterSettings]):
    kind: ClassVar[str] = "openrouter"
    Settings: ClassVar[type[c.AdapterSettings]] = OpenRouterSettings
    default_base_url: ClassVar[str | None] = "https://openrouter.ai/api/v1"
    tells_balance: ClassVar[bool] = False

    def models(self) -> tuple[str, ...]:
        return tuple(self.settings.models)

    def abilities(self, model: str) -> c.Abilities:
        return replace(
            self.settings.models[model].abilities(),
            calls_back=True,
            calls_https_only=True,
            failed_jobs_free=self.settings.failed_jobs_free,
            asset_life_s=24 * 3600,  # `expires_at` says it for a stored copy; its usual length is unverified
        )

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        reply = yield Call(method="POST", path="/videos", body=c.JsonBody(self._body(spec)), starts_work=True)
        if reply.status in (200, 202):
            return c.Accepted({"id": read_json(reply)["id"].ident()})
        refused = _refusal(reply)
        # At create a 404 speaks of the model.
        return replace(refused, why=Why.INVALID) if refused.why is Why.NOT_FOUND else refused

    def _body(self, spec: Spec) -> dict[str, Json]:
        frames: list[Json] = [
            {"type": "image_url", "image_url": {"url": _data(image)}, "frame_type": kind}
            for kind, image in (("first_frame", spec.image), ("last_frame", spec.last_image))
            if image is not None
        ]
        optional: dict[str, Json] = {
            "seed": spec.seed,
            "frame_images": frames or None,
            "callback_url": spec.callback_url,
        }
        return {
            **spec.extras,
            "model": spec.model,
            "prompt": spec.prompt,
            "duration": spec.seconds,
            "size": str(spec.size),
            "generate_audio": self._sounds(spec),
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _sounds(self, spec: Spec) -> bool:
        """Always said: left out, it is as the model likes it, and many sound and cost more with it."""
        model = self.settings.models.get(spec.model)
        return (model is not None and model.audio is True) if spec.audio is None else spec.audio

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        reply = yield Call(method="GET", path=_path(ref))
        if reply.status == 200:
            return _state(read_json(reply))
        refused = _refusal(reply)
        # A job that goes wrong says so in a 200: here a 4xx speaks of the question.
        return replace(refused, why=Why.INTERNAL) if refused.why in (Why.INVALID, Why.BLOCKED) else refused

    def confirm(self, ref: Ref, sought: c.Sought) -> Flow[c.FindVerdict]:
        """The job that a callback named. That it tells its model is unverified: what it tells must agree."""
        reply = yield Call(method="GET", path=_path(ref))
        if reply.status in (404, 410):
            return c.NotReceived()
        if reply.status != 200:
            raise Unreadable(f"HTTP {reply.status} instead of a job")
        return c.Exactly(ref) if read_json(reply)["model"].raw in (None, sought.spec.model) else c.NotReceived()

    def download(self, ref: Ref, asset: c.Remote) -> Call:
        return Call(method="GET", path=f"{_path(ref)}/content", query=(("index", "0"),))

    def webhook(self, request: c.Inbound) -> tuple[tuple[c.Notice, ...], c.Answer]:
        """Signed where the workspace has a secret; an address of ours is believed as far as a look at the job goes."""
        secret, verified = self.settings.webhook_secret, False
        if secret is not None:
            verified = _is_signed(secret.get_secret_value(), request)
            if not verified:
                return (), c.Answer(status=401)
        event = read_json(Reply(200, {}, request.body))
        if not EVENT.fullmatch(event["type"].text()):
            raise Unreadable("an event that is not the vendor's")
        return (c.Notice(ref={"id": event["data"]["id"].ident()}, verified=verified),), c.Answer()

    def account(self) -> Flow[c.AccountVerdict]:
        reply = yield Call(method="GET", path="/videos/models")
        if reply.status != 200:
            return _refusal(reply)
        return c.Account(models=tuple(model["id"].ident() for model in read_json(reply)["data"]))


def _path(ref: Ref) -> str:
    return "/videos/" + quote(Node(ref)["id"].ident(), safe="")


def _data(image: Image) -> str:
    return f"data:{image.media_type};base64,{b64encode(image.data).decode()}"


def _state(job: Node) -> c.PollVerdict:
    status, charged = job["status"].text(), _cost(job["usage"])
    if status in WAITING:
        return c.Running()
    if status == "completed" and (job["unsigned_urls"].raw or job["urls"].raw):
        until_s = job["expires_at"].raw
        expires_ms = until_s * 1000 if isinstance(until_s, int) and 0 < until_s < 2**40 else None
        return c.Finished(assets=(c.Remote(expires_ms=expires_ms),), charged=charged)
    if status == "completed":
        return c.Broken(why=Why.INTERNAL, message="completed without a video", charged=charged)
    if status not in ENDED:
        raise Unreadable("a status outside the contract")
    error = job["error"].raw if isinstance(job["error"].raw, str) else ""
    why = Why.BLOCKED if MODERATED.search(error) else Why.INTERNAL
    return c.Broken(why=why, message=clean(error) or f"the job {status}", charged=charged)


def _cost(usage: Node) -> c.Charge | None:
    """Dollars; None for what is no amount: a clip is not thrown away for an odd bill. With a key of one's own for the
    vendor behind it, that one sends its bill itself, and the cost told here is OpenRouter's fee alone."""
    value = usage["cost"].raw
    if (
        usage["is_byok"].raw is True
        or isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= 10**6
    ):
        return None
    return c.Charge(str(value))


def _refusal(reply: Reply) -> c.Refused:
    error = read_json(reply)["error"]
    message = error["message"].text()
    why = STATUS.get(reply.status, why_of_status(reply.status))
    moderated = MODERATED.search(message) is not None or not error["metadata"]["reasons"].missing
    if why in (Why.INVALID, Why.UNAUTHORISED) and reply.status != 401 and moderated:
        why = Why.BLOCKED
    return c.Refused(why=why, message=clean(message), retry_after_s=retry_after_s(reply))


def _is_signed(secret: str, request: c.Inbound) -> bool:
    """HMAC-SHA256 over the time and the raw body, with a comma between them."""
    told = SIGNATURE.fullmatch(request.headers.get("x-openrouter-signature", ""))
    if told is None or not is_fresh(told[1], request):
        return False
    right = hmac.digest(secret.encode(), told[1].encode() + b"," + request.body, "sha256")
    return hmac.compare_digest(right.hex(), told[2])
