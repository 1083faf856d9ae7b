"""The kling adapter, the driver and a strict vendor over a real wire, in the new standard: both were written from the
contract's page, so agreement here means that both read it alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from gateway.domain.verdicts import InDoubt, NoAnswer
from gateway.upstream.download import LinkStale
from providers.contract import (
    Accepted,
    Account,
    Broken,
    CannotCancel,
    CannotTell,
    Charge,
    Exactly,
    Finished,
    Image,
    KeyUsed,
    NotReceived,
    Refused,
    Size,
    Spec,
    Unit,
    Why,
)
from tests.support.kling_contract import OFFERS, STATUS
from tests.support.kling_talk import HD, Pair, adapter, both, create, picture
from tests.support.openai_talk import talking
from tests.support.vendor_faults import Fault, Point


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with both(tmp_path) as made:
        yield made


async def test_a_clip_is_made_and_fetched(pair: Pair) -> None:
    """Create, look, fetch: one render, the MP4, and what it took of the pack."""
    v, t = pair
    ref = await t.accepted(create())
    ended = await t.ended(ref)
    assert isinstance(ended, Finished) and ended.charged == Charge("2.7", Unit.CREDITS)
    outcome, clip = await t.download(ref, ended.assets[0])
    assert clip[4:8] == b"ftyp", outcome
    assert v.counts["renders"] == v.counts["downloads"] == 1 and v.counts["refused"] == 0


@pytest.mark.parametrize("model", OFFERS)
async def test_the_strict_vendor_takes_whatever_is_declared(tmp_path: Path, model: str) -> None:
    """Each length and size of a model, from words, from an image, between two, with every field of its own."""
    async with both(tmp_path, places=10**6, units=1e9) as (v, t):
        able = t.adapter.abilities(model)
        extents = [(one, able.sizes[0]) for one in able.seconds] + [(able.seconds[-1], s) for s in able.sizes]
        for number, (seconds, size) in enumerate(extents):
            plain = create(
                model=model, seconds=seconds, size=size, callback_url=v.base_url if able.calls_back else None
            )
            framed = msgspec.structs.replace(plain, image=picture(size))
            wishes = [plain, framed, *([replaced(framed, last_image=picture(size))] if able.last_image else [])]
            for other, one in enumerate(wishes):
                outcome = await t.submit(one, f"key-{number}-{other}")
                assert isinstance(outcome, Accepted), outcome
        assert v.counts["refused"] == 0


def replaced(spec: Spec, **changes: Any) -> Spec:
    return msgspec.structs.replace(spec, **changes)


OWN_FIELDS: dict[str, Any] = {
    "multi_shot": False,
    "elements": [{"element_id": 7, "id": "cat"}],
    "refer_images": [{"url": "https://cdn.example/kite.png", "id": "image_1"}],
    "watermark_info": {"enabled": True},
}


@pytest.mark.parametrize("model", OFFERS)
async def test_the_vendors_own_fields_are_taken_where_they_are_declared(pair: Pair, model: str) -> None:
    """All that a model declares, at once."""
    v, t = pair
    extras = {name: OWN_FIELDS[name] for name in t.adapter.abilities(model).extras}
    assert isinstance(await t.submit(create(model=model, seconds=5, extras=extras)), Accepted)
    assert v.counts["refused"] == 0


@pytest.mark.parametrize(
    ("size", "audio"), [(HD, True), (HD, False), (Size(1920, 1080), True), (Size(1080, 1920), False)]
)
async def test_prices_are_what_the_vendor_takes(tmp_path: Path, size: Size, audio: bool) -> None:
    """In units and in dollars; what it takes otherwise is not a number of ours."""
    for bill, unit in (("unit", Unit.CREDITS), ("usd", Unit.USD)):
        async with both(tmp_path, bill=bill) as (_, t):
            (line,) = [
                one for one in t.adapter.abilities("kling-3.0").prices if size in one.sizes and one.audio is audio
            ]
            ended = await t.ended(await t.accepted(create(size=size, audio=audio)))
            units = Decimal(line.per_second_credit_billionths * 3) / 10**9
            worth = units if unit is Unit.CREDITS else units * Decimal("0.14")
            assert ended.charged.unit is unit and Decimal(ended.charged.amount) == worth
    for bill in ("cny", "mixed", "none"):
        async with both(tmp_path, bill=bill) as (_, t):
            ended = await t.ended(await t.accepted(create(size=size, audio=audio)))
            assert isinstance(ended, Finished) and ended.charged is None


async def test_a_picture_begins_and_another_ends_the_clip(pair: Pair) -> None:
    """As bare base64; the clip has their shape."""
    v, t = pair
    first, last = picture(Size(720, 1280)), picture(Size(720, 1282))
    ref = await t.accepted(create(image=first, last_image=last, size=Size(720, 1280)))
    (task,) = v.tasks.values()
    assert [one["type"] for one in task.order.body["contents"]] == ["prompt", "first_frame", "last_frame"]
    ended = await t.ended(ref)
    assert (await t.download(ref, ended.assets[0]))[1][4:8] == b"ftyp"
    assert (task.order.kind, task.order.shape) == ("image-to-video", "9:16")


async def test_what_the_vendor_cannot_take_is_refused_here(pair: Pair) -> None:
    """Before anything is sent."""
    v, t = pair
    webp = Image(b"RIFF", "image/webp", 1280, 720)
    for spec in (create(image=webp), create(last_image=picture()), create(image=picture(), last_image=webp)):
        outcome = await t.submit(spec)
        assert isinstance(outcome, Refused) and outcome.why is Why.INVALID
    assert v.counts["create"] == 0


# --- refusals ----------------------------------------------------------------------------------------------------


def said(code: int, **more: Any) -> Fault:
    return Fault(on="create", do="refuse", status=STATUS[code], code=str(code), **more)


@pytest.mark.parametrize(
    ("code", "why"),
    [(1002, Why.UNAUTHORISED), (1101, Why.NO_CREDIT), (1102, Why.NO_CREDIT), (1103, Why.UNAUTHORISED),
     (1201, Why.INVALID), (1203, Why.INVALID), (1301, Why.BLOCKED), (1302, Why.THROTTLED), (1303, Why.THROTTLED),
     (1304, Why.UNAUTHORISED)],
)  # fmt: skip
async def test_a_refusal_is_of_its_code_and_made_nothing(pair: Pair, code: int, why: Why) -> None:
    """Six of them are a 429, of which two are throttling."""
    v, t = pair
    v.program(said(code))
    refused = await t.submit(create())
    assert isinstance(refused, Refused) and refused.why is why and v.counts["renders"] == 0


async def test_the_vendor_refuses_by_itself(tmp_path: Path) -> None:
    """No place, a long prompt, an empty pack, a wrong key, a model that it has not: in its own words."""
    async with both(tmp_path, places=1, units=5.0, run_s=30) as (v, t):
        await t.accepted(create(), "a")
        full = await t.submit(create(), "b")
        v.options = msgspec.structs.replace(v.options, places=5)
        poor = await t.submit(create(), "b")
        long = await t.submit(create(prompt="x" * 4_000), "b")
        async with talking(adapter("key_other"), v.base_url) as stranger:
            wrong = await stranger.submit(create())
        further = {"kling-9": {"seconds": [3], "sizes": ["1280x720"]}}
        async with talking(adapter(v.api_key, models=further), v.base_url) as hopeful:
            unknown = await hopeful.submit(create(model="kling-9"))
    expected = [Why.THROTTLED, Why.NO_CREDIT, Why.INVALID, Why.UNAUTHORISED, Why.INVALID]
    assert [full.why, poor.why, long.why, wrong.why, unknown.why] == expected and v.counts["renders"] == 1


# --- doubt -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "renders"),
    [
        (said(5000), 0),
        (said(5001), 0),
        (said(5002, at=Point.AFTER_MAKING), 1),
        (Fault(on="create", do="html", status=403), 0),
        (Fault(on="create", do="close", at=Point.AFTER_MAKING, reset=True), 1),
        (Fault(on="create", do="half"), 1),
        (Fault(on="create", do="empty", at=Point.AFTER_MAKING), 1),
    ],
    ids=lambda value: f"{value.do}-{value.point}-{value.code}" if isinstance(value, Fault) else str(value),
)
async def test_what_proves_nothing_is_found_out_by_our_id(pair: Pair, fault: Fault, renders: int) -> None:
    """In doubt; then the task itself, or the vendor's word that there is none."""
    v, t = pair
    v.program(fault)
    assert isinstance(await t.submit(create()), InDoubt)
    found = await t.find(create(), since_ms=0)
    assert v.counts["renders"] == renders
    if renders:
        assert isinstance(found, Exactly) and isinstance(await t.ended(found.ref), Finished)
    else:
        assert isinstance(found, NotReceived)


@pytest.mark.parametrize("single", ["list", "object"])
@pytest.mark.parametrize("unknown", ["empty", "missing"])
async def test_a_task_is_found_however_the_vendor_shows_it(tmp_path: Path, single: str, unknown: str) -> None:
    """Both forms that integrators saw, of one task and of none."""
    async with both(tmp_path, single=single, unknown=unknown) as (_v, t):
        assert isinstance(await t.find(create(), since_ms=0), NotReceived)
        ref = await t.accepted(create())
        assert await t.find(create(), since_ms=0) == Exactly(ref)
        assert isinstance(await t.ended(ref), Finished)
        gone = await t.poll({"id": "900000000000009999"})
        assert isinstance(gone, Refused) and gone.why is Why.NOT_FOUND


async def test_an_own_id_that_was_used_leads_to_the_first_task(pair: Pair) -> None:
    """The vendor calls it a bad parameter; it is none."""
    v, t = pair
    ref = await t.accepted(create())
    assert await t.submit(create()) == KeyUsed(ref)
    assert v.counts["renders"] == 1


async def test_a_model_that_takes_no_id_stays_in_doubt(pair: Pair) -> None:
    """Nothing of ours is sent to it, or it would refuse; nothing is asked of it."""
    v, t = pair
    spec = create(model="kling-4.0", callback_url="https://gateway.example/hooks/a/b")
    v.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
    assert isinstance(await t.submit(spec), InDoubt)
    assert isinstance(await t.find(spec, since_ms=0), CannotTell)
    assert v.counts["renders"] == 1 and v.counts["refused"] == v.counts["retrieve"] == 0
    able = t.adapter.abilities("kling-4.0")
    assert not able.finds and not able.calls_back and able.visible_after_s is None


async def test_a_look_up_that_fails_says_nothing(pair: Pair) -> None:
    """Another time may tell."""
    v, t = pair
    v.program(Fault(on="retrieve", do="refuse", status=429, code="1302"))
    assert isinstance(await t.find(create(), since_ms=0), NoAnswer)


# --- states ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (Fault(on="create", do="fail", message="Failure to pass the risk control system"), Why.BLOCKED),
        (Fault(on="create", do="fail", message="内容违规"), Why.BLOCKED),
        (Fault(on="create", do="fail", message="generation failed"), Why.INTERNAL),
        (Fault(on="create", do="complete_empty"), Why.INTERNAL),
    ],
    ids=["risk", "risk in Chinese", "failed", "empty"],
)
async def test_a_task_without_a_clip_is_broken_and_says_what_it_took(pair: Pair, fate: Fault, why: Why) -> None:
    """Also one that calls itself succeeded."""
    v, t = pair
    v.program(fate)
    ended = await t.ended(await t.accepted(create()))
    assert isinstance(ended, Broken) and ended.why is why and ended.charged == Charge("2.7", Unit.CREDITS)


async def test_a_link_that_died_is_renewed_by_looking(tmp_path: Path) -> None:
    """The old one is stale, the next look's works."""
    async with both(tmp_path, link_s=0.0) as (v, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert isinstance((await t.download(ref, ended.assets[0]))[0], LinkStale)
        v.options = msgspec.structs.replace(v.options, link_s=60.0)
        again = await t.poll(ref)
        assert (await t.download(ref, again.assets[0]))[1][4:8] == b"ftyp"


async def test_it_cannot_cancel(pair: Pair) -> None:
    """And asks nothing."""
    v, t = pair
    ref = await t.accepted(create())
    assert isinstance(await t.cancel(ref), CannotCancel) and v.counts["create"] == sum(v.counts.values()) - 1


async def test_the_account_tells_what_its_packs_have_left(pair: Pair) -> None:
    """At no cost, and not what has expired."""
    _v, t = pair
    await t.accepted(create())
    account = await t.driver.account(t.endpoint, t.adapter.account(), timeout_s=5)
    assert isinstance(account, Account) and account.balance == Charge("9997.3", Unit.CREDITS)
