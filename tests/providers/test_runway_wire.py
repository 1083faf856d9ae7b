"""The runway adapter, the driver and a strict vendor over a real wire: both were written from the contract's page, so
agreement here means that both read it alike."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.verdicts import InDoubt, NoAnswer, NotSent
from gateway.upstream.download import LinkStale
from providers.contract import (
    Account,
    Broken,
    Cancelled,
    CannotTell,
    Charge,
    Finished,
    Image,
    JsonBody,
    Refused,
    Reply,
    Running,
    Size,
    TooLate,
    Unit,
    Unreadable,
    Why,
)
from providers.runway import INLINE_BYTES_MAX, Runway, RunwaySettings
from tests.support import runway_vendor
from tests.support.both_ends import asking, both_ends, paired
from tests.support.flows import walk
from tests.support.openai_talk import Talk, talking
from tests.support.pictures import png
from tests.support.runway_contract import OFFERS, size_of
from tests.support.vendor_faults import Fault, Point

HD = Size(1280, 720)
PROMPT = "A paper boat"


create = asking(model="gen4.5", prompt=PROMPT, seconds=2, size=HD)


def adapter(api_key: str) -> Runway:
    return Runway(RunwaySettings(), api_key)


both = both_ends(runway_vendor.runway, adapter)
pair = paired(both)
Pair = tuple[runway_vendor.Runway, Talk]


async def test_a_clip_is_made_and_fetched(pair: Pair) -> None:
    """Create, look, fetch: one render, the MP4, and what it cost."""
    v, t = pair
    await v.clips.path(str(HD), "2")  # made before anybody waits for it
    ref = await t.accepted(create(seed=7))
    ended = await t.ended(ref)
    assert isinstance(ended, Finished) and ended.charged == Charge("24", Unit.CREDITS)
    outcome, clip = await t.download(ref, ended.assets[0])
    assert clip[4:8] == b"ftyp", outcome
    assert v.counts["renders"] == v.counts["downloads"] == 1 and v.counts["refused"] == 0


@pytest.mark.parametrize("model", OFFERS)
async def test_the_strict_vendor_takes_whatever_is_declared(tmp_path: Path, model: str) -> None:
    """Each length and size of a model, with and without an image, seed, sound and what else it says it can; and the
    clip would have the size that was asked for."""
    async with both(tmp_path, credits=10**9, places=10**6) as (v, t):
        able = t.adapter.abilities(model)
        for seconds, size in [(one, able.sizes[0]) for one in able.seconds] + [
            (able.seconds[-1], s) for s in able.sizes
        ]:
            wish = create(
                model=model, seconds=seconds, size=size, audio=False if able.audio is None else None,
                seed=7 if able.seed else None, negative_prompt="blur" if able.negative_prompt else None,
            )  # fmt: skip
            still = Image(png(64, 64), "image/png", 64, 64)
            framed = msgspec.structs.replace(wish, image=still)
            wishes = [*([framed] if able.image else []), *([] if able.needs_image else [wish])]
            wishes += [msgspec.structs.replace(framed, last_image=still)] if able.last_image else []
            for one in wishes:
                ref = await t.accepted(one)
                assert size_of(v.tasks[str(ref["id"])].body) == str(size)
        assert v.counts["refused"] == 0


async def test_further_models_may_have_a_ratio_in_words(tmp_path: Path) -> None:
    """With a resolution beside it, as its settings say; one that nobody knows is refused there."""
    described: dict[str, Any] = {
        "seconds": [4],
        "sizes": ["1280x720", "1440x1440", "2560x1440"],
        "resolutions": ["720p", "1080P", "2k"],
    }
    settings = RunwaySettings.model_validate({"models": {"grok": described}})
    told = []
    for size in described["sizes"]:
        call = next(Runway(settings, "k").submit(create(model="grok", seconds=4, size=Size.parse(size)), "key"))
        assert isinstance(call.body, JsonBody) and isinstance(call.body.value, dict)
        told.append((call.body.value["ratio"], call.body.value["resolution"]))
    assert told == [("16:9", "720p"), ("1:1", "1080P"), ("16:9", "2k")]
    with pytest.raises(ValidationError, match="8k is no resolution known here"):
        RunwaySettings.model_validate({"models": {"grok": {**described, "resolutions": ["8k"]}}})


async def test_prices_are_what_the_vendor_takes(tmp_path: Path) -> None:
    """With and without sound, which is always said."""
    async with both(tmp_path) as (_, t):
        for audio, cost in ((True, "160"), (False, "80")):
            ref = await t.accepted(create(model="veo3.1", seconds=4, audio=audio))
            ended = await t.ended(ref)
            assert ended.charged == Charge(cost, Unit.CREDITS)


async def test_a_large_image_is_uploaded_first(pair: Pair) -> None:
    """Beyond what a data URI may hold; the upload's host never sees the key, or the vendor would refuse it."""
    v, t = pair
    data = png(64, 64) + random.Random(1).randbytes(INLINE_BYTES_MAX)
    await t.accepted(create(image=Image(data, "image/png", 1280, 720)))
    assert list(v.uploads.values()) == [len(data)]
    (task,) = v.tasks.values()
    assert task.body["promptImage"] == [{"uri": next(iter(v.uploads)), "position": "first"}]


async def test_a_clip_may_be_told_where_it_ends(pair: Pair) -> None:
    """Each frame has its position, and an upload of its own if it is large."""
    v, t = pair
    small, large = png(64, 64), png(64, 64) + random.Random(2).randbytes(INLINE_BYTES_MAX)
    frames = {"image": Image(small, "image/png", 64, 64), "last_image": Image(large, "image/png", 64, 64)}
    await t.accepted(create(model="veo3.1", seconds=4, audio=False, **frames))
    (task,) = v.tasks.values()
    first, last = task.body["promptImage"]
    assert (first["position"], first["uri"][:22]) == ("first", "data:image/png;base64,")
    assert last == {"uri": next(iter(v.uploads)), "position": "last"}


async def test_an_upload_that_fails_made_nothing(pair: Pair) -> None:
    """The create never left, so it is free to send it elsewhere."""
    v, t = pair
    v.program(Fault(on="any", do="html", status=503, skip=1))
    data = png(64, 64) + bytes(INLINE_BYTES_MAX)
    assert isinstance(await t.submit(create(image=Image(data, "image/png", 1280, 720))), NotSent)
    assert v.counts["create"] == 0


# --- refusals ----------------------------------------------------------------------------------------------------


def said(status: int, message: str = "Try later", **more: Any) -> Fault:
    return Fault(on="create", do="refuse", status=status, message=message, **more)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (said(400, code="ratio"), Why.INVALID),
        (said(400, "You do not have enough credits to run this task."), Why.NO_CREDIT),
        (said(401), Why.UNAUTHORISED),
        (said(404), Why.NOT_FOUND),
        (said(429, retry_after="3"), Why.THROTTLED),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Fault) else str(value),
)
async def test_a_refusal_is_of_its_class(pair: Pair, fault: Fault, why: Why) -> None:
    """And made nothing."""
    v, t = pair
    v.program(fault)
    refused = await t.submit(create())
    assert isinstance(refused, Refused) and refused.why is why
    assert v.counts["renders"] == 0


async def test_the_vendor_refuses_by_itself(tmp_path: Path) -> None:
    """A prompt that is too long, an empty account, a wrong key: in the vendor's own words."""
    async with both(tmp_path, credits=23) as (v, t):
        long = await t.submit(create(prompt="\N{PAPERCLIP}\N{SAILBOAT}\N{ROCKET}" * 300))
        poor = await t.submit(create())
        async with talking(adapter("key_other"), v.base_url) as stranger:
            wrong = await stranger.submit(create())
    assert [long.why, poor.why, wrong.why] == [Why.INVALID, Why.NO_CREDIT, Why.UNAUTHORISED]
    assert long.message.endswith("promptText") and v.counts["renders"] == 0


@pytest.mark.parametrize(
    ("fault", "renders"),
    [
        (said(500), 0),
        (said(502), 0),
        (said(503), 0),
        (Fault(on="create", do="html", status=403), 0),
        (Fault(on="create", do="close"), 0),
        (Fault(on="create", do="close", at=Point.AFTER_MAKING, reset=True), 1),
        (Fault(on="create", do="html", status=502, at=Point.AFTER_MAKING), 1),
        (Fault(on="create", do="half"), 1),
        (Fault(on="create", do="empty", at=Point.AFTER_MAKING), 1),
        (Fault(on="create", do="garbage", at=Point.AFTER_MAKING), 1),
    ],
    ids=lambda value: f"{value.do}-{value.point}-{value.status}" if isinstance(value, Fault) else str(value),
)
async def test_what_proves_nothing_is_in_doubt(pair: Pair, fault: Fault, renders: int) -> None:
    """The vendor has no key and no list, so whatever may have arrived stays in doubt."""
    v, t = pair
    v.program(fault)
    assert isinstance(await t.submit(create()), InDoubt)
    assert v.counts["renders"] == renders
    found = await t.find(create(), since_ms=0)
    assert isinstance(found, CannotTell)


# --- states ------------------------------------------------------------------------------------------------------


async def test_a_task_waits_for_a_place(tmp_path: Path) -> None:
    """Above its concurrency the vendor accepts, and says so while it waits."""
    async with both(tmp_path, places=1, run_s=0.3) as (v, t):
        await t.accepted(create())
        second = await t.accepted(create())
        assert isinstance(await t.poll(second), Running)
        assert v.tasks[str(second["id"])].throttled
        assert isinstance(await t.ended(second), Finished)


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (Fault(on="create", do="fail", code="SAFETY.OUTPUT.VIDEO"), Why.BLOCKED),
        (Fault(on="create", do="fail", code="INTERNAL.BAD_OUTPUT.CODE01"), Why.INTERNAL),
        (Fault(on="create", do="fail", code="THIRD_PARTY.UNAVAILABLE"), Why.OVERLOADED),
        (Fault(on="create", do="complete_empty"), Why.INTERNAL),
    ],
    ids=lambda value: value.code or value.do if isinstance(value, Fault) else str(value),
)
async def test_a_task_without_a_clip_is_broken_and_says_what_it_cost(pair: Pair, fate: Fault, why: Why) -> None:
    """Also one that calls itself succeeded."""
    v, t = pair
    v.program(fate)
    ended = await t.ended(await t.accepted(create()))
    assert isinstance(ended, Broken) and ended.why is why and ended.charged == Charge("24", Unit.CREDITS)


async def test_a_link_that_died_is_renewed_by_looking(tmp_path: Path) -> None:
    """The old one is stale, the next look's works."""
    async with both(tmp_path, link_s=0.0) as (v, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert isinstance((await t.download(ref, ended.assets[0]))[0], LinkStale)
        v.options = msgspec.structs.replace(v.options, link_s=60.0)
        again = await t.poll(ref)
        assert (await t.download(ref, again.assets[0]))[1][4:8] == b"ftyp"


# --- cancel ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", [True, False])
async def test_cancelling_says_what_it_cost_where_the_vendor_does(tmp_path: Path, keeps: bool) -> None:
    """Free while it waits; while it runs it is charged, or nobody says."""
    async with both(tmp_path, keeps_deleted=keeps, places=1, run_s=30) as (v, t):
        running = await t.accepted(create())
        waiting = await t.accepted(create())
        first, second = await t.cancel(waiting), await t.cancel(running)
    assert first == (Cancelled(charged=Charge("0", Unit.CREDITS)) if keeps else Cancelled(free=True))
    assert second == Cancelled(charged=Charge("24", Unit.CREDITS) if keeps else None)
    assert v.spent == 24 and v.counts["erased"] == 0


async def test_a_finished_clip_is_never_erased(pair: Pair) -> None:
    """DELETE would do it, so it is not sent."""
    v, t = pair
    ref = await t.accepted(create())
    await t.ended(ref)
    assert isinstance(await t.cancel(ref), TooLate)
    assert v.counts["delete"] == v.counts["erased"] == 0


async def test_a_cancel_whose_answer_was_lost_is_a_cancel(tmp_path: Path) -> None:
    """The second try finds nothing any more, which is the vendor's way to say so."""
    async with both(tmp_path, run_s=30) as (v, t):
        ref = await t.accepted(create())
        v.program(Fault(on="delete", do="close", at=Point.AFTER_MAKING))
        assert isinstance(await t.cancel(ref), NoAnswer)
        assert await t.cancel(ref) == Cancelled()
        assert v.counts["delete"] == 1


async def test_the_account_tells_its_credits(pair: Pair) -> None:
    """At no cost."""
    v, t = pair
    flow = t.adapter.account()
    account = await t.driver.account(t.endpoint, flow, timeout_s=5)
    assert isinstance(account, Account) and account.balance == Charge("1000", Unit.CREDITS)
    assert set(account.models) == set(OFFERS) and v.counts["renders"] == 0


# --- parsers -----------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["SAFETY", "INTERNAL", "ASSET", "INVALID", "THIRD_PARTY", "INPUT_PREPROCESSING", "TEXT", ""])


@given(code=st.lists(WORDS, max_size=4).map(".".join))
def test_a_failure_code_is_read_by_its_beginning(code: str) -> None:
    """Whole words only; moderation never passes as anything else, nothing else as moderation."""
    body = msgspec.json.encode({"status": "FAILED", "failureCode": code})
    end = walk(adapter("k").poll({"id": "t"}), lambda _: Reply(200, {}, body)).end
    assert isinstance(end, Broken)
    words = code.split(".")
    moderated = words[0] == "SAFETY" or words[:2] == ["INPUT_PREPROCESSING", "SAFETY"]
    assert (end.why is Why.BLOCKED) == moderated


@given(cost=st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none()))
def test_an_odd_bill_costs_no_clip(cost: object) -> None:
    """A charge is a number that is not negative, or none; the clip is there all the same."""
    task = {"status": "SUCCEEDED", "output": ["https://a.example/b.mp4"], "cost": {"credits": cost}}
    end = walk(adapter("k").poll({"id": "t"}), lambda _: Reply(200, {}, msgspec.json.encode(task))).end
    if isinstance(end, Unreadable):  # a number that JSON cannot say
        return
    assert isinstance(end, Finished)
    sensible = type(cost) in (int, float) and isinstance(cost, int | float) and 0 <= cost <= 10**12
    assert (end.charged is not None) == sensible
