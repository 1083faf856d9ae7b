"""The adapter: which calls a verb makes, in the dialect of the settings.

A job's ref is its id, with the model where that has a dialect of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from providers import contract as c
from providers.contract import Call, Flow, Json, NothingMade, Ref, Reply, Spec, Unreadable, Why
from providers.reseller import answers, hooks, probing
from providers.reseller.bodies import create_call, filled, pictures, upload_call
from providers.reseller.money import balance_of, number
from providers.reseller.places import first, link_in, look
from providers.reseller.presets import PRESETS
from providers.reseller.settings import Find, ResellerSettings, Wire
from providers.reseller.words import state_word
from providers.toolbox import Listed, Node, find_alike, read_json

MODELS_MAX = 2_000

NO_VIDEO: Final = "XRoute has no known video endpoint: what it answers to the first create is worth a look."


class Reseller(c.Adapter[ResellerSettings]):
    kind: ClassVar[str] = "reseller"
    Settings: ClassVar[type[c.AdapterSettings]] = ResellerSettings
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {"preset": name, "user_token": "of the account"} for name in PRESETS
    }
    nothing_made: ClassVar[Mapping[str, NothingMade]] = answers.NOTHING_MADE

    def usual_base_url(self) -> str | None:
        return self.settings.address

    def models(self) -> tuple[str, ...]:
        return tuple(self.settings.models)

    def abilities(self, model: str) -> c.Abilities:
        told = self.settings.models[model]
        wire = told.wire or self.settings
        return replace(
            told.abilities(),
            finds=wire.find is not None,
            cancels=wire.cancel is not None,
            calls_back=wire.create.callback is not None,
            calls_https_only=wire.create.callback is not None and wire.create.callback.https_only,
            failed_jobs_free=wire.failed_jobs_free,
            asset_life_s=wire.result.life_s,
            appears_after_s=wire.poll.appears_after_s,
        )

    # --- a job --------------------------------------------------------------------------------------------------

    def submit(self, spec: Spec, key: str) -> Flow[c.SubmitVerdict]:
        wire = self._wire(spec.model)
        links: dict[str, str] = {}
        for name, image in pictures(spec) if wire.create.image_as == "upload" else []:
            assert wire.create.upload is not None
            reply = yield upload_call(wire.create.upload, wire.headers, name, image)
            stored = _stored(wire, reply)
            if isinstance(stored, c.Refused):
                return stored
            links[name] = stored
        if spec.audio is None:  # described as always so: said all the same where there is a word for it
            spec = replace(spec, audio=self.abilities(spec.model).audio)
        reply = yield create_call(
            wire, spec, model=self._name(spec.model), key=key, links=links, secret=self._callback_secret()
        )
        made = answers.taken(wire, reply)
        if isinstance(made, c.Refused):
            missing = made.why is Why.NOT_FOUND and wire.errors.unknown_model_is is not None
            return replace(made, why=wire.errors.unknown_model_is) if missing else made
        return c.Accepted(self._ref(made, spec))

    def poll(self, ref: Ref) -> Flow[c.PollVerdict]:
        wire = self._of(ref)
        path = wire.poll.image_path if wire.poll.image_path is not None and ref.get("image") else wire.poll.path
        try:
            known = yield from self._looked(wire, ref, path)
        except Unreadable:
            if wire.poll.second_path is None:
                raise
            return (yield from self._looked(wire, ref, wire.poll.second_path))
        if wire.poll.second_path is None or isinstance(known, c.Broken):
            return known
        if isinstance(known, c.Finished) and (known.charged is not None or not wire.charge):
            return known
        # The first path may repeat an old body for ever, and does not say what the job took.
        try:
            other = yield from self._looked(wire, ref, wire.poll.second_path)
        except Unreadable:
            return known
        if isinstance(known, c.Finished):
            return replace(known, charged=other.charged) if isinstance(other, c.Finished) else known
        return answers.further(known, other)

    def _looked(self, wire: Wire, ref: Ref, path: str) -> Flow[c.PollVerdict]:
        """One path's word, and the call for the result where that takes one more."""
        reply = yield _get(wire, filled(path, ref))
        seen = answers.look_at(wire, reply)
        if seen.verdict is not None:
            return seen.verdict
        document = seen.document
        if wire.poll.result_path is not None:
            reply = yield _get(wire, filled(wire.poll.result_path, ref))
            result = answers.look_at(wire, reply)
            if result.verdict is not None:
                return result.verdict
            document = result.document
        done = answers.finished(wire, document)
        if done is not None:
            return done
        assert wire.result.artifacts_path is not None
        link = answers.artifact_link((yield _get(wire, filled(wire.result.artifacts_path, ref))))
        return c.Running() if link is None else c.Finished(assets=(answers.remote(wire, document, link),))

    def cancel(self, ref: Ref, last: c.PollVerdict | None) -> Flow[c.CancelVerdict]:
        """Only in the states in which the reseller allows it: elsewhere its DELETE might erase a paid clip."""
        wire = self._of(ref)
        if wire.cancel is None:
            return c.CannotCancel("this reseller cannot cancel")
        reply = yield _get(wire, filled(wire.poll.path, ref))
        seen = answers.look_at(wire, reply)
        if seen.verdict is None or isinstance(seen.verdict, c.Finished | c.Broken):
            return c.TooLate()
        if isinstance(seen.verdict, c.Refused):
            return seen.verdict
        if state_word(wire, seen.document) not in wire.cancel.states:
            return c.CannotCancel("this reseller cancels only what has not begun")
        reply = yield Call(method=wire.cancel.method, path=filled(wire.cancel.path, ref), headers=dict(wire.headers))
        return c.Cancelled() if answers.ok(wire, reply, read_json(reply)) else answers.unasked(wire, reply)

    def download(self, ref: Ref, asset: c.Remote) -> Call:
        """With the key where the link leads to the reseller itself, and with nothing else: some refuse more."""
        wire = self._of(ref)
        if asset.link is not None:
            return Call(method="GET", path=asset.link, signed=not asset.link.startswith("data:"))
        if wire.result.content_path is None:
            raise Unreadable("the finished job names no link")
        path = filled(wire.result.content_path, ref)
        return Call(method="GET", path=path, signed=wire.result.content_signed)

    # --- a lost answer ------------------------------------------------------------------------------------------

    def find(self, sought: c.Sought) -> Flow[c.FindVerdict]:
        """By our key where the reseller keeps it, else by likeness. What is not listed may still run, so an empty list
        proves nothing."""
        wire = self._wire(sought.spec.model)
        if wire.find is None:
            return c.CannotTell("this reseller lists nothing")
        jobs: list[Listed] = []
        for page in range(wire.find.pages):
            offset = str(page * wire.find.page_rows)
            query = {name: text.replace("{offset}", offset) for name, text in wire.find.query.items()}
            reply = yield replace(_get(wire, wire.find.path), query=tuple(query.items()))
            document = read_json(reply)
            if not answers.ok(wire, reply, document):
                return c.CannotTell("the list cannot be read")
            rows = look(document, wire.find.items)
            for row in rows:
                if wire.find.key_at is None:
                    jobs.extend(self._listed(wire.find, row, sought.spec))
                elif look(row, wire.find.key_at).raw == sought.key:
                    return c.Exactly(self._ref(look(row, wire.find.id_at).ident(), sought.spec))
            if not rows.raw:
                break
        wanted = {"model": frozenset({self._name(sought.spec.model)}), "prompt": frozenset({sought.spec.prompt})}
        return find_alike(jobs, {name: wanted[name] for name in wire.find.facts}, sought, proves=False)

    def _listed(self, find: Find, row: Node, spec: Spec) -> list[Listed]:
        created_s = _moment_s(look(row, find.created_at).raw) if find.created_at is not None else None
        if created_s is None:
            return []
        facts: dict[str, str] = {name: str(look(row, place).raw or "") for name, place in find.facts.items()}
        return [Listed(self._ref(look(row, find.id_at).ident(), spec), created_s, facts)]

    def confirm(self, ref: Ref, sought: c.Sought) -> Flow[c.FindVerdict]:
        """The address proves which attempt it was; the job must exist, and not be of another model or length."""
        wire = self._wire(sought.spec.model)
        own = self._ref(Node(ref)["id"].ident(), sought.spec)
        reply = yield _get(wire, filled(wire.poll.path, own))
        seen = answers.look_at(wire, reply)
        if isinstance(seen.verdict, c.Refused):
            if seen.verdict.why is Why.NOT_FOUND:
                return c.NotReceived()
            # What passes must not cost the one word that the vendor ever sends of it: it is looked at again.
            raise Unreadable("the job cannot be looked at")
        facts = ((wire.hook.model_at, self._name(sought.spec.model)), (wire.hook.seconds_at, str(sought.spec.seconds)))
        for place, wanted in facts:
            told = look(seen.document, place).raw if place is not None else None
            if told is not None and not _same(told, wanted):
                return c.NotReceived()
        return c.Exactly(own)

    def webhook(self, request: c.Inbound) -> tuple[tuple[c.Notice, ...], c.Answer]:
        return hooks.read(self.settings.hook, self._callback_secret(), request)

    # --- the account --------------------------------------------------------------------------------------------

    def account(self) -> Flow[c.AccountVerdict]:
        """What the key may use, and what is left. A balance that cannot be read is none."""
        settings, models = self.settings, tuple[str, ...]()
        if settings.models_path is not None:
            reply = yield _get(settings, settings.models_path)
            document = read_json(reply)
            if not answers.ok(settings, reply, document):
                return answers.refusal(settings, reply)
            listed = look(document, settings.models_at)
            if not isinstance(listed.raw, list):
                raise Unreadable("models that are no list")
            models = _names(listed)
        balance = settings.balance
        if balance is None:
            return c.Account(models=models)
        reply = yield _get(settings, balance.path)
        document, taken = read_json(reply), Decimal(0)
        if not answers.ok(settings, reply, document):
            return c.Account(models=models) if models else answers.refusal(settings, reply)
        if balance.minus is not None:
            used = yield _get(settings, balance.minus.path)
            amount = number(look(read_json(used), balance.minus.at).raw)
            if used.status != 200 or amount is None:
                return c.Account(models=models)
            taken = amount / balance.minus.divided_by
        return c.Account(balance=balance_of(balance, document, taken), models=models)

    def notes(self, base_url: str) -> tuple[str, ...]:
        return (NO_VIDEO,) if "xroute." in base_url.lower() else ()

    def probe(self, base_url: str) -> Flow[c.ProbeVerdict]:
        return probing.probe(base_url)

    def sign(self, call: Call) -> Call:
        """The key as this reseller wants it; a balance may want another credential, or the key in its query."""
        auth, balance = self.settings.auth, self.settings.balance
        if balance is not None and call.path == balance.path and balance.credential != "key":
            return self._signed_otherwise(call)
        if self._api_key is None:
            return call
        return c.replace(call, headers={**call.headers, auth.header: f"{auth.scheme} {self._api_key}".strip()})

    def _signed_otherwise(self, call: Call) -> Call:
        token, balance = self.settings.user_token, self.settings.balance
        if balance is not None and balance.credential == "query":
            return c.replace(call, query=(*call.query, ("key", self._api_key or "")))
        own = {"authorization": token.get_secret_value()} if token is not None else {}
        user = {"new-api-user": self.settings.user_id} if self.settings.user_id is not None else {}
        return c.replace(call, headers={**call.headers, **own, **user})

    # --- which dialect ------------------------------------------------------------------------------------------

    def _wire(self, model: str) -> Wire:
        told = self.settings.models.get(model)
        return self.settings if told is None or told.wire is None else told.wire

    def _callback_secret(self) -> str | None:
        secret = self.settings.callback_secret
        return secret.get_secret_value() if secret is not None else None

    def _of(self, ref: Ref) -> Wire:
        model = ref.get("model")
        if not isinstance(model, str):
            return self.settings
        if model not in self.settings.models:
            raise Unreadable("the configuration no longer says how this job's model is spoken of")
        return self._wire(model)

    def _name(self, model: str) -> str:
        told = self.settings.models.get(model)
        return model if told is None or told.name is None else told.name

    def _ref(self, ident: str, spec: Spec) -> Ref:
        wire = self._wire(spec.model)
        own: Ref = {"model": spec.model} if wire is not self.settings else {}
        pictured = spec.image is not None or spec.last_image is not None
        return {"id": ident, **own, **({"image": True} if wire.poll.image_path is not None and pictured else {})}


def _get(wire: Wire, path: str) -> Call:
    return Call(method="GET", path=path, headers=dict(wire.headers))


def _stored(wire: Wire, reply: Reply) -> str | c.Refused:
    """Where an uploaded image stands."""
    assert wire.create.upload is not None
    document = read_json(reply)
    if not answers.ok(wire, reply, document):
        return answers.refusal(wire, reply)
    link = link_in(first(document, wire.create.upload.link_paths))
    if link is None:
        raise Unreadable("an upload without its link")
    return link


def _names(listed: Node) -> tuple[str, ...]:
    rows = listed.raw[:MODELS_MAX] if isinstance(listed.raw, list) else []
    found = (row if isinstance(row, str) else Node(row)["id"].raw for row in rows)
    return tuple(name for name in found if isinstance(name, str) and name)


def _same(told: Json, wanted: str) -> bool:
    """8, 8.0 and "8" are one length."""
    length = number(told) if wanted.isdigit() else None
    return str(told) == wanted if length is None else length == Decimal(wanted)


def _moment_s(value: Json) -> int | None:
    """Seconds, milliseconds or RFC 3339, as Unix seconds."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            return int(datetime.fromisoformat(value).timestamp())
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**14:
        return None
    return int(value / 1000 if value > 10**11 else value)
