"""The openrouter adapter, the driver and a strict vendor over a real wire, both written from the contract's page."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.verdicts import InDoubt, NoAnswer
from gateway.upstream.download import LinkStale
from providers.contract import (
    Broken,
    CannotTell,
    Charge,
    Exactly,
    Finished,
    Image,
    NotReceived,
    Ref,
    Refused,
    Reply,
    Size,
    Sought,
    Unreadable,
    Why,
)
from providers.openrouter import OpenRouter, OpenRouterSettings
from tests.support import openrouter_vendor
from tests.support.both_ends import asking, both_ends, paired
from tests.support.flows import walk
from tests.support.openai_talk import TIMEOUT_S, Talk
from tests.support.pictures import png
from tests.support.vendor_faults import Fault, Point

Pair = tuple[openrouter_vendor.OpenRouter, Talk]


create = asking(model="acme/clip", prompt="A paper boat", seconds=4, size=Size(1280, 720))


def adapter(api_key: str) -> OpenRouter:
    return OpenRouter(OpenRouterSettings(), api_key)


pair = paired(both_ends(openrouter_vendor.openrouter, adapter, lambda vendor: vendor.address))


async def test_a_clip_is_made_and_fetched(pair: Pair) -> None:
    """With everything that can be asked for, at the vendor's own word on money."""
    v, t = pair
    still = Image(png(64, 64), "image/png", 64, 64)
    everything = {"image": still, "last_image": still, "seed": 7, "audio": False}
    for wish in (create(), create(**everything, callback_url="https://gateway.test/hooks/a/n")):
        ref = await t.accepted(wish)
        ended = await t.ended(ref)
        assert isinstance(ended, Finished) and ended.charged == Charge("0.28")
        assert (await t.download(ref, ended.assets[0]))[1][4:8] == b"ftyp"
    assert v.counts["refused"] == 0


def said(status: int, message: str = "Try later", **more: Any) -> Fault:
    return Fault(on="create", do="refuse", status=status, message=message, **more)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (said(400), Why.INVALID),
        (said(403, code="violence"), Why.BLOCKED),
        (said(402), Why.NO_CREDIT),
        (said(404), Why.INVALID),
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


@pytest.mark.parametrize(
    ("fault", "renders"),
    [
        (said(499), 0),
        (said(500), 0),
        (said(502), 0),
        (Fault(on="create", do="html", status=403), 0),
        (Fault(on="create", do="close", at=Point.AFTER_MAKING, reset=True), 1),
        (Fault(on="create", do="half"), 1),
        (Fault(on="create", do="empty", at=Point.AFTER_MAKING), 1),
    ],
    ids=lambda value: f"{value.do}-{value.point}-{value.status}" if isinstance(value, Fault) else str(value),
)
async def test_what_proves_nothing_is_in_doubt(pair: Pair, fault: Fault, renders: int) -> None:
    """A closed connection (499) says nothing of the job, whoever closed it."""
    v, t = pair
    v.program(fault)
    assert isinstance(await t.submit(create()), InDoubt)
    assert v.counts["renders"] == renders
    assert isinstance(await t.find(create(), since_ms=0), CannotTell)


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (Fault(on="create", do="fail", message="xAI 400: content_moderation"), Why.BLOCKED),
        (Fault(on="create", do="fail", message="upstream 500"), Why.INTERNAL),
        (Fault(on="create", do="complete_empty"), Why.INTERNAL),
    ],
    ids=lambda value: value.message if isinstance(value, Fault) else str(value),
)
async def test_a_job_without_a_clip_is_broken(pair: Pair, fate: Fault, why: Why) -> None:
    """Also one that calls itself completed."""
    v, t = pair
    v.program(fate)
    ended = await t.ended(await t.accepted(create()))
    assert isinstance(ended, Broken) and ended.why is why


async def test_a_file_that_is_gone_is_stale(pair: Pair) -> None:
    """The vendor says so with a 410."""
    v, t = pair
    v.options = msgspec.structs.replace(v.options, file_s=-1.0)
    ref = await t.accepted(create())
    ended = await t.ended(ref)
    assert isinstance((await t.download(ref, ended.assets[0]))[0], LinkStale)


async def test_a_job_that_a_callback_names_is_looked_at(pair: Pair) -> None:
    """It is ours when its model is; trouble on the way is asked again."""
    v, t = pair
    ref = await t.accepted(create())
    gone: Ref = {"id": "gen-vid-gone"}

    async def confirmed(named: Ref, model: str = "acme/clip") -> Any:
        sought = Sought(key="k", spec=create(model=model), since_ms=0, until_ms=1)
        return await t.driver.find(t.endpoint, t.adapter.confirm(named, sought), timeout_s=TIMEOUT_S)

    assert await confirmed(ref) == Exactly(ref)
    assert await confirmed(ref, "acme/other") == NotReceived() == await confirmed(gone)
    v.program(Fault(on="retrieve", do="refuse", status=502))
    assert isinstance(await confirmed(ref), NoAnswer)


@given(cost=st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none()))
def test_an_odd_bill_costs_no_clip(cost: object) -> None:
    """A charge is an amount that is not negative, or none; the clip is there all the same."""
    job = {"status": "completed", "urls": ["https://a.example/b.mp4"], "usage": {"cost": cost}}
    end = walk(adapter("k").poll({"id": "t"}), lambda _: Reply(200, {}, msgspec.json.encode(job))).end
    if isinstance(end, Unreadable):  # a number that JSON cannot say
        return
    assert isinstance(end, Finished)
    assert end.charged is None or Decimal(end.charged.amount) >= 0
