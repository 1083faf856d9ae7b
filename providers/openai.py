"""OpenAI's Videos API, and any server that speaks the same contract at another `base_url`.

OpenAI itself switched the API off on 24 September 2026, so this adapter mostly meets servers that copied it. What only
such servers do, and what nobody could verify, is said at its line and never decides about money.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import quote

from msgspec.structs import replace
from pydantic import Field

from providers import contract as c
from providers.contract import Call, Flow, Json, Part, Price, Ref, Reply, Size, Spec, Unreadable, Verb, Why
from providers.toolbox import (
    Listed,
    ModelSettings,
    Node,
    clean,
    find_alike,
    form_fields,
    reaches_back,
    read_json,
    retry_after_s,
    why_of_status,
)

PAGES_MAX: Final = 10  # of 100 jobs; a list that goes on beyond proves nothing
DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)  # `sora-2` may be listed as its snapshot

# A code or a type in the body says more than the status: an empty account is a 429 too.
WORDS: Final[Mapping[str, Why]] = {
    word: why
    for why, words in {
        # The second is the consumer site's and resellers', the third belongs to sibling endpoints: unverified here.
        Why.BLOCKED: ("moderation_blocked", "sentinel_block", "content_policy_violation"),
        Why.NO_CREDIT: (
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_hard_limit_reached",  # a 400 of sibling endpoints, unverified here
        ),
        Why.THROTTLED: ("rate_limit_exceeded", "slow_down", "rate_limit_error", "requests", "tokens"),
        Why.UNAUTHORISED: ("invalid_api_key",),
        Why.NOT_FOUND: ("model_not_found",),
        Why.INVALID: ("missing_required_parameter", "invalid_type", "invalid_value", "unknown_parameter"),
        Why.OVERLOADED: ("server_is_overloaded", "service_unavailable_error"),
        Why.INTERNAL: ("server_error",),
    }.items()
    for word in words
}

P720: Final = (Size(720, 1280), Size(1280, 720))
P1024: Final = (Size(1024, 1792), Size(1792, 1024))
P1080: Final = (Size(1080, 1920), Size(1920, 1080))
LAST_DAY: Final = "2026-09-24"  # of the service and its list prices
OWN: Final = "https://api.openai.com/"
ENDED: Final = (
    f"OpenAI ended its own video service on {LAST_DAY}; point `base_url` at a server that speaks its contract."
)
SORA_2: Final = c.Abilities(
    seconds=(4, 8, 12, 16, 20),
    sizes=P720,
    verbs=(Verb.CREATE, Verb.REMIX, Verb.EDIT, Verb.EXTEND),
    extend_total_seconds_max=120,
    image=True,
    characters=True,
    audio=True,
    prices=(Price(per_second_micros=100_000, as_of=LAST_DAY, source="OpenAI's page of the model"),),
)
SORA_2_PRO: Final = replace(
    SORA_2,
    sizes=(*P720, *P1024, *P1080),
    prices=(
        Price(per_second_micros=300_000, sizes=P720, as_of=LAST_DAY, source="OpenAI's page of the model"),
        Price(per_second_micros=500_000, sizes=P1024, as_of=LAST_DAY, source="OpenAI's price list, second-hand"),
        Price(per_second_micros=700_000, sizes=P1080, as_of=LAST_DAY, source="OpenAI's price list, second-hand"),
    ),
)
SORA: Final[Mapping[str, c.Abilities]] = {"sora-2": SORA_2, "sora-2-pro": SORA_2_PRO}  # and their dated snapshots


class OpenAISettings(c.AdapterSettings):
    """How a server differs from OpenAI, and which models it has beyond OpenAI's own (priced at the route)."""

    models: Mapping[str, ModelSettings] = Field(default_factory=dict)
    body: Literal["multipart", "json"] = "multipart"  # `json` where no file travels, as SDKs did before March 2026
    assets: tuple[c.AssetKind, ...] = (c.AssetKind.VIDEO,)  # others are asked for only if named, else made here
    uploads_sources: bool = False  # edits and extensions take a file, so a clip from elsewhere can be the source
    honours_idempotency_key: bool = False  # OpenAI's own API does not
    resend_safe_s: Annotated[int, Field(ge=1)] = 600
    lists: bool = True
    visible_after_s: float | None = None  # a received job is listed by then, prompt included; unset: nothing is proven
    delete_cancels: bool = False  # DELETE really stops a job that has not ended
    lost_jobs_free: bool = False
    failed_jobs_free: bool = False  # what OpenAI took for failed jobs: unverified
    asset_life_s: int = 3_600


class OpenAI(c.Adapter[OpenAISettings]):
    kind: ClassVar[str] = "openai"
    Settings: ClassVar[type[c.AdapterSettings]] = OpenAISettings
    default_base_url: ClassVar[str | None] = "https://api.openai.com/v1"

    def models(self) -> tuple[str, ...]:
        return tuple({**SORA, **self.settings.models})

    def abilities(self, model: str) -> c.Abilities:
        own, settings = self.settings.models.get(model), self.settings
        return replace(
            own.abilities() if own else SORA[DATED.sub("", model)],
            needs_source_ref=not settings.uploads_sources,
            resend_safe_s=settings.resend_safe_s if settings.honours_idempotency_key else None,
            finds=settings.lists,
            visible_after_s=settings.visible_after_s,
            cancels=settings.delete_cancels,
            lost_jobs_free=settings.lost_jobs_free,
            failed_jobs_free=settings.failed_jobs_free,
            asset_life_s=settings.asset_life_s,
        )

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        call = self._submission(spec)
        if call is None:
            return c.Refused(why=Why.INVALID, message=f"{spec.verb} needs a source clip of this account")
        if not self.settings.honours_idempotency_key:
            return _taken((yield call))
        reply = yield replace(call, headers={"idempotency-key": key})
        return c.KeyUsed() if _key_used(reply) else _taken(reply)

    def _submission(self, spec: Spec) -> Call | None:
        """The call that starts work; None without a usable source. Where the contract knows no `seconds` or `size`, the
        source decides them."""
        optional: dict[str, Json] = {"seed": spec.seed, "negative_prompt": spec.negative_prompt}
        body = {**spec.extras, **{name: value for name, value in optional.items() if value is not None}}
        body["prompt"] = spec.prompt
        if spec.verb is Verb.CREATE:
            return self._create(spec, body)
        path = "/videos/edits"
        if spec.verb is Verb.EXTEND:
            path, body["seconds"] = "/videos/extensions", str(spec.seconds)
        asset, ref = (spec.source.asset, spec.source.ref) if spec.source else (None, None)
        if self.settings.uploads_sources and asset is not None:
            # Edits succeeded remix and are its only form that takes a file. There is no id to infer the model from, so
            # it is named; for extensions that is by analogy, unverified.
            clip = Part("video", "source.mp4", asset.media_type, asset)
            return self._post(path, {**body, "model": spec.model}, clip)
        if ref is None:
            return None
        if spec.verb is Verb.REMIX:
            return Call(method="POST", path=f"{_path(ref)}/remix", body=c.JsonBody(body), starts_work=True)
        return self._post(path, {**body, "video": {"id": _ident(ref)}})

    def _create(self, spec: Spec, body: dict[str, Json]) -> Call:
        body |= {"model": spec.model, "seconds": str(spec.seconds), "size": str(spec.size)}
        if spec.characters:
            body["characters"] = [{"id": _ident(ref)} for ref in spec.characters]
        if spec.image is None:
            return self._post("/videos", body)
        name = "reference." + spec.image.media_type.rpartition("/")[2]
        return self._post("/videos", body, Part("input_reference", name, spec.image.media_type, spec.image.data))

    def _post(self, path: str, body: dict[str, Json], *files: Part) -> Call:
        plain = self.settings.body == "json" and not files
        form = c.JsonBody(body) if plain else c.Form(fields=form_fields(body), files=files)
        return Call(method="POST", path=path, body=form, starts_work=True)

    def character(self, spec: c.CharacterSpec) -> Flow[c.CharacterVerdict]:
        clip = Part("video", "character.mp4", spec.video.media_type, spec.video)
        return _taken((yield self._post("/videos/characters", {"name": spec.name}, clip)))

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        reply = yield Call(method="GET", path=_path(ref))
        document = read_json(reply)
        # A known compatible server answers a failed job with the job's own error status: the object is the verdict.
        return self._state(document) if _ok(reply) or document["object"].raw == "video" else _refusal(reply)

    def _state(self, job: Node) -> c.PollVerdict:
        status = job["status"].text()
        if status in ("queued", "in_progress"):
            return c.Running(job["progress"].percent())
        # Completed with an error beside it is a failure; completed without a file shows when the file is fetched.
        if status == "failed" or (status == "completed" and not job["error"].missing):
            why, message = _error(job["error"], Why.INTERNAL)
            return c.Broken(why=why, message=message)
        if status != "completed":
            raise Unreadable("a status outside the contract")
        until_s = job["expires_at"].raw
        expires_ms = until_s * 1000 if isinstance(until_s, int) and 0 < until_s < 2**40 else None
        return c.Finished(assets=tuple(c.Remote(kind=kind, expires_ms=expires_ms) for kind in self.settings.assets))

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        if not self.settings.delete_cancels:
            return c.CannotCancel("the contract knows no cancel, and DELETE only for jobs that have ended")
        state = yield from self.poll(ref)  # look first: DELETE erases a finished clip
        if isinstance(state, c.Finished | c.Broken):
            return c.TooLate()
        if isinstance(state, c.Refused):
            return state
        reply = yield Call(method="DELETE", path=_path(ref))
        if reply.status in (400, 409):
            return c.CannotCancel("the server deletes only jobs that have ended")
        if not _ok(reply):
            return _refusal(reply)
        if read_json(reply)["deleted"].raw is not True:
            raise Unreadable("a DELETE that does not say deleted")
        return c.Cancelled()

    def find(self, sought: c.Sought) -> Flow[c.FindVerdict]:
        jobs: list[Listed] = []
        complete, after = False, ""
        for _ in range(PAGES_MAX if self.settings.lists else 0):
            query = (("limit", "100"), ("order", "desc"), *((("after", after),) if after else ()))
            reply = yield Call(method="GET", path="/videos", query=query)
            if reply.status in (404, 405, 501):
                return c.CannotTell("this server has no list")
            if not _ok(reply):
                raise Unreadable(f"HTTP {reply.status} instead of a list")
            page = read_json(reply)
            jobs.extend(_listed(job) for job in page["data"])
            complete = page["has_more"].raw is False or reaches_back(jobs, sought)
            after = page["last_id"].text(default="")
            if complete or not after:
                break
        proves = complete and self.settings.visible_after_s is not None
        return find_alike(jobs, _wanted(sought.spec), sought, proves=proves)

    def download(self, ref: Ref, asset: c.Remote) -> Call:
        # `video` is the default; known compatible servers answer 404 when it is named.
        query = () if asset.kind is c.AssetKind.VIDEO else (("variant", asset.kind.value),)
        return Call(method="GET", path=f"{_path(ref)}/content", query=query)

    def account(self) -> Flow[c.AccountVerdict]:
        reply = yield Call(method="GET", path="/models")
        if not _ok(reply):
            return _refusal(reply)
        return c.Account(models=tuple(model["id"].ident() for model in read_json(reply)["data"]))

    def notes(self, base_url: str) -> tuple[str, ...]:
        return (ENDED,) if base_url.startswith(OWN) else ()


def _ok(reply: Reply) -> bool:
    return 200 <= reply.status < 300


def _ident(ref: Ref) -> str:
    return Node(ref)["id"].ident()


def _path(ref: Ref) -> str:
    return "/videos/" + quote(_ident(ref), safe="")


def _taken(reply: Reply) -> c.Accepted | c.Refused:
    return c.Accepted({"id": read_json(reply)["id"].ident()}) if _ok(reply) else _refusal(reply)


def _refusal(reply: Reply) -> c.Refused:
    document = read_json(reply)
    # `detail` is how compatible servers built on FastAPI say it; without either it is somebody else's page.
    if document["error"].missing and document["detail"].missing:
        raise Unreadable(f"HTTP {reply.status} without an error object")
    why, message = _error(document["error"], why_of_status(reply.status))
    return c.Refused(why=why, message=message, retry_after_s=retry_after_s(reply))


def _error(error: Node, otherwise: Why) -> tuple[Why, str]:
    words = (error["code"].raw, error["type"].raw)
    why = next((WORDS[word] for word in words if isinstance(word, str) and word in WORDS), otherwise)
    message = error["message"].raw
    return why, clean(message) if isinstance(message, str) else ""


def _key_used(reply: Reply) -> bool:
    """Servers that honour keys say so with 409 or 422; how they spell the code differs, unverified."""
    if reply.status not in (409, 422):
        return False
    error = read_json(reply)["error"]
    return reply.status == 409 or any("idempotency" in str(error[name].raw) for name in ("code", "type"))


def _listed(job: Node) -> Listed:
    facts = {name: " ".join(str(job[name].raw or "").split()) for name in ("model", "prompt", "seconds", "size")}
    facts["model"] = DATED.sub("", facts["model"])
    return Listed({"id": job["id"].ident()}, job["created_at"].whole(), facts)


def _wanted(spec: Spec) -> dict[str, frozenset[str]]:
    # An extension is listed with its stitched length; whether everywhere, unverified.
    stitched = spec.seconds + (spec.source.seconds if spec.source and spec.verb is Verb.EXTEND else 0)
    return {
        "model": frozenset({DATED.sub("", spec.model)}),
        "prompt": frozenset({" ".join(spec.prompt.split())}),
        "seconds": frozenset({str(spec.seconds), str(stitched)}),
        "size": frozenset({str(spec.size)}),
    }
