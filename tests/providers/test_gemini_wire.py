"""The gemini adapter, the driver and a strict vendor over a real wire: both were written from the contract's page, so
agreement here means that both read it alike."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.verdicts import InDoubt, NoAnswer
from gateway.upstream.download import LinkStale
from providers.contract import (
    Accepted,
    Account,
    Broken,
    Cancelled,
    CannotTell,
    Exactly,
    Finished,
    Image,
    NotReceived,
    Ref,
    Refused,
    Reply,
    Running,
    Size,
    Sought,
    Source,
    TooLate,
    Unit,
    Unreadable,
    Verb,
    Why,
)
from providers.gemini import Gemini, GeminiSettings
from tests.support import gemini_vendor
from tests.support.both_ends import asking, both_ends, paired
from tests.support.flows import walk
from tests.support.gemini_contract import LONGEST_S
from tests.support.openai_talk import TIMEOUT_S, Talk, talking
from tests.support.pictures import png
from tests.support.vendor_faults import Fault, Point

HD = Size(1280, 720)
STILL = Image(png(64, 64), "image/png", 64, 64)
FIRST_4_S = Decimal("0.405455")  # 23,168 tokens of video and ten of words


create = asking(model="gemini-omni-1.1-flash", prompt="A paper boat", seconds=4, size=HD)


def adapter(api_key: str) -> Gemini:
    return Gemini(GeminiSettings(), api_key)


both = both_ends(gemini_vendor.gemini, adapter, lambda vendor: vendor.address)
pair = paired(both)
Pair = tuple[gemini_vendor.Gemini, Talk]


async def test_a_clip_is_made_and_fetched(pair: Pair) -> None:
    """Create, look, fetch with the key: one render, the MP4, and what its tokens cost."""
    v, t = pair
    await v.clips.path(str(HD), "4")  # made before anybody waits for it
    ref = await t.accepted(create(seed=7))
    ended = await t.ended(ref)
    assert isinstance(ended, Finished) and ended.charged is not None
    assert Decimal(ended.charged.amount) == FIRST_4_S and ended.charged.unit is Unit.USD
    outcome, clip = await t.download(ref, ended.assets[0])
    assert clip[4:8] == b"ftyp", outcome
    assert v.counts["renders"] == v.counts["downloads"] == 1 and v.counts["refused"] == 0


@pytest.mark.parametrize("model", LONGEST_S)
async def test_the_strict_vendor_takes_whatever_is_declared(tmp_path: Path, model: str) -> None:
    """Each length and size of a model, with and without frames, seed, label and callback, and a remix of each."""
    async with both(tmp_path) as (v, t):
        able = t.adapter.abilities(model)
        for seconds, size in [(one, HD) for one in able.seconds] + [(3, one) for one in able.sizes]:
            wish = create(
                model=model, seconds=seconds, size=size, seed=7, callback_url="https://gateway.test/hooks/a/n"
            )
            ref = await t.accepted(wish)
            for frames in ({"image": STILL}, {"last_image": STILL}, {"image": STILL, "last_image": STILL}):
                await t.accepted(msgspec.structs.replace(wish, **frames))
            again = Source(account="here", ref=ref, seconds=seconds, size=size)
            await t.accepted(msgspec.structs.replace(wish, verb=Verb.REMIX, source=again))
        assert v.counts["refused"] == 0


async def test_no_price_is_below_what_the_vendor_takes(tmp_path: Path) -> None:
    """For each size, with a picture; a hold that is too small would be overrun by every clip."""
    async with both(tmp_path) as (_, t):
        able = t.adapter.abilities("gemini-omni-1.1-flash")
        for price in able.prices:
            ended = await t.ended(await t.accepted(create(size=price.sizes[0], image=STILL)))
            assert ended.charged is not None and price.image is not None
            held = 4 * price.per_second_micros + price.per_clip_micros + price.image.add_micros
            assert Decimal(ended.charged.amount) * 10**6 <= held <= Decimal(ended.charged.amount) * 10**6 + 10_000


async def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    """The vendor refuses to hand it out before."""
    async with both(tmp_path, writes_s=0.3) as (v, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert v.counts["file"] > 1
        assert (await t.download(ref, ended.assets[0]))[1][4:8] == b"ftyp"
        assert v.counts["refused"] == 0


async def test_a_clip_inside_the_reply_is_a_clip(tmp_path: Path) -> None:
    """Also where an address was asked for."""
    async with both(tmp_path, inline=True) as (v, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert (await t.download(ref, ended.assets[0]))[1][4:8] == b"ftyp"
        assert v.counts["content"] == 0


async def test_a_file_dies_with_its_days(tmp_path: Path) -> None:
    """Looking again does not renew it."""
    async with both(tmp_path, file_s=0.0) as (_, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert isinstance((await t.download(ref, ended.assets[0]))[0], LinkStale)
        again = await t.ended(ref)
        assert again.assets == ended.assets


# --- refusals ----------------------------------------------------------------------------------------------------


def said(status: int, message: str = "Try later", **more: Any) -> Fault:
    return Fault(on="create", do="refuse", status=status, message=message, **more)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (said(400), Why.INVALID),
        (said(400, "Rejected: PROHIBITED_CONTENT", code="INVALID_ARGUMENT"), Why.BLOCKED),
        (said(402, code="RESOURCE_EXHAUSTED"), Why.NO_CREDIT),
        (said(403, code="PERMISSION_DENIED"), Why.UNAUTHORISED),
        (said(404, code="NOT_FOUND"), Why.INVALID),
        (said(429, code="RESOURCE_EXHAUSTED", retry_after="29"), Why.THROTTLED),
    ],
    ids=lambda value: f"{value.status} {value.message}" if isinstance(value, Fault) else str(value),
)
async def test_a_refusal_is_of_its_class(pair: Pair, fault: Fault, why: Why) -> None:
    """And made nothing."""
    v, t = pair
    v.program(fault)
    refused = await t.submit(create())
    assert isinstance(refused, Refused) and refused.why is why
    assert refused.retry_after_s == (29.0 if why is Why.THROTTLED else None)
    assert v.counts["renders"] == 0


async def test_the_vendor_refuses_by_itself(tmp_path: Path) -> None:
    """An empty balance, a wrong key, no key, an earlier interaction that is not there: in the vendor's own words."""
    async with both(tmp_path, tokens=1_000) as (v, t):
        poor = await t.submit(create())
        lost = Source(account="here", ref={"id": "v1_gone"}, seconds=4, size=HD)
        orphan = await t.submit(create(verb=Verb.EDIT, source=lost))
        whys = [poor.why, orphan.why]
        for key in ("key_other", None):
            async with talking(Gemini(GeminiSettings(), key), v.address) as stranger:
                whys.append((await stranger.submit(create())).why)
    assert whys == [Why.NO_CREDIT, Why.INVALID, Why.UNAUTHORISED, Why.UNAUTHORISED]
    assert v.counts["renders"] == 0


@pytest.mark.parametrize(
    ("fault", "renders"),
    [
        (said(500), 0),
        (said(503), 0),
        (said(504), 0),
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
    assert isinstance(await t.find(create(), since_ms=0), CannotTell)


# --- ends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fate", "why", "paid"),
    [
        (Fault(on="create", do="fail", code="SAFETY"), Why.BLOCKED, False),
        (Fault(on="create", do="fail", code="internal"), Why.INTERNAL, False),
        (Fault(on="create", do="complete_empty"), Why.BLOCKED, True),
        (Fault(on="create", do="complete_with_error"), Why.UNREADABLE, True),
    ],
    ids=lambda value: value.code or value.do if isinstance(value, Fault) else str(value),
)
async def test_an_interaction_without_a_video_is_broken(pair: Pair, fate: Fault, why: Why, paid: bool) -> None:
    """Also one that calls itself completed; words alone are a refusal for safety."""
    v, t = pair
    v.program(fate)
    ended = await t.ended(await t.accepted(create()))
    assert isinstance(ended, Broken) and ended.why is why and (ended.charged is not None) == paid


async def test_a_passing_400_says_nothing_of_the_job(pair: Pair) -> None:
    """Only an unknown name does."""
    v, t = pair
    ref = await t.accepted(create())
    v.program(Fault(on="retrieve", do="refuse", status=400, message="API key not found.", code="INVALID_ARGUMENT"))
    passing = await t.poll(ref)
    assert isinstance(passing, Refused) and passing.why is Why.INTERNAL
    gone = await t.poll({"id": "v1_gone"})
    assert isinstance(gone, Refused) and gone.why is Why.NOT_FOUND
    assert isinstance(await t.ended(ref), Finished)


async def test_a_cancel_stops_what_runs_and_nothing_else(tmp_path: Path) -> None:
    """Asked again it is still a cancel; what has ended is too late; an answer that was lost is none."""
    async with both(tmp_path, run_s=30.0) as (v, t):
        running = await t.accepted(create())
        v.program(Fault(on="delete", do="close", at=Point.AFTER_MAKING))
        assert isinstance(await t.cancel(running), NoAnswer)
        assert await t.cancel(running) == Cancelled()
        v.options = msgspec.structs.replace(v.options, run_s=0.0)
        ended = await t.accepted(create())
        assert isinstance(await t.ended(ended), Finished)
        assert isinstance(await t.cancel(ended), TooLate)


async def test_a_job_that_a_callback_names_is_looked_at(pair: Pair) -> None:
    """It is ours when its model is; a job of another model, and one that is not there, are not."""
    v, t = pair
    ref = await t.accepted(create())
    outcomes: list[Any] = []
    gone: Ref = {"id": "v1_gone"}
    for wish, named in ((create(), ref), (create(model="gemini-omni-1.2-flash"), ref), (create(), gone)):
        sought = Sought(key="key-1", spec=wish, since_ms=0, until_ms=1)
        outcomes.append(await t.driver.find(t.endpoint, t.adapter.confirm(named, sought), timeout_s=TIMEOUT_S))
    assert outcomes[0] == Exactly(ref)
    assert isinstance(outcomes[1], NotReceived)
    assert isinstance(outcomes[2], CannotTell), "a 400 proves nothing"
    v.program(Fault(on="retrieve", do="refuse", status=503, code="UNAVAILABLE"))
    passing = t.adapter.confirm(ref, Sought(key="key-1", spec=create(), since_ms=0, until_ms=1))
    assert isinstance(await t.driver.find(t.endpoint, passing, timeout_s=TIMEOUT_S), NoAnswer), "asked again later"
    assert v.counts["renders"] == 1


async def test_the_account_tells_its_models(pair: Pair) -> None:
    """At no cost."""
    v, t = pair
    account = await t.driver.account(t.endpoint, t.adapter.account(), timeout_s=5)
    assert isinstance(account, Account) and set(account.models) == set(LONGEST_S) and v.counts["renders"] == 0


async def test_a_job_that_runs_is_running(tmp_path: Path) -> None:
    """Without progress: the vendor tells none."""
    async with both(tmp_path, run_s=30.0) as (_, t):
        assert await t.poll(await t.accepted(create())) == Running()


# --- parsers -----------------------------------------------------------------------------------------------------

ODD = st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none(), st.just([{}]))


def looked(job: dict[str, Any]) -> Any:
    body = msgspec.json.encode(job)
    return walk(adapter("k").poll({"id": "t"}), lambda _: Reply(200, {}, body)).end


@given(into=ODD, out=ODD, video=ODD, model=st.sampled_from([*LONGEST_S, "other", None]))
def test_an_odd_bill_costs_no_clip(into: object, out: object, video: object, model: str | None) -> None:
    """A charge is an amount that is not negative, or none; the clip is there all the same."""
    parts = [{"modality": "video", "tokens": video}, into]
    usage = {"total_input_tokens": into, "total_output_tokens": out, "output_tokens_by_modality": parts}
    clip = {"uri": "https://a.example/clip.mp4"}
    try:
        end = looked({"status": "completed", "model": model, "output_video": clip, "usage": usage})
    except OverflowError:  # a number that JSON cannot say
        return
    if isinstance(end, Unreadable):
        return
    assert isinstance(end, Finished)
    assert end.charged is None or Decimal(end.charged.amount) >= 0


@given(into=st.integers(0, 10**6), words=st.integers(0, 10**6), video=st.integers(1, 10**6))
def test_tokens_are_counted_once_and_exactly(into: int, words: int, video: int) -> None:
    """$1.50, $9 and $17.50 a million."""
    parts = [{"modality": "text", "tokens": words}, {"modality": "video", "tokens": video}]
    usage = {
        "total_input_tokens": into, "total_output_tokens": words + video, "output_tokens_by_modality": parts,
    }  # fmt: skip
    clip = {"uri": "https://a.example/clip.mp4"}
    end = looked({"status": "completed", "model": "gemini-omni-1.1-flash", "output_video": clip, "usage": usage})
    exact = Decimal("1.5") * into + 9 * words + Decimal("17.5") * video
    assert Decimal(end.charged.amount) * 10**6 == exact


@given(seconds=st.decimals(0, 10**6, places=3), tail=st.text(max_size=3))
def test_a_delay_is_read_whole_or_not_at_all(seconds: Decimal, tail: str) -> None:
    """Never more than an hour."""
    details = [{"retryDelay": f"{seconds}{tail}"}]
    body = msgspec.json.encode([{"error": {"code": 429, "message": "slower", "details": details}}])
    end = walk(adapter("k").poll({"id": "t"}), lambda _: Reply(429, {}, body)).end
    assert end.retry_after_s == (min(float(seconds), 3_600.0) if tail == "s" else None)


async def test_accepted_is_what_it_is_called(pair: Pair) -> None:
    """The vendor's id, as it is."""
    v, t = pair
    outcome = await t.submit(create())
    assert isinstance(outcome, Accepted) and outcome.ref == {"id": next(iter(v.jobs))}
