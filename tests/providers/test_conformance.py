"""What every adapter must hold to, whatever its vendor says. Adapters are found, not listed: a new one adds no line.

What a vendor says is random, or a recorded reply torn in one place (`dialogs/<kind>`); what is asked is made from the
adapter's own declared abilities, under each of the settings in `dialogs/<kind>/_settings.json`.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.price_lists import faults
from providers.contract import (
    IMAGE_BYTES_MAX,
    IMAGE_TYPES,
    Abilities,
    Accepted,
    AccountVerdict,
    Adapter,
    Answer,
    Call,
    CancelVerdict,
    CharacterVerdict,
    FindVerdict,
    Finished,
    Form,
    Inbound,
    JsonBody,
    LoadVerdict,
    PollVerdict,
    Ref,
    Reply,
    SubmitVerdict,
    Unreadable,
    Verb,
)
from tests.support.dialogs import RECEIVED_MS, Dialog, adapter_class, build, dialogs, kinds, reply_of, settings_of
from tests.support.every_vendor import ROWS
from tests.support.flows import Walk, begin, walk
from tests.support.hostile import conversations, replies
from tests.support.samples import assets, questions, specs

SECRET = "sk-canary-0f1e2d3c4b5a"
VERDICTS: dict[str, tuple[type, ...]] = {
    "submit": get_args(SubmitVerdict),
    "poll": get_args(PollVerdict),
    "cancel": get_args(CancelVerdict),
    "find": get_args(FindVerdict),
    "character": get_args(CharacterVerdict),
    "account": get_args(AccountVerdict),
    "load": get_args(LoadVerdict),
}
STARTING = frozenset({"submit", "character"})
REF_BYTES_MAX = 4_096
MESSAGE_CHARS_MAX = 500
CASES = [(kind, name, chosen) for kind in kinds() for name, chosen in settings_of(kind).items()]
every_kind = pytest.mark.parametrize("kind", kinds())
every_setting = pytest.mark.parametrize(
    ("kind", "chosen"),
    [(kind, chosen) for kind, _, chosen in CASES],
    ids=[f"{kind}: {name}" for kind, name, _ in CASES],
)


def fuzz(adapter: Adapter[Any], chosen: dict[str, Any], verb: str) -> settings:
    """Hard for an adapter's own code, less so under each further setting of the same code, hardly where the contract's
    own answer stands."""
    kind = type(adapter).kind
    own = getattr(type(adapter), verb) is not getattr(Adapter, verb)
    first = chosen == next(iter(settings_of(kind).values()))
    return settings(
        max_examples=(100 if first else 30) if own else 3,
        derandomize=True, database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def read(adapter: Adapter[Any], verb: str, asked: dict[str, Any], answers: list[Reply]) -> Walk:
    """A whole flow; the vendor gives the answers in turn and stays with the last."""
    left = iter(answers)
    return walk(begin(adapter, verb, asked), lambda _: next(left, answers[-1]))


# --- what it declares --------------------------------------------------------------------------------------------


@every_kind
def test_an_adapter_is_named_like_its_module(kind: str) -> None:
    """The configuration's `kind` leads to the file."""
    assert adapter_class(kind).kind.replace("-", "_") == kind


@every_kind
def test_an_adapter_has_recorded_dialogs(kind: str) -> None:
    """An accepted submission, a finished and a broken job, and a refusal at least."""
    seen = {(dialog.verb, name) for dialog in dialogs(kind) for name in dialog.verdict}
    assert {("submit", "Accepted"), ("submit", "Finished")} & seen, "no accepted submission is recorded"
    assert {("submit", "Refused"), ("poll", "Finished"), ("poll", "Broken")} <= seen


@every_kind
def test_an_adapter_has_a_row_in_the_table_of_vendors(kind: str) -> None:
    """With its simulated vendor, so that one line of a client's code is shown to make a clip there."""
    assert kind in {row.adapter.replace("-", "_") for row in ROWS.values()}


@every_kind
def test_settings_refuse_what_they_do_not_know(kind: str) -> None:
    """A misspelt setting is an error, not a default."""
    for chosen in settings_of(kind).values():
        with pytest.raises(ValidationError):
            adapter_class(kind).Settings.model_validate({**chosen, "no_such_setting": 1})


@every_setting
def test_abilities_are_complete(kind: str, chosen: dict[str, Any]) -> None:
    """Every declared model says what it can do, and nothing that contradicts itself."""
    adapter = build(kind, chosen)
    models = adapter.models()
    assert len(set(models)) == len(models)
    for model in models:
        able = adapter.abilities(model)
        assert able.seconds and all(seconds > 0 for seconds in able.seconds)
        assert able.sizes and all(size.width > 0 and size.height > 0 for size in able.sizes)
        assert Verb.CREATE in able.verbs and len(set(able.verbs)) == len(able.verbs)
        assert (Verb.EXTEND in able.verbs) == (able.extend_total_seconds_max > 0)
        assert able.image or not able.needs_image
        assert able.last_image_alone or able.image or not able.last_image
        assert able.last_image or not able.last_image_alone
        assert able.image_types and set(able.image_types) <= set(IMAGE_TYPES)
        assert 0 < able.image_bytes_max <= IMAGE_BYTES_MAX
        for size in able.sizes if able.image or able.last_image else ():  # an image is as large as its clip
            short, long = sorted((size.width, size.height))
            assert short >= able.image_side_min and long <= (able.image_shape_max or long) * short
        assert able.resend_safe_s is None or able.resend_safe_s > 0
        assert able.visible_after_s is None or (able.finds and able.visible_after_s >= 0)
        assert able.asset_life_s > 0
        assert msgspec.json.decode(msgspec.json.encode(able), type=Abilities) == able
    with pytest.raises(KeyError):
        adapter.abilities("no-such-model")


@every_setting
def test_prices_are_dated_and_sourced(kind: str, chosen: dict[str, Any]) -> None:
    """A list price without its day and its source is a rumour; a list that exists covers every size and
    length."""
    adapter = build(kind, chosen)
    for model in adapter.models():
        able = adapter.abilities(model)
        for price in able.prices:
            assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", price.as_of) and date.fromisoformat(price.as_of)
            assert price.valid_from is None or date.fromisoformat(price.valid_from).isoformat() == price.valid_from
            assert price.source.strip()
            assert price.per_second_micros >= 0 and price.per_clip_micros >= 0
            in_credits = (price.per_second_credit_billionths, price.per_clip_credit_billionths)
            assert min(in_credits) >= 0 and (price.credit_usd_billionths or not any(in_credits))
        assert list(faults(able.prices, able)) == []
        uncovered = [
            (size, seconds)
            for size, seconds in product(able.sizes, able.seconds)
            if not any(
                (not one.sizes or size in one.sizes) and (not one.seconds or seconds in one.seconds)
                for one in able.prices
            )
        ]
        assert not able.prices or not uncovered


@every_kind
def test_exceptions_to_doubt_name_their_source(kind: str) -> None:
    """What an adapter calls proof that nothing was made is a line of a contract, and never a 2xx of silence."""
    for proof in adapter_class(kind).nothing_made.values():
        assert proof.source.strip() and 100 <= proof.status <= 599


@every_kind
def test_the_default_address_is_one(kind: str) -> None:
    """Paths are appended to it; `sandbox:` is the house's own word for a socket of its making."""
    address = adapter_class(kind).default_base_url
    assert address in (None, "sandbox:") or re.fullmatch(r"https?://[^/@]+(/[^?#]*[^/?#])?", address or "")


# --- what it says ------------------------------------------------------------------------------------------------


def check_call(adapter: Adapter[Any], call: Call) -> None:
    assert SECRET not in repr(call), "the secret is the signature's alone"
    assert call.method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
    assert call.path.startswith(("/", "https://", "http://")) and call.path.isprintable() and " " not in call.path
    assert all(value.isprintable() for _, value in call.headers.items())
    if isinstance(call.body, JsonBody):
        msgspec.json.encode(call.body.value)
    if isinstance(call.body, Form):
        assert all(isinstance(text, str) for field in call.body.fields for text in field)
    signed = adapter.sign_at(call, RECEIVED_MS)
    assert (signed.method, signed.starts_work, signed.signed) == (call.method, call.starts_work, call.signed)
    assert adapter.sign_at(call, RECEIVED_MS) == signed


def check_ref(ref: Ref) -> None:
    encoded = msgspec.json.encode(ref)
    assert isinstance(ref, dict) and ref and len(encoded) <= REF_BYTES_MAX
    assert msgspec.json.decode(encoded) == ref, "a ref survives the store"


def check_charge(amount: str) -> None:
    try:
        assert Decimal(amount).is_finite() and Decimal(amount) >= 0
    except InvalidOperation as error:
        raise AssertionError(f"{amount!r} is no amount") from error


def check_verdict(adapter: Adapter[Any], verdict: Any, ref: Ref | None) -> None:
    """What the store keeps of it can be kept, and leads to the file."""
    kept = msgspec.json.encode(verdict)
    assert msgspec.json.decode(kept, type=type(verdict)) == verdict, "a verdict survives the store"
    assert SECRET.encode() not in kept and SECRET not in repr(verdict)
    assert len(getattr(verdict, "message", "")) <= MESSAGE_CHARS_MAX
    if charged := getattr(verdict, "charged", None) or getattr(verdict, "balance", None):
        check_charge(charged.amount)
    wait_s = getattr(verdict, "retry_after_s", None)
    assert wait_s is None or 0 <= wait_s < float("inf")
    proof = getattr(verdict, "proof", None)
    assert proof is None or proof in adapter.nothing_made
    refs = (*getattr(verdict, "refs", ()), *(one for one in (getattr(verdict, "ref", None),) if one is not None))
    for one in refs:
        check_ref(one)
    if isinstance(verdict, Finished):
        assert verdict.assets
        for asset in verdict.assets:
            check_download(adapter, refs[0] if refs else ref or {}, asset)


def check_download(adapter: Adapter[Any], ref: Ref, asset: Any) -> None:
    try:
        call = adapter.download(ref, asset)
    except Unreadable:
        return
    assert not call.starts_work, "fetching a file charges nothing"
    check_call(adapter, call)


@every_setting
@pytest.mark.parametrize("verb", VERDICTS)
def test_any_reply_ends_in_a_verdict(kind: str, chosen: dict[str, Any], verb: str) -> None:
    """Whatever comes back, in a bounded number of calls, is a verdict of the closed list or Unreadable: no other error,
    no second paid call, no secret, nothing that the store could not keep."""
    adapter = build(kind, chosen, SECRET)
    recorded = dialogs(kind)
    asked = questions(adapter, recorded)[verb]

    @fuzz(adapter, chosen, verb)
    @given(st.sampled_from(asked), conversations(recorded, verb))
    def holds(arguments: dict[str, Any], answers: list[Reply]) -> None:
        walked = read(adapter, verb, arguments, answers)
        for call in walked.calls:
            check_call(adapter, call)
        assert sum(call.starts_work for call in walked.calls) <= (1 if verb in STARTING else 0)
        if not isinstance(walked.end, Unreadable):
            assert isinstance(walked.end, VERDICTS[verb]), f"{verb} cannot end with {walked.end!r}"
            check_verdict(adapter, walked.end, arguments.get("ref"))

    holds()


@every_setting
def test_an_accepted_submission_started_work_once(kind: str, chosen: dict[str, Any]) -> None:
    """The driver fences the one call that can charge: whatever was accepted went through exactly one."""
    adapter = build(kind, chosen, SECRET)
    recorded = dialogs(kind)
    good = [reply for dialog in recorded if _accepted(dialog.verdict) for reply in _answers(dialog)]
    accepted = 0
    for arguments in questions(adapter, recorded)["submit"]:
        for reply in good:
            walked = read(adapter, "submit", arguments, [reply])
            if isinstance(walked.end, Accepted | Finished):
                accepted += 1
                assert sum(call.starts_work for call in walked.calls) == 1
    assert accepted, "no recorded reply makes a sample request succeed"


@every_setting
def test_equal_questions_are_equal_calls(kind: str, chosen: dict[str, Any]) -> None:
    """The same (spec, key) makes the same bytes, in another process too: a resend is the first request again."""
    recorded = dialogs(kind)
    first, second = build(kind, chosen, SECRET), build(kind, chosen, SECRET)
    for verb, asked in questions(first, recorded).items():
        for arguments in asked:
            answers = [Reply(200, {}, b"{}")]
            walks = [read(adapter, verb, arguments, answers) for adapter in (first, second, first)]
            assert walks[0].calls == walks[1].calls == walks[2].calls
            assert [msgspec.to_builtins(call) for call in walks[0].calls] == [
                msgspec.to_builtins(call) for call in walks[1].calls
            ], "the order of fields is part of the bytes"


@every_setting
def test_the_secret_is_in_signatures_only(kind: str, chosen: dict[str, Any]) -> None:
    """Not in what is logged by accident: the adapter, its settings. And an account without a secret works."""
    adapter = build(kind, chosen, SECRET)
    assert SECRET not in repr(adapter) and SECRET not in repr(adapter.settings)
    bare = build(kind, chosen, None)
    call = Call(method="GET", path="/anything")
    assert SECRET not in repr(bare.sign_at(call, RECEIVED_MS))


@every_setting
def test_every_declared_verb_can_be_asked(kind: str, chosen: dict[str, Any]) -> None:
    """What abilities promise is not refused without a call."""
    adapter = build(kind, chosen, SECRET)
    for spec in specs(adapter, dialogs(kind)):
        walked = read(adapter, "submit", {"spec": spec, "key": "k"}, [Reply(500, {}, b"")])
        assert walked.calls, f"{spec.verb} of {spec.model} asks nothing"


@every_setting
def test_a_finished_file_can_be_asked_for(kind: str, chosen: dict[str, Any]) -> None:
    """Whatever link the vendor gave, or none: a call that charges nothing, or Unreadable."""
    adapter = build(kind, chosen, SECRET)
    for dialog in dialogs(kind):
        if dialog.verb == "poll":
            for asset in assets():
                check_download(adapter, dialog.ask["poll"]["ref"], asset)


@every_setting
def test_an_unsigned_callback_is_never_verified(kind: str, chosen: dict[str, Any]) -> None:
    """Anybody can post to a callback's address: what carries no signature only makes the video due."""
    adapter = build(kind, chosen, SECRET)
    recorded = dialogs(kind)

    @fuzz(adapter, chosen, "webhook")
    @given(replies(recorded), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2))
    def holds(posted: Reply, query: dict[str, str]) -> None:
        request = Inbound(
            path="/callbacks/1",
            query=tuple(query.items()),
            headers=posted.headers,
            body=posted.body,
            received_ms=posted.received_ms,
        )
        try:
            notices, answer = adapter.webhook(request)
        except Unreadable:
            return
        assert isinstance(answer, Answer) and 200 <= answer.status <= 599
        assert not any(notice.verified for notice in notices)

    holds()


def _accepted(verdict: dict[str, Any]) -> bool:
    return bool({"Accepted", "Finished"} & set(verdict))


def _answers(dialog: Dialog) -> list[Reply]:
    return [reply_of(turn.reply) for turn in dialog.talk] if dialog.verb == "submit" else []
