"""The mock: the provider that people develop against. Its vendor is `gateway.sandbox`, which renders real clips.

It offers every ability. Settings take some away (keys, finding), so that a vendor without them can be shown; what shall
happen to a job is said in the prompt, `[mock:break]`, or here as `fate`.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec
from pydantic import Field

from providers.contract import (
    Abilities,
    Accepted,
    Account,
    AccountVerdict,
    Adapter,
    AdapterSettings,
    AssetKind,
    Broken,
    Call,
    Cancelled,
    CancelVerdict,
    CannotTell,
    CharacterSpec,
    CharacterVerdict,
    Charge,
    Exactly,
    FindVerdict,
    Finished,
    Flow,
    Form,
    Json,
    JsonBody,
    KeyUsed,
    NothingMade,
    NotReceived,
    Part,
    PollVerdict,
    Price,
    Probably,
    Ref,
    Refused,
    Remote,
    Reply,
    Running,
    Size,
    Sought,
    Spec,
    SubmitVerdict,
    TooLate,
    Unreadable,
    Verb,
    Why,
    replace,
)
from providers.toolbox import Node, clean, read_json, retry_after_s, why_of_status

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
PAGE, PAGES_MAX = 100, 20
CLOCKS_APART_MS: Final = 60_000

_SMALL: Final = tuple(map(Size.parse, ("128x128", "256x144", "144x256", "640x360", "360x640")))
_720P: Final = tuple(map(Size.parse, ("720x1280", "1280x720")))
_1024P: Final = tuple(map(Size.parse, ("1024x1792", "1792x1024")))
_1080P: Final = tuple(map(Size.parse, ("1080x1920", "1920x1080")))
_OPENAI: Final = "OpenAI's model page and price list as of the shutdown; nothing is really charged"


def _price(cents: int, sizes: tuple[Size, ...] = (), source: str = _OPENAI) -> Price:
    return Price(per_second_micros=cents * 10_000, sizes=sizes, as_of="2026-09-24", source=source)


# What a model costs; the sizes that have a price are the sizes it can do.
PRICES: Final[dict[str, tuple[Price, ...]]] = {
    "sora-2": (_price(10, _720P),),
    "sora-2-pro": (_price(30, _720P), _price(50, _1024P), _price(70, _1080P)),
    "mock-video": (_price(1, (*_SMALL, *_720P, *_1024P, *_1080P), "the mock's own; nothing is really charged"),),
}
SECONDS: Final = {"mock-video": (1, 2, 4, 8, 12, 16, 20)}


class MockSettings(AdapterSettings):
    """How this mock behaves. Times and fate that are not given here are the sandbox's own."""

    honours_keys: bool = Field(True, description="A resend with the same key gives the same job.")
    can_find: bool = Field(True, description="Jobs can be listed, so a lost answer can be looked up.")
    stills: bool = Field(False, description="The vendor makes thumbnail and spritesheet itself.")
    queue_s: float | None = Field(None, ge=0, le=86_400, description="Seconds before rendering begins.")
    render_s: float | None = Field(None, ge=0, le=86_400, description="Seconds that rendering takes.")
    fate: str = Field("", max_length=500, description="Directives with probabilities, such as `break:0.1 slow=30:0.2`.")
    name: str = Field("", max_length=100, description="A name that directives may aim at: `[mock@NAME:break]`.")


class Mock(Adapter[MockSettings]):
    kind = "mock"
    Settings = MockSettings
    default_base_url = "sandbox:"  # the socket of the sandbox that `serve` starts
    nothing_made: ClassVar = {
        "overloaded": NothingMade(503, "gateway.sandbox: `overloaded` is said before anything is made")
    }

    def models(self) -> tuple[str, ...]:
        return tuple(PRICES)

    def abilities(self, model: str) -> Abilities:
        prices = PRICES[model]
        return Abilities(
            seconds=SECONDS.get(model, (4, 8, 12, 16, 20)),
            sizes=tuple(size for price in prices for size in price.sizes),
            verbs=tuple(Verb),
            extend_total_seconds_max=120,
            image=True,
            characters=True,
            audio=True,
            seed=True,
            negative_prompt=True,
            resend_safe_s=3_600 if self.settings.honours_keys else None,
            finds=self.settings.can_find,
            visible_after_s=0.5 if self.settings.can_find else None,
            cancels=True,
            asset_life_s=86_400,
            prices=prices,
        )

    def sign(self, call: Call) -> Call:
        return super().sign(replace(call, headers={**call.headers, "authorization": "Bearer anyone"}))

    def submit(self, spec: Spec, key: str) -> Flow[SubmitVerdict]:
        files = []
        if spec.image:
            files.append(Part("image", "image", spec.image.media_type, spec.image.data))
        if spec.source:
            if spec.source.asset is None:
                return Refused(why=Why.INVALID, message="the source's file is needed")
            files.append(Part("source", "source.mp4", spec.source.asset.media_type, spec.source.asset))
        wanted = self._wanted(spec)
        form = Form(fields=(("spec", msgspec.json.encode(wanted).decode()),), files=tuple(files))
        reply = yield Call(
            method="POST",
            path="/jobs",
            headers={"idempotency-key": key} if self.settings.honours_keys else {},
            body=form if files else JsonBody(wanted),
            starts_work=True,
        )
        answer = read_json(reply)
        if reply.status == 200:
            return Accepted(_ref(answer))
        if reply.status == 409 and answer["error"]["code"].text("") == "key_used":
            return KeyUsed(None if answer["error"]["id"].missing else _ref(answer["error"]))
        return _refused(reply, answer)

    def poll(self, ref: Ref) -> Flow[PollVerdict]:
        reply = yield Call(method="GET", path=f"/jobs/{Node(ref)['id'].text()}")
        answer = read_json(reply)
        if reply.status != 200:
            return _refused(reply, answer)
        charged = None if answer["charged_usd"].missing else Charge(answer["charged_usd"].text())
        error = answer["error"]
        match answer["status"].text():
            case "queued" | "rendering":
                return Running(answer["progress"].percent())
            case "completed" if answer["files"].missing:
                return Broken(why=Why.INTERNAL, message="completed without a file", charged=charged)
            case "completed":
                return Finished(assets=tuple(map(_remote, answer["files"])), charged=charged)
            case "failed":
                why = CODES.get(error["code"].text(), Why.INTERNAL)
                billed = error["billed"].raw is True
                return Broken(why=why, message=clean(error["message"].text("")), charged=charged, free=not billed)
            case "cancelled":
                return Broken(why=Why.INTERNAL, message="the job was cancelled", free=True)
            case _:
                raise Unreadable("an unknown status")

    def cancel(self, ref: Ref, last: PollVerdict | None) -> Flow[CancelVerdict]:
        reply = yield Call(method="POST", path=f"/jobs/{Node(ref)['id'].text()}/cancel")
        answer = read_json(reply)
        if reply.status == 200:
            return Cancelled(free=True)
        if reply.status == 409:
            return TooLate()
        return _refused(reply, answer)

    def find(self, sought: Sought) -> Flow[FindVerdict]:
        """Exactly by key; a vendor that knows no keys only shows jobs that look the same."""
        if not self.settings.can_find:
            return CannotTell("this mock lists no jobs")
        found: list[Ref] = []
        query: dict[str, str] = {"since_ms": str(max(0, sought.since_ms - CLOCKS_APART_MS)), "limit": str(PAGE)}
        if self.settings.honours_keys:
            query["key"] = sought.key
        else:
            query["until_ms"] = str(sought.until_ms + CLOCKS_APART_MS)
        for _ in range(PAGES_MAX):
            answer = read_json((yield Call(method="GET", path="/jobs", query=tuple(query.items()))))
            jobs = list(answer["jobs"])
            found += [_ref(job) for job in jobs if self.settings.honours_keys or _alike(job, sought.spec)]
            if answer["has_more"].raw is not True:
                return self._found(found, complete=answer["complete"].raw is True)
            query["after"] = jobs[-1]["id"].text() if jobs else ""
        return Probably(tuple(found)) if found else CannotTell("the list is too long")

    def _found(self, found: list[Ref], *, complete: bool) -> FindVerdict:
        if found:
            return Exactly(found[0]) if self.settings.honours_keys else Probably(tuple(found))
        return NotReceived() if complete else CannotTell("the list does not go back so far")

    def download(self, ref: Ref, asset: Remote) -> Call:
        return replace(super().download(ref, asset), signed=True)

    def character(self, spec: CharacterSpec) -> Flow[CharacterVerdict]:
        name = msgspec.json.encode({"name": spec.name}).decode()
        form = Form(fields=(("spec", name),), files=(Part("video", "video.mp4", spec.video.media_type, spec.video),))
        reply = yield Call(method="POST", path="/characters", body=form, starts_work=True)
        answer = read_json(reply)
        return Accepted(_ref(answer)) if reply.status == 200 else _refused(reply, answer)

    def account(self) -> Flow[AccountVerdict]:
        reply = yield Call(method="GET", path="/account")
        answer = read_json(reply)
        if reply.status != 200:
            return _refused(reply, answer)
        return Account(balance=Charge(answer["balance_usd"].text()), models=tuple(m.text() for m in answer["models"]))

    def _wanted(self, spec: Spec) -> dict[str, Json]:
        settings = self.settings
        return {
            "model": spec.model,
            "verb": spec.verb.value,
            "prompt": spec.prompt,
            "seconds": spec.seconds,
            "width": spec.size.width,
            "height": spec.size.height,
            "seed": spec.seed,
            "negative_prompt": spec.negative_prompt,
            "characters": [Node(ref)["id"].text() for ref in spec.characters],
            "source_seconds": spec.source.seconds if spec.source else 0,
            "stills": settings.stills,
            "name": settings.name,
            "queue_s": settings.queue_s,
            "render_s": settings.render_s,
            "fate": settings.fate,
        }


def _ref(answer: Node) -> Ref:
    return {"id": answer["id"].text()}


def _remote(file: Node) -> Remote:
    try:
        kind = AssetKind(file["kind"].text())
    except ValueError as error:
        raise Unreadable("an unknown kind of file") from error
    return Remote(
        kind=kind, link=file["path"].text(), media_type=file["media_type"].text(), expires_ms=file["expires_ms"].whole()
    )


def _refused(reply: Reply, answer: Node) -> Refused:
    code = answer["error"]["code"].text("")
    return Refused(
        why=CODES.get(code, why_of_status(reply.status)),
        message=clean(answer["error"]["message"].text("")),
        retry_after_s=retry_after_s(reply),
        proof="overloaded" if code == "overloaded" else None,
    )


def _alike(job: Node, spec: Spec) -> bool:
    """Whether a listed job is what the submission asked for; the list may show only the beginning of a prompt."""
    return (
        job["model"].raw == spec.model
        and job["seconds"].raw == spec.seconds
        and Size(job["width"].whole(), job["height"].whole()) == spec.size
        and spec.prompt.startswith(job["prompt"].text(""))
    )
