"""An adapter for a vendor that exists in this tutorial only. Its contract:

POST /clips {prompt, seconds, size, ref, first?}  -> 201 {id}     `first` is a picture as a data URL, `ref` our own id
GET /clips/{id}   -> {state: waiting | drawing | done | failed, percent, file, cost, reason}
DELETE /clips/{id} -> 204, or 409 once it has ended
GET /clips?ref=…  -> {clips: [{id}]}
GET /me           -> {credits, models}
An error is {code, message}; every call carries `X-Paper-Key`.
"""

from base64 import b64encode
from urllib.parse import quote

from providers import contract as c
from providers.contract import Call, Flow, Ref, Reply, Size, Spec, Why
from providers.toolbox import Node, clean, read_json, retry_after_s, why_of_status

PRICE = c.Price(
    per_second_credit_billionths=2 * c.BILLION,
    credit_usd_billionths=c.BILLION // 100,  # a cent
    as_of="2026-11-21",
    source="docs/providers.md",
)
FOLD_1 = c.Abilities(
    seconds=(4, 8),
    sizes=(Size(1280, 720), Size(720, 1280)),
    image=True,
    audio=False,
    finds=True,
    visible_after_s=1.0,  # a clip that it received is found by `ref` by then
    cancels=True,
    prices=(PRICE,),
)
# What a code of theirs says of us, of them, and of the next route.
CODES = {
    "bad_request": Why.INVALID,
    "not_nice": Why.BLOCKED,
    "no_credits": Why.NO_CREDIT,
    "wrong_key": Why.UNAUTHORISED,
    "slow_down": Why.THROTTLED,
    "torn": Why.INTERNAL,
}


class Paper(c.Adapter[c.AdapterSettings]):
    kind = "paper"
    default_base_url = "https://api.paper.example/v1"

    def models(self) -> tuple[str, ...]:
        return ("fold-1",)

    def abilities(self, model: str) -> c.Abilities:
        return {"fold-1": FOLD_1}[model]

    def sign(self, call: Call) -> Call:
        """The one place where the credential may appear."""
        return c.replace(call, headers={**call.headers, "x-paper-key": self._api_key or ""})

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        body: dict[str, c.Json] = {
            "prompt": spec.prompt,
            "seconds": spec.seconds,
            "size": str(spec.size),
            "ref": key,
        }
        if spec.image is not None:
            body["first"] = f"data:{spec.image.media_type};base64,{b64encode(spec.image.data).decode()}"
        reply = yield Call(method="POST", path="/clips", body=c.JsonBody(body), starts_work=True)
        return c.Accepted({"id": read_json(reply)["id"].ident()}) if reply.status == 201 else _refusal(reply)

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        reply = yield Call(method="GET", path=_path(ref))
        if reply.status != 200:
            return _refusal(reply)
        clip = read_json(reply)
        match clip["state"].text():
            case "done" if not clip["file"].missing:
                charged = c.Charge(str(clip["cost"].whole()), c.Unit.CREDITS)
                return c.Finished(assets=(c.Remote(link=clip["file"].link()),), charged=charged)
            case "done":
                return c.Broken(why=Why.INTERNAL, message="done without a file")
            case "failed":
                return c.Broken(why=CODES.get(clip["reason"].text(""), Why.INTERNAL), free=True)
            case _:
                return c.Running(clip["percent"].percent())

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        reply = yield Call(method="DELETE", path=_path(ref))
        if reply.status == 204:
            return c.Cancelled(free=True)
        return c.TooLate() if reply.status == 409 else _refusal(reply)

    def find(self, sought: c.Sought) -> Flow[c.FindVerdict]:
        reply = yield Call(method="GET", path="/clips", query=(("ref", sought.key),))
        if reply.status != 200:
            return c.CannotTell()
        found = [clip["id"].ident() for clip in read_json(reply)["clips"]]
        return c.Exactly({"id": found[0]}) if found else c.NotReceived()

    def account(self) -> Flow[c.AccountVerdict]:
        reply = yield Call(method="GET", path="/me")
        if reply.status != 200:
            return _refusal(reply)
        me = read_json(reply)
        models = tuple(model.ident() for model in me["models"])
        return c.Account(balance=c.Charge(str(me["credits"].whole()), c.Unit.CREDITS), models=models)


def _path(ref: Ref) -> str:
    return "/clips/" + quote(Node(ref)["id"].ident(), safe="")


def _refusal(reply: Reply) -> c.Refused:
    """Their code says more than the status."""
    error = read_json(reply)
    why = CODES.get(error["code"].text(""), why_of_status(reply.status))
    return c.Refused(why=why, message=clean(error["message"].text("")), retry_after_s=retry_after_s(reply))
