"""The luma adapter, the driver and a strict vendor over a real wire: both were written from the contract's page, so
agreement here means that both read it alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.pricing import quote
from gateway.domain.verdicts import InDoubt
from gateway.domain.videos import Request
from gateway.upstream.download import LinkStale
from providers.contract import (
    Account,
    Broken,
    CannotCancel,
    CannotTell,
    Finished,
    Image,
    Refused,
    Reply,
    Running,
    Size,
    Unreadable,
    Why,
)
from providers.luma import Luma, LumaSettings
from tests.support import luma_vendor
from tests.support.both_ends import asking, both_ends, paired
from tests.support.flows import walk
from tests.support.luma_contract import size_of
from tests.support.openai_talk import Talk, talking
from tests.support.pictures import png
from tests.support.vendor_faults import Fault, Point

SMALL = Size(960, 540)


create = asking(model="ray-3.2", prompt="A paper boat", seconds=5, size=SMALL)


def adapter(api_key: str) -> Luma:
    return Luma(LumaSettings(), api_key)


both = both_ends(luma_vendor.luma, adapter)
pair = paired(both)
Pair = tuple[luma_vendor.Luma, Talk]


async def test_a_clip_is_made_and_fetched(pair: Pair) -> None:
    """Create, look, fetch: one render and the MP4."""
    v, t = pair
    await v.clips.path(str(SMALL), "5")  # made before anybody waits for it
    ref = await t.accepted(create())
    ended = await t.ended(ref)
    assert isinstance(ended, Finished)
    outcome, clip = await t.download(ref, ended.assets[0])
    assert clip[4:8] == b"ftyp", outcome
    assert v.counts["renders"] == v.counts["downloads"] == 1 and v.counts["refused"] == 0


@pytest.mark.parametrize("frames", ["none", "first", "last", "both"])
async def test_the_strict_vendor_takes_whatever_is_declared_at_its_price(tmp_path: Path, frames: str) -> None:
    """Each length with each size, from words, from an image, to one and between two; quoted to the cent."""
    async with both(tmp_path, cents=10**6, places=10**6) as (v, t):
        able = t.adapter.abilities("ray-3.2")
        for seconds in able.seconds:
            for size in able.sizes:
                still = Image(png(size.width, size.height), "image/png", size.width, size.height)
                first, last = (still if frames in (one, "both") else None for one in ("first", "last"))
                before = v.spent_cents
                ref = await t.accepted(create(seconds=seconds, size=size, image=first, last_image=last))
                made = v.generations[str(ref["id"])]
                assert size_of(made.body) == str(size)
                asked = Request(model="m", prompt="p", seconds=seconds, size=size)
                quoted = quote(able.prices, asked, sound=False, day="2026-11-20")
                assert quoted is not None and quoted.micros == (v.spent_cents - before) * 10_000
        assert v.counts["refused"] == 0


async def test_the_vendors_own_fields_have_their_places(pair: Pair) -> None:
    """One is of the clip, one of the request."""
    v, t = pair
    ref = await t.accepted(create(extras={"loop": True, "user_id": "u-1"}))
    body = v.generations[str(ref["id"])].body
    assert (body["video"]["loop"], body["user_id"]) == (True, "u-1")


# --- refusals ----------------------------------------------------------------------------------------------------


def said(status: int, message: str = "Try later", **more: Any) -> Fault:
    return Fault(on="create", do="refuse", status=status, message=message, **more)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (said(400), Why.INVALID),
        (said(422), Why.INVALID),
        (said(400, "Rejected by moderation"), Why.BLOCKED),
        (said(401), Why.UNAUTHORISED),
        (said(402), Why.NO_CREDIT),
        (said(404), Why.NOT_FOUND),
        (said(429, retry_after="3"), Why.THROTTLED),
    ],
    ids=lambda value: f"{value.status}-{value.message}" if isinstance(value, Fault) else str(value),
)
async def test_a_refusal_is_of_its_class(pair: Pair, fault: Fault, why: Why) -> None:
    """And made nothing."""
    v, t = pair
    v.program(fault)
    refused = await t.submit(create())
    assert isinstance(refused, Refused) and refused.why is why
    assert v.counts["renders"] == 0


async def test_the_vendor_refuses_by_itself(tmp_path: Path) -> None:
    """A wrong field, an empty account, no place, a wrong key: in the vendor's own words."""
    async with both(tmp_path, cents=15, places=1, run_s=30) as (v, t):
        wrong = await t.submit(create(extras={"loop": True}, seconds=10))
        await t.accepted(create())
        poor = await t.submit(create())
        v.options = msgspec.structs.replace(v.options, cents=100)
        busy = await t.submit(create())
        async with talking(adapter("other"), v.base_url) as stranger:
            unknown = await stranger.submit(create())
            account = await t.driver.account(stranger.endpoint, stranger.adapter.account(), timeout_s=5)
    classes = [one.why for one in (wrong, poor, busy, unknown)]
    assert classes == [Why.INVALID, Why.NO_CREDIT, Why.THROTTLED, Why.UNAUTHORISED]
    assert wrong.message.startswith("body.video.loop") and busy.retry_after_s == 60
    assert isinstance(account, Refused) and v.counts["renders"] == 1


async def test_the_account_shows_that_the_key_is_right(pair: Pair) -> None:
    """At no cost."""
    v, t = pair
    assert isinstance(await t.driver.account(t.endpoint, t.adapter.account(), timeout_s=5), Account)
    assert v.counts["renders"] == 0


@pytest.mark.parametrize(
    ("fault", "renders"),
    [
        (said(500), 0),
        (said(503), 0),
        (Fault(on="create", do="html", status=403), 0),
        (Fault(on="create", do="close", at=Point.AFTER_MAKING, reset=True), 1),
        (Fault(on="create", do="half"), 1),
        (Fault(on="create", do="empty", at=Point.AFTER_MAKING), 1),
    ],
    ids=lambda value: f"{value.do}-{value.status}" if isinstance(value, Fault) else str(value),
)
async def test_what_proves_nothing_is_in_doubt(pair: Pair, fault: Fault, renders: int) -> None:
    """Luma leaves nothing to look it up with."""
    v, t = pair
    v.program(fault)
    assert isinstance(await t.submit(create()), InDoubt)
    assert v.counts["renders"] == renders
    assert isinstance(await t.find(create(), since_ms=0), CannotTell)


# --- states ------------------------------------------------------------------------------------------------------


async def test_a_generation_waits_and_runs(tmp_path: Path) -> None:
    """And cannot be stopped."""
    async with both(tmp_path, wait_s=0.2, run_s=0.2) as (_, t):
        ref = await t.accepted(create())
        assert isinstance(await t.poll(ref), Running)
        assert isinstance(await t.cancel(ref), CannotCancel)
        assert isinstance(await t.ended(ref), Finished)


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (Fault(on="create", do="fail", code="content_moderated"), Why.BLOCKED),
        (Fault(on="create", do="fail", code="generation_failed"), Why.INTERNAL),
        (Fault(on="create", do="fail", code="image_too_large"), Why.INVALID),
        (Fault(on="create", do="complete_empty"), Why.INTERNAL),
    ],
    ids=lambda value: value.code or value.do if isinstance(value, Fault) else str(value),
)
async def test_a_generation_without_a_clip_is_broken(pair: Pair, fate: Fault, why: Why) -> None:
    """Also one that calls itself completed."""
    v, t = pair
    v.program(fate)
    ended = await t.ended(await t.accepted(create()))
    assert isinstance(ended, Broken) and ended.why is why and ended.free is None


async def test_a_link_that_died_is_renewed_by_looking(tmp_path: Path) -> None:
    """The old one is stale, the next look's works."""
    async with both(tmp_path, link_s=0.0) as (v, t):
        await v.clips.path(str(SMALL), "5")
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert isinstance((await t.download(ref, ended.assets[0]))[0], LinkStale)
        v.options = msgspec.structs.replace(v.options, link_s=60.0)
        again = await t.poll(ref)
        assert (await t.download(ref, again.assets[0]))[1][4:8] == b"ftyp"


# --- parsers -----------------------------------------------------------------------------------------------------


@given(code=st.one_of(st.none(), st.integers(), st.text(max_size=12), st.sampled_from(["content_moderated"])))
def test_only_the_vendors_own_word_is_moderation(code: object) -> None:
    """A failure of any other code, or none, is never taken for it; and never for a clip."""
    body = msgspec.json.encode({"state": "failed", "failure_code": code, "failure_reason": "moderation"})
    end = walk(adapter("k").poll({"id": "g"}), lambda _: Reply(200, {}, body)).end
    assert isinstance(end, Broken) and (end.why is Why.BLOCKED) == (code == "content_moderated")


@given(
    status=st.sampled_from([400, 401, 402, 404, 422, 429, 500]),
    where=st.sampled_from(["detail", "error", "message", "text", "nested"]),
    text=st.text(min_size=1, max_size=20),
)
def test_an_error_is_found_wherever_it_stands(status: int, where: str, text: str) -> None:
    """Its form is not known for sure; an error that says something printable is a refusal with these words."""
    forms = {"text": text, "nested": {"error": {"message": text}}}
    body = msgspec.json.encode(forms.get(where, {where: text}))
    end = walk(adapter("k").submit(create(), "k"), lambda _: Reply(status, {}, body)).end
    said = "".join(char if char.isprintable() else " " for char in text).strip()
    assert end.message == said if said else isinstance(end, Unreadable)
