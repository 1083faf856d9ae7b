"""OpenAI's Videos API, and any server that speaks the same contract at another `base_url`.

OpenAI itself switched the API off on 24 September 2026, so this adapter mostly meets servers that copied it. How the
known ones differ is the table `SERVERS`; what only such servers do, and what nobody could verify, is said at its line
and never decides about money.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from providers import contract as c
from providers import toolbox
from providers.contract import Call, Flow, Json, Part, Ref, Reply, Spec, Unreadable, Verb, Why
from providers.openai.settings import FACTS, LAST_DAY, SERVERS, SORA, OpenAISettings
from providers.toolbox import Listed, Node, read_json, said

DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)  # `sora-2` may be listed as its snapshot

# A code or a type in the body says more than the status: an empty account is a 429 too.
WORDS: Final[Mapping[str, Why]] = {
    word: why
    for why, words in {
        # Here and below the last, and all but the first, are other endpoints', sites' and resellers': unverified here.
        Why.BLOCKED: "moderation_blocked sentinel_block content_policy_violation content_filter"
        " ResponsibleAIPolicyViolation",
        Why.NO_CREDIT: "insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded"
        " project_spend_limit_exceeded organization_usage_limit_exceeded billing_hard_limit_reached",
        Why.THROTTLED: "rate_limit_exceeded slow_down rate_limit_error requests tokens",
        Why.UNAUTHORISED: "invalid_api_key 401",
        Why.NOT_FOUND: "model_not_found",
        Why.INVALID: "missing_required_parameter invalid_type invalid_value unknown_parameter DeploymentNotFound",
        Why.OVERLOADED: "server_is_overloaded service_unavailable_error",
        Why.INTERNAL: "server_error",
    }.items()
    for word in words.split()
}
GUARDED: Final = re.compile(r"\bguardrail|\bblocked\b", re.IGNORECASE)  # the exact texts are unverified
JOB_CODES: Final[Mapping[str, Why]] = {"400": Why.INVALID, "422": Why.INVALID, "503": Why.OVERLOADED}  # vLLM's numbers

WAITING: Final = ("queued", "in_progress")
ENDED: Final = f"OpenAI ended its video service on {LAST_DAY}; point `base_url` at a server that speaks its contract."


class OpenAI(c.Adapter[OpenAISettings]):
    kind: ClassVar[str] = "openai"
    Settings: ClassVar[type[c.AdapterSettings]] = OpenAISettings
    default_base_url: ClassVar[str | None] = "https://api.openai.com/v1"
    tells_balance: ClassVar[bool] = False
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {name: {"server": name} for name in SERVERS}
    nothing_made: ClassVar[Mapping[str, c.NothingMade]] = {
        "no engine": c.NothingMade(503, "vllm-omni 0.30, sglang 0.5.23: the handler refuses before there is a job")
    }

    def __init__(self, settings: OpenAISettings, api_key: str | None) -> None:
        super().__init__(settings, api_key)
        self._server = SERVERS[settings.server]

    def models(self) -> tuple[str, ...]:
        return tuple({**(SORA if self._server.sora else {}), **self.settings.models})

    def abilities(self, model: str) -> c.Abilities:
        own, settings, sora = self.settings.models.get(model), self.settings, SORA if self._server.sora else {}
        unsaid = {name: it for name, it in self._server.able.items() if own and name not in own.model_fields_set}
        return replace(
            replace(own.abilities(), **unsaid) if own else sora[DATED.sub("", model)],
            needs_source_ref=not settings.uploads_sources,
            resend_safe_s=settings.resend_safe_s if settings.honours_idempotency_key else None,
            finds=settings.lists,
            visible_after_s=settings.visible_after_s,
            cancels=bool(settings.delete_cancels),
            lost_jobs_free=settings.lost_jobs_free,
            failed_jobs_free=settings.failed_jobs_free,
            asset_life_s=settings.asset_life_s,
        )

    def sign(self, call: Call) -> Call:
        if self._api_key is None or self.settings.key_header == "authorization":
            return super().sign(call)
        return c.replace(call, headers={**call.headers, self.settings.key_header: self._api_key})

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        if spec.seed is None and self._server.always_seed:
            spec = replace(spec, seed=int(hashlib.sha256(key.encode()).hexdigest()[:7], 16))
        call = self._submission(spec)
        if call is None:
            return c.Refused(why=Why.INVALID, message=f"{spec.verb} needs a source clip of this account")
        keyed = self.settings.honours_idempotency_key
        reply = yield replace(call, headers={"idempotency-key": key}) if keyed else call
        if keyed and _key_used(reply):
            return c.KeyUsed()
        taken, words = _taken(reply), self._server.nothing_made
        if isinstance(taken, c.Accepted) or words is None:
            return taken
        if reply.status == 409:  # a server that was started so that it cannot keep jobs
            return replace(taken, why=Why.INTERNAL)
        return replace(taken, proof="no engine") if reply.status == 503 and words in taken.message else taken

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
        if self._server.own and spec.audio is not None:
            body["generate_sound"] = spec.audio
        if spec.characters:
            body["characters"] = [{"id": _ident(ref)} for ref in spec.characters]
        if spec.image is None:
            return self._post("/videos", body)
        name = "reference." + spec.image.media_type.rpartition("/")[2]
        return self._post("/videos", body, Part("input_reference", name, spec.image.media_type, spec.image.data))

    def _post(self, path: str, body: dict[str, Json], *files: Part) -> Call:
        plain = self.settings.body == "json" and not files
        if self._server.own and not plain:
            texts = {name: msgspec.json.encode(it).decode() for name, it in body.items() if isinstance(it, dict | list)}
            body = {**body, **texts}
        form = c.JsonBody(body) if plain else c.Form(fields=toolbox.form_fields(body), files=files)
        return Call(method="POST", path=path, body=form, starts_work=True)

    def character(self, spec: c.CharacterSpec) -> Flow[c.CharacterVerdict]:
        clip = Part("video", "character.mp4", spec.video.media_type, spec.video)
        return _taken((yield self._post("/videos/characters", {"name": spec.name}, clip)))

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        return self._seen((yield Call(method="GET", path=_path(ref))))

    def _seen(self, reply: Reply) -> c.PollVerdict:
        document = read_json(reply)
        # vLLM-Omni answers a failed job with the job's own error status: the object is the verdict.
        if _ok(reply) or document["object"].raw == "video":
            return self._state(document)
        refused = _refusal(reply)  # a job that goes wrong says so as a job: here a 4xx speaks of the question
        return replace(refused, why=Why.INTERNAL) if refused.why is Why.INVALID else refused

    def _state(self, job: Node) -> c.PollVerdict:
        status = job["status"].text()
        if status in WAITING:
            return c.Running(job["progress"].percent())
        # Completed with an error beside it is a failure; completed without a file shows when the file is fetched.
        if status in ("failed", "cancelled") or (status == "completed" and job["error"].raw):
            why, message = _error(job["error"], JOB_CODES.get(str(job["error"]["code"].raw), Why.INTERNAL))
            if self._server.own and GUARDED.search(message):
                why = Why.BLOCKED
            return c.Broken(why=why, message=message)
        if status != "completed":
            raise Unreadable("a status outside the contract")
        until_s = job["expires_at"].raw
        expires_ms = until_s * 1000 if isinstance(until_s, int) and 0 < until_s < 2**40 else None
        # A server with storage elsewhere refuses to hand out the file itself and names the place.
        link = job["url"].link() if self._server.own and not job["url"].missing else None
        kept = (c.Remote(kind=kind, link=link, expires_ms=expires_ms) for kind in self.settings.assets)
        return c.Finished(assets=tuple(kept))

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        if not self.settings.delete_cancels:
            return c.CannotCancel("the contract knows no cancel, and DELETE only for jobs that have ended")
        look = yield Call(method="GET", path=_path(ref))  # first: DELETE erases a finished clip
        state = self._seen(look)
        if isinstance(state, c.Finished | c.Broken):
            return c.TooLate()
        if isinstance(state, c.Refused):
            return state
        waits = read_json(look)["status"].raw == "queued"
        if self.settings.delete_cancels == "queued" and not waits:
            return c.CannotCancel("this server lets a job that has begun go on")
        reply = yield Call(method="DELETE", path=_path(ref))
        if reply.status in (400, 409) and not self._server.own:
            return c.CannotCancel("the server deletes only jobs that have ended")
        if not _ok(reply) and reply.status != 409:
            return _refusal(reply)
        if read_json(reply)["deleted"].raw is not True:  # a self-hosted server's 409 is to be tried again
            raise Unreadable("a DELETE that does not say deleted")
        return c.Cancelled(free=True if waits and self._server.own else None)  # it left the queue of a GPU

    def find(self, sought: c.Sought) -> Flow[c.FindVerdict]:
        facts, listed = self._server.facts, None
        if self.settings.lists:
            listed = yield from toolbox.newest_first("/videos", sought, lambda job: _listed(job, facts))
        if listed is None:
            return c.CannotTell("this server has no list")
        proves = listed[1] and self.settings.visible_after_s is not None
        return toolbox.find_alike(listed[0], _wanted(sought.spec), sought, proves=proves)

    def download(self, ref: Ref, asset: c.Remote) -> Call:
        if asset.link is not None:
            return super().download(ref, asset)
        # `video` is the default; known compatible servers answer 404 when it is named.
        query = () if asset.kind is c.AssetKind.VIDEO else (("variant", asset.kind.value),)
        return Call(method="GET", path=f"{_path(ref)}/content", query=query)

    def webhook(self, request: c.Inbound) -> tuple[tuple[c.Notice, ...], c.Answer]:
        """Of a whole project, by Standard Webhooks: it names the job and is looked at."""
        secret = self.settings.webhook_secret
        if secret is None or not toolbox.is_signed(secret.get_secret_value(), request):
            return (), c.Answer(status=404 if secret is None else 401)
        event = read_json(Reply(200, {}, request.body))
        return (c.Notice(ref={"id": event["data"]["id"].ident()}, verified=True),), c.Answer()

    def account(self) -> Flow[c.AccountVerdict]:
        reply = yield Call(method="GET", path="/models")
        models = tuple(model["id"].ident() for model in read_json(reply)["data"]) if _ok(reply) else None
        return _refusal(reply) if models is None else c.Account(models=models)

    def load(self) -> Flow[c.LoadVerdict]:
        if not self._server.own:
            return c.Load()
        reply = yield Call(method="GET", path="/videos", query=(("limit", "100"), ("order", "desc")))
        jobs = read_json(reply)["data"] if _ok(reply) else None
        return _refusal(reply) if jobs is None else c.Load(sum(job["status"].raw in WAITING for job in jobs))

    def notes(self, base_url: str) -> tuple[str, ...]:
        return (ENDED,) if base_url.startswith("https://api.openai.com/") else ()


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
    error = document["detail"] if document["error"].missing else document["error"]
    if error.missing:
        raise Unreadable(f"HTTP {reply.status} without an error object")
    why, message = _error(error, toolbox.why_of_status(reply.status))
    if why is Why.THROTTLED and "insufficient_quota" in message:  # so Azure's 429
        why = Why.NO_CREDIT
    return c.Refused(why=why, message=message, retry_after_s=toolbox.retry_after_s(reply))


def _error(error: Node, otherwise: Why) -> tuple[Why, str]:
    words = (error["code"].raw, error["type"].raw, error["innererror"]["code"].raw)
    why = next((WORDS[word] for word in words if isinstance(word, str) and word in WORDS), otherwise)
    if any("moderation" in word for word in words if isinstance(word, str)):
        why = Why.BLOCKED
    return why, said(error)


def _key_used(reply: Reply) -> bool:
    """Servers that honour keys say so with 409 or 422; how they spell the code differs, unverified."""
    if reply.status not in (409, 422):
        return False
    error = read_json(reply)["error"]
    return reply.status == 409 or any("idempotency" in str(error[name].raw) for name in ("code", "type"))


def _listed(job: Node, facts: tuple[str, ...]) -> Listed:
    """A fact that the server does not tell as it was asked is none."""
    told = {name: " ".join(str(job[name].raw or "").split()) if name in facts else "" for name in FACTS}
    told["model"] = DATED.sub("", told["model"])
    return Listed({"id": job["id"].ident()}, job["created_at"].whole(), told)


def _wanted(spec: Spec) -> dict[str, frozenset[str]]:
    # An extension is listed with its stitched length; whether everywhere, unverified.
    stitched = spec.seconds + (spec.source.seconds if spec.source and spec.verb is Verb.EXTEND else 0)
    return {
        "model": frozenset({DATED.sub("", spec.model)}),
        "prompt": frozenset({" ".join(spec.prompt.split())}),
        "seconds": frozenset({str(spec.seconds), str(stitched)}),
        "size": frozenset({str(spec.size)}),
    }
