"""The mock: the provider that people develop against. Its vendor is `gateway.sandbox`, which renders real clips.

It offers every ability. Settings take some away (keys, finding), so that a vendor without them can be shown; what shall
happen to a job is said in the prompt, `[mock:break]`, or here as `fate`.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

import msgspec
from pydantic import Field

from providers import contract as c
from providers.contract import Call, Flow, Json, Part, Price, Ref, Reply, Size, Spec, Unreadable, Verb, Why
from providers.toolbox import Listed, Node, clean, find_alike, read_json, retry_after_s, why_of_status

CODES: Final = {
    "invalid_request": Why.INVALID,
    "content_blocked": Why.BLOCKED,
    "wrong_key": Why.UNAUTHORISED,
    "no_credit": Why.NO_CREDIT,
    "slow_down": Why.THROTTLED,
    "overloaded": Why.OVERLOADED,
    "not_found": Why.NOT_FOUND,
    "internal": Why.INTERNAL,
}
PAGES_MAX: Final = 20  # of 100 jobs
PROMPT_CHARS: Final = 100  # of a long prompt the list shows the beginning, at least so much
CLOCKS_APART_MS: Final = 60_000

_ID: Final = re.compile(r"[\w-]{1,2000}", re.ASCII)
_DOLLARS: Final = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)


def _sizes(*texts: str) -> tuple[Size, ...]:
    return tuple(map(Size.parse, texts))


def _price(cents: int, sizes: tuple[Size, ...], source: str = "OpenAI's prices at the end of its Sora models") -> Price:
    return Price(per_second_micros=cents * 10_000, sizes=sizes, as_of="2026-09-24", source=source)


_720P: Final = _sizes("720x1280", "1280x720")
_1024P: Final = _sizes("1024x1792", "1792x1024")
_1080P: Final = _sizes("1080x1920", "1920x1080")
_SMALL: Final = _sizes("128x128", "256x144", "144x256", "640x360", "360x640")

# What a model costs, though nobody pays; the sizes that have a price are the sizes that it can do.
PRICES: Final[dict[str, tuple[Price, ...]]] = {
    "sora-2": (_price(10, _720P),),
    "sora-2-pro": (_price(30, _720P), _price(50, _1024P), _price(70, _1080P)),
    "mock-video": (_price(1, (*_SMALL, *_720P, *_1024P, *_1080P), "the mock's own"),),
}
SECONDS: Final = {"mock-video": (1, 2, 4, 8, 12, 16, 20)}


class Settings(c.AdapterSettings):
    """How this mock behaves. Times and fate that are not given here are the sandbox's own."""

    honours_keys: bool = Field(True, description="A resend with the same key gives the same job.")
    can_find: bool = Field(True, description="Jobs can be listed, so that a lost answer can be looked up.")
    calls_back: bool = Field(True, description="The vendor calls back, where `gateway.public_url` is set.")
    stills: bool = Field(False, description="The vendor makes thumbnail and spritesheet itself.")
    queue_s: float | None = Field(None, ge=0, le=86_400, description="Seconds before rendering begins.")
    render_s: float | None = Field(None, ge=0, le=86_400, description="Seconds that rendering takes.")
    fate: str = Field("", max_length=500, description="Directives with probabilities, such as `break:0.1 slow=30:0.2`.")
    name: str = Field("", max_length=100, description="A name that directives may aim at, `[mock@NAME:break]`.")


class Mock(c.Adapter[Settings]):
    kind = "mock"
    Settings = Settings
    default_base_url = "sandbox:"  # the socket of the sandbox that `serve` starts
    nothing_made: ClassVar = {
        "overloaded": c.NothingMade(503, "gateway.sandbox: nothing was made, also with 503 `overloaded`")
    }

    def models(self) -> tuple[str, ...]:
        return tuple(PRICES)

    def abilities(self, model: str) -> c.Abilities:
        prices = PRICES[model]
        return c.Abilities(
            seconds=SECONDS.get(model, (4, 8, 12, 16, 20)),
            sizes=tuple(size for price in prices for size in price.sizes),
            verbs=tuple(Verb),
            extend_total_seconds_max=120,
            image=True,
            last_image=True,
            last_image_alone=True,
            characters=True,
            audio=None,
            seed=True,
            negative_prompt=True,
            resend_safe_s=3_600 if self.settings.honours_keys else None,
            finds=self.settings.can_find,
            visible_after_s=0.5 if self.settings.can_find else None,
            cancels=True,
            calls_back=self.settings.calls_back,
            asset_life_s=86_400,
            prices=prices,
        )

    def sign(self, call: Call) -> Call:
        # The sandbox wants a key and takes any, so an account without one works as well.
        return super().sign(c.replace(call, headers={**call.headers, "authorization": "Bearer anyone"}))

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        files: tuple[Part, ...] = ()
        if spec.image:
            files += (Part("image", "image", spec.image.media_type, spec.image.data),)
        if spec.last_image:
            files += (Part("last_image", "last_image", spec.last_image.media_type, spec.last_image.data),)
        if spec.source:
            if spec.source.asset is None:
                return c.Refused(why=Why.INVALID, message="the source's file is needed")
            files += (Part("source", "source.mp4", spec.source.asset.media_type, spec.source.asset),)
        wanted = self._wanted(spec)
        reply = yield Call(
            method="POST",
            path="/jobs",
            headers={"idempotency-key": key} if self.settings.honours_keys else {},
            body=_form(wanted, *files) if files else c.JsonBody(wanted),
            starts_work=True,
        )
        answer = read_json(reply)
        if reply.status == 200:
            return c.Accepted(_ref(answer))
        if reply.status == 409 and answer["error"]["code"].raw == "key_used":
            return c.KeyUsed(None if answer["error"]["id"].missing else _ref(answer["error"]))
        return _refused(reply, answer)

    def _wanted(self, spec: Spec) -> dict[str, Json]:
        return {
            "model": spec.model,
            "verb": spec.verb.value,
            "prompt": spec.prompt,
            "seconds": spec.seconds,
            "width": spec.size.width,
            "height": spec.size.height,
            "seed": spec.seed,
            "negative_prompt": spec.negative_prompt,
            "characters": [_ident(Node(ref)) for ref in spec.characters],
            "source_seconds": spec.source.seconds if spec.source else 0,
            **({"audio": spec.audio} if spec.audio is not None else {}),
            **({"callback_url": spec.callback_url} if spec.callback_url else {}),
            **self.settings.model_dump(include={"stills", "name", "queue_s", "render_s", "fate"}),
        }

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        reply = yield Call(method="GET", path=_path(ref))
        answer = read_json(reply)
        if reply.status != 200:
            return _refused(reply, answer)
        charged = None if answer["charged_usd"].missing else _dollars(answer["charged_usd"])
        match answer["status"].text():
            case "queued" | "rendering":
                return c.Running(answer["progress"].percent())
            case "completed" if answer["files"].raw:
                return c.Finished(assets=tuple(map(_remote, answer["files"])), charged=charged)
            case "completed":
                return c.Broken(why=Why.INTERNAL, message="completed without a file", charged=charged)
            case "failed":
                error, free = answer["error"], answer["error"]["billed"].raw is False
                why = CODES.get(error["code"].text(), Why.INTERNAL)
                return c.Broken(why=why, message=_message(error), charged=charged, free=free)
            case "cancelled":
                return c.Broken(why=Why.INTERNAL, message="the job was cancelled", free=True)
            case _:
                raise Unreadable("a status outside the contract")

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        reply = yield Call(method="POST", path=f"{_path(ref)}/cancel")
        answer = read_json(reply)
        if reply.status == 200 and answer["status"].raw == "cancelled":
            return c.Cancelled(free=True)
        return c.TooLate() if reply.status == 409 else _refused(reply, answer)

    def find(self, sought: c.Sought) -> Flow[c.FindVerdict]:
        """Exactly by key; where keys are not honoured the list shows likenesses only."""
        if not self.settings.can_find:
            return c.CannotTell("this mock lists no jobs")
        by_key = (("key", sought.key),) if self.settings.honours_keys else ()
        since = ("since_ms", str(max(0, sought.since_ms - CLOCKS_APART_MS)))
        jobs: list[Node] = []
        complete, after = False, ""
        for _ in range(PAGES_MAX):
            page = read_json((yield Call(method="GET", path="/jobs", query=(since, ("after", after), *by_key))))
            jobs += page["jobs"]
            complete = page["has_more"].raw is False and page["complete"].raw is True
            if page["has_more"].raw is not True or not jobs:
                break
            after = _ident(jobs[-1])
        if not self.settings.honours_keys:
            return find_alike([_listed(job) for job in jobs], _facts_of(sought.spec), sought, proves=complete)
        exact = next((_ref(job) for job in jobs if job["key"].raw == sought.key), None)
        if exact is not None:
            return c.Exactly(exact)
        return c.NotReceived() if complete else c.CannotTell("the list is not complete")

    def confirm(self, ref: Ref, sought: c.Sought) -> Flow[c.FindVerdict]:
        """The job's facts as it tells them itself, and its key where it has one."""
        reply = yield Call(method="GET", path=_path(ref))
        if reply.status != 200:
            return c.NotReceived() if reply.status == 404 else c.CannotTell("the job cannot be looked at")
        job, spec = read_json(reply), sought.spec
        same = (job["model"].raw, job["seconds"].raw) == (spec.model, spec.seconds)
        return c.Exactly(ref) if same else c.NotReceived()

    def webhook(self, request: c.Inbound) -> tuple[tuple[c.Notice, ...], c.Answer]:
        """Unsigned: `{"id": …}`."""
        answer = read_json(Reply(200, {}, request.body))
        return (c.Notice(ref=_ref(answer)),), c.Answer(body=b"ok")

    def download(self, ref: Ref, asset: c.Remote) -> Call:
        return c.replace(super().download(ref, asset), signed=True)

    def character(self, spec: c.CharacterSpec) -> Flow[c.CharacterVerdict]:
        clip = Part("video", "video.mp4", spec.video.media_type, spec.video)
        wanted: dict[str, Json] = {"name": spec.name}
        if self.settings.name:
            wanted["aim"] = self.settings.name
        reply = yield Call(method="POST", path="/characters", body=_form(wanted, clip), starts_work=True)
        answer = read_json(reply)
        return c.Accepted(_ref(answer)) if reply.status == 200 else _refused(reply, answer)

    def account(self) -> Flow[c.AccountVerdict]:
        reply = yield Call(method="GET", path="/account")
        answer = read_json(reply)
        if reply.status != 200:
            return _refused(reply, answer)
        models = tuple(model.text() for model in answer["models"])
        return c.Account(balance=_dollars(answer["balance_usd"]), models=models)


def _form(spec: dict[str, Json], *files: Part) -> c.Form:
    return c.Form(fields=(("spec", msgspec.json.encode(spec).decode()),), files=files)


def _ident(place: Node) -> str:
    """The sandbox's ids carry the whole job, so they are longer than other vendors'."""
    if not _ID.fullmatch(ident := place["id"].text()):
        raise Unreadable("not an id of the sandbox")
    return ident


def _ref(place: Node) -> Ref:
    return {"id": _ident(place)}


def _path(ref: Ref) -> str:
    return f"/jobs/{_ident(Node(ref))}"


def _remote(file: Node) -> c.Remote:
    if (kind := file["kind"].text()) not in list(c.AssetKind):
        raise Unreadable("an unknown kind of file")
    path = file["path"].text()
    if not re.fullmatch(r"/[!-~]{1,2500}", path):
        raise Unreadable("a file without a path")
    media_type = file["media_type"].text()
    return c.Remote(kind=c.AssetKind(kind), link=path, media_type=media_type, expires_ms=file["expires_ms"].whole())


def _dollars(place: Node) -> c.Charge:
    if not _DOLLARS.fullmatch(amount := place.text()):
        raise Unreadable("not an amount of dollars")
    return c.Charge(amount)


def _message(error: Node) -> str:
    message = error["message"].raw
    return clean(message) if isinstance(message, str) else ""


def _refused(reply: Reply, answer: Node) -> c.Refused:
    error = answer["error"]
    code = error["code"].text()
    return c.Refused(
        why=CODES.get(code, why_of_status(reply.status)),
        message=_message(error),
        retry_after_s=retry_after_s(reply),
        proof="overloaded" if code == "overloaded" else None,
    )


def _listed(job: Node) -> Listed:
    facts = {name: str(job[name].raw or "") for name in ("model", "seconds", "width", "height")}
    prompt = str(job["prompt"].raw or "")[:PROMPT_CHARS]
    return Listed(_ref(job), job["created_ms"].whole() // 1000, {**facts, "prompt": prompt})


def _facts_of(spec: Spec) -> dict[str, frozenset[str]]:
    facts = {"model": spec.model, "seconds": spec.seconds, "width": spec.size.width, "height": spec.size.height}
    return {name: frozenset({str(fact)}) for name, fact in {**facts, "prompt": spec.prompt[:PROMPT_CHARS]}.items()}
