"""Kling's API in both of its standards, over one account: a model whose version stands in the path speaks the new one,
a `model_name` (`kling-v…`) the old one.

Both know our id of an attempt (`external_task_id`), so a lost answer is found again; neither can cancel. What Kling's
pages leave open is marked unverified at its line; no line here was tried against a live account.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final
from urllib.parse import quote

from msgspec.structs import replace
from pydantic import Field, SecretStr, field_validator

from providers import contract as c
from providers.contract import Call, Flow, Json, Ref, Reply, Spec, Unreadable, Why
from providers.described import ModelSettings, unsaid
from providers.kling.asking import order, unfit
from providers.kling.models import COMMON, MODELS, NO_SWITCH, OMNI, VISIBLE_AFTER_S, is_old, kinds_of, with_images
from providers.kling.reading import (
    USED_ID,
    Task,
    amount_of,
    charge_of,
    ident_of,
    refusal_of,
    task_of,
    tasks_of,
    verdict_of,
)
from providers.kling.token import token_of
from providers.toolbox import Node, is_signed, read_json

SECRET: Final = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
LATER: Final = (Why.THROTTLED, Why.OVERLOADED, Why.INTERNAL, Why.UNREADABLE)
NEW_WORDS: Final = ("image", "last_image", "audio")
OLD_WORDS: Final = (*NEW_WORDS, "negative_prompt")
ALWAYS_MS: Final = (1_577_836_800_000, 4_102_444_800_000)  # packs of any time: 2020 to 2100


class KlingSettings(c.AdapterSettings):
    """One account of one of Kling's sites: a key of the world's says nothing to China's."""

    access_key: SecretStr | None = Field(
        None,
        description="The access key of an account without an API key; `api_key` is then the secret key. It opens the "
        "old standard alone.",
    )
    webhook_secret: SecretStr | None = Field(
        None, description="The console's webhook secret, `whsec_…`. Without one, callbacks only make Telecine look."
    )
    nameless: tuple[str, ...] = Field(
        ("kling-4.0", "kling-4.0-flash"),
        description="Models that take neither an id of ours nor a callback; a lost answer of theirs stays in doubt.",
    )
    models: Mapping[str, ModelSettings] = Field(
        default_factory=dict, description="Further models, or other words on known ones; priced at the route."
    )

    @field_validator("models")
    @classmethod
    def _can_be_said(cls, models: Mapping[str, ModelSettings]) -> Mapping[str, ModelSettings]:
        for name, model in models.items():
            if lack := unsaid(model, *((OLD_WORDS, None) if is_old(name) else (NEW_WORDS, OMNI.extras))):
                raise ValueError(f"{name}: {lack}")
            if name in NO_SWITCH and model.audio is not MODELS[name].audio:
                always = str(MODELS[name].audio).lower()
                raise ValueError(f"{name}: this model knows no switch for sound; write audio: {always}")
        return models

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        """A secret that fits no signature would turn every callback away."""
        if secret is not None and not SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError("a webhook secret is `whsec_` and base64, as the console shows it")
        return secret


class Kling(c.Adapter[KlingSettings]):
    kind: ClassVar[str] = "kling"
    Settings: ClassVar[type[c.AdapterSettings]] = KlingSettings
    default_base_url: ClassVar[str | None] = "https://api-singapore.klingai.com"

    def models(self) -> tuple[str, ...]:
        every = tuple({**MODELS, **self.settings.models})
        return every if self.settings.access_key is None else tuple(filter(is_old, every))

    def abilities(self, model: str) -> c.Abilities:
        if model not in self.models():
            raise KeyError(model)
        return self._able(model)

    def _able(self, model: str) -> c.Abilities:
        """Also of a model that this credential does not open: that is the vendor's to say."""
        own = self.settings.models.get(model)
        named = model not in self.settings.nameless
        return replace(
            with_images(own.abilities() if own else MODELS[model], model),
            finds=named,
            visible_after_s=VISIBLE_AFTER_S if named else None,
            calls_back=named,
            **COMMON,
        )

    def sign_at(self, call: Call, now_ms: int) -> Call:
        access_key = self.settings.access_key
        if access_key is None or self._api_key is None:
            return self.sign(call)
        token = token_of(access_key.get_secret_value(), self._api_key, now_ms)
        return c.replace(call, headers={**call.headers, "authorization": f"Bearer {token}"})

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        if lack := unfit(spec):
            return c.Refused(why=Why.INVALID, message=lack)
        named = spec.model not in self.settings.nameless
        names: dict[str, Json] = {"external_task_id": key} if named else {}
        if named and spec.callback_url is not None:
            names["callback_url"] = spec.callback_url
        wanted = order(spec, self._able(spec.model), names)
        reply = yield Call(method="POST", path=wanted.path, body=c.JsonBody(wanted.body), starts_work=True)
        document = read_json(reply)
        refused = refusal_of(reply, document)
        if refused is None:
            return c.Accepted(_ref(ident_of(document["data"]), wanted.kind))
        if named and document["code"].raw == USED_ID:
            found = yield from _search(spec.model, "external_task_ids", key, key)
            if isinstance(found, c.Exactly):
                return c.KeyUsed(found.ref)
        return replace(refused, why=Why.INVALID) if refused.why is Why.NOT_FOUND else refused

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        ident, kind = Node(ref)["id"].ident(), Node(ref)["kind"]
        reply = yield _look(None if kind.missing else kind.text(), "task_ids", ident)
        document = read_json(reply)
        refused = refusal_of(reply, document)
        if refused is not None:
            # A task that goes wrong says so in a 200: here a 4xx speaks of the question.
            return replace(refused, why=Why.INTERNAL) if refused.why in (Why.INVALID, Why.BLOCKED) else refused
        tasks = tasks_of(document["data"])
        if not tasks:
            return c.Refused(why=Why.NOT_FOUND, message="the vendor knows no such task")
        if task := next((one for one in tasks if one.ident == ident), None):
            return verdict_of(task)
        raise Unreadable("other tasks than the one that was asked for")

    def find(self, sought: c.Sought) -> Flow[c.FindVerdict]:
        if sought.spec.model in self.settings.nameless:
            return c.CannotTell("this model takes no id of ours")
        return (yield from _search(sought.spec.model, "external_task_ids", sought.key, sought.key))

    def confirm(self, ref: Ref, sought: c.Sought) -> Flow[c.FindVerdict]:
        """Our id says more than model and seconds. The old standard's callbacks do not name the kind of their task."""
        return (yield from _search(sought.spec.model, "task_ids", Node(ref)["id"].ident(), sought.key))

    def webhook(self, request: c.Inbound) -> tuple[tuple[c.Notice, ...], c.Answer]:
        """The task, as a look would show it, at every change of its state."""
        secret = self.settings.webhook_secret
        if secret is not None and not is_signed(secret.get_secret_value(), request):
            return (), c.Answer(status=401)
        task = task_of(read_json(Reply(200, {}, request.body)))
        verdict = _told(task) if secret is not None else None
        return (c.Notice(ref={"id": task.ident}, verified=secret is not None, verdict=verdict),), c.Answer()

    def account(self) -> Flow[c.AccountVerdict]:
        """What the packs have left, which lags by half a day. An account that pays as it goes has none."""
        start, end = map(str, ALWAYS_MS)
        reply = yield Call(method="GET", path="/account/costs", query=(("start_time", start), ("end_time", end)))
        document = read_json(reply)
        if refused := refusal_of(reply, document):
            return refused
        packs = document["data"]["resource_pack_subscribe_infos"]
        left = [amount_of(one["remaining_quantity"].raw) for one in packs if one["status"].raw == "online"]
        return c.Account(balance=charge_of(left), models=self.models())


def _told(task: Task) -> c.PollVerdict | None:
    """None for a state that nobody knows: that a job is worth a look, a callback says all the same."""
    try:
        return verdict_of(task)
    except Unreadable:
        return None


def _ref(ident: str, kind: str | None) -> Ref:
    return {"id": ident} if kind is None else {"id": ident, "kind": kind}


def _look(kind: str | None, by: str, ident: str) -> Call:
    """`by`: what `ident` is, which the old standard sees by itself."""
    if kind is None:
        return Call(method="GET", path="/tasks", query=((by, ident),))
    return Call(method="GET", path=f"/v1/videos/{quote(kind, safe='')}/{quote(ident, safe='')}")


def _search(model: str, by: str, ident: str, key: str) -> Flow[c.FindVerdict]:
    """The task that carries our id, wherever the model has tasks. Unreadable where another time may tell."""
    for kind in kinds_of(model):
        reply = yield _look(kind, by, ident)
        document = read_json(reply)
        refused = refusal_of(reply, document)
        if refused is not None and refused.why in LATER:
            raise Unreadable("the vendor would not look")
        if refused is not None and refused.why is not Why.NOT_FOUND:
            return c.CannotTell("the vendor would not look")
        tasks = [] if refused is not None else tasks_of(document["data"])
        for task in tasks:
            if task.our_id == key:
                return c.Exactly(_ref(task.ident, kind))
        if tasks:
            return c.CannotTell("the vendor showed other tasks")
    return c.NotReceived()
