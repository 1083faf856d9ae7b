"""The openai adapter, the driver and the strict vendor over a real wire. Adapter and vendor were written from the same
contract by different hands, so agreement here means that both read it alike."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from gateway.domain.verdicts import InDoubt, NotSent
from gateway.upstream.download import Downloaded
from providers.contract import (
    Accepted,
    Account,
    AssetKind,
    Blob,
    CharacterSpec,
    Finished,
    Image,
    Refused,
    Remote,
    Size,
    Source,
    Verb,
    Why,
)
from tests.support.clips import clip_bytes
from tests.support.openai_talk import HD, QUICK, TIMEOUT_S, Talk, create, talk
from tests.support.vendor import Fault, Vendor, throttle, vendor


def source(ref: dict[str, Any] | None, seconds: int = 4, asset: Blob | None = None) -> Source:
    return Source(ref=ref, account="here", asset=asset, seconds=seconds, size=HD)


def png(width: int, height: int) -> Image:
    out = io.BytesIO()
    Picture.new("RGB", (width, height)).save(out, "PNG")
    return Image(out.getvalue(), "image/png", width, height)


# --- the way that goes well --------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["multipart", "json"])
async def test_a_clip_is_made_and_fetched(v: Vendor, body: str) -> None:
    """Create, poll, content: one render, and the MP4 that the vendor made."""
    async with talk(v.base_url, v.api_key, body=body) as t:
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert isinstance(ended, Finished) and ended.assets[0].expires_ms
        clip = await t.clip(ref)
    assert clip[4:8] == b"ftyp"
    assert v.counts["renders"] == v.counts["submissions"] == v.counts["downloads"] == 1
    assert v.counts["refused"] == 0


async def test_pictures_are_variants_of_the_content(t: Talk) -> None:
    """Thumbnail and spritesheet come from the same path with their own types."""
    ref = await t.accepted(create())
    await t.ended(ref)
    for kind, media_type in ((AssetKind.THUMBNAIL, "image/webp"), (AssetKind.SPRITESHEET, "image/jpeg")):
        outcome, data = await t.download(ref, Remote(kind=kind))
        assert isinstance(outcome, Downloaded) and outcome.media_type == media_type and data


async def test_an_image_travels_as_a_file(v: Vendor, t: Talk) -> None:
    """The vendor measures it: exactly the clip's size is taken, anything else is refused as invalid."""
    await t.accepted(create(image=png(1280, 720)))
    assert next(iter(v.desk.jobs.values())).order.image
    refused = await t.submit(create(image=png(640, 360)))
    assert isinstance(refused, Refused) and refused.why is Why.INVALID


@pytest.mark.parametrize("body", ["multipart", "json"])
async def test_remix_edit_and_extension_name_their_source(v: Vendor, body: str) -> None:
    """Each is taken by the vendor as its contract wants it, and has the shape that follows from the source."""
    async with talk(v.base_url, v.api_key, body=body) as t:
        first = await t.accepted(create())
        await t.ended(first)
        for verb, seconds in ((Verb.REMIX, "4"), (Verb.EDIT, "4"), (Verb.EXTEND, "12")):
            added = 8 if verb is Verb.EXTEND else 4
            ref = await t.accepted(create(verb=verb, seconds=added, source=source(first)))
            assert v.desk.jobs[str(ref["id"])].seconds == seconds
    assert v.counts["refused"] == 0


async def test_an_unfinished_source_is_refused(v: Vendor, t: Talk) -> None:
    """The vendor renders nothing from half a clip."""
    v.program(Fault(on="submit", do="never"))
    first = await t.accepted(create())
    refused = await t.submit(create(verb=Verb.REMIX, source=source(first)))
    assert isinstance(refused, Refused) and refused.why is Why.INVALID


async def test_a_clip_from_elsewhere_is_uploaded(tmp_path: Path) -> None:
    """Where the server takes uploads, edits, remixes and extensions need no ref of its account."""
    clip = clip_bytes(1280, 720, 2)
    blob = Blob("clips/1", "video/mp4", len(clip))
    async with (
        vendor(clips=str(tmp_path), uploads=True, **QUICK) as v,
        talk(v.base_url, v.api_key, files={"clips/1": clip}, uploads_sources=True) as t,
    ):
        for verb in (Verb.REMIX, Verb.EDIT, Verb.EXTEND):
            await t.accepted(create(verb=verb, source=source(None, seconds=2, asset=blob)))
        assert [(job.size, job.seconds) for job in v.desk.jobs.values()] == [
            ("1280x720", "2"),
            ("1280x720", "2"),
            ("1280x720", "6"),
        ]


async def test_a_character_is_made_and_used(v: Vendor) -> None:
    """Its ref leads back to it; the prompt names it, as the contract wants."""
    clip = clip_bytes()
    async with talk(v.base_url, v.api_key, files={"clips/1": clip}) as t:
        spec = CharacterSpec("sora-2", "Biscuit", Blob("clips/1", "video/mp4", len(clip)))
        made = await t.driver.character(t.endpoint, t.adapter.character(spec), timeout_s=TIMEOUT_S)
        assert isinstance(made, Accepted)
        await t.accepted(create("Biscuit runs", characters=(made.ref,)))
        refused = await t.submit(create("Nobody runs", characters=(made.ref,)))
    assert isinstance(refused, Refused) and refused.why is Why.INVALID


async def test_an_account_is_looked_at_for_free(v: Vendor, t: Talk) -> None:
    """The models of the account; a wrong key is the operator's trouble."""
    account = await t.driver.account(t.endpoint, t.adapter.account(), timeout_s=TIMEOUT_S)
    assert isinstance(account, Account) and "sora-2-pro" in account.models
    async with talk(v.base_url, "sk-wrong") as stranger:
        refused = await stranger.driver.account(stranger.endpoint, stranger.adapter.account(), timeout_s=TIMEOUT_S)
    assert isinstance(refused, Refused) and refused.why is Why.UNAUTHORISED


async def test_a_server_with_models_of_its_own(tmp_path: Path) -> None:
    """Settings describe what only the operator knows; extras that the server takes arrive."""
    offer = {"sizes": ["128x128"], "seconds": ["1"]}
    mine = {"sizes": ["128x128"], "seconds": [1], "seed": True, "extras": ["fps"]}
    async with (
        vendor(clips=str(tmp_path), models={"wan": offer}, extras=["fps", "seed"], **QUICK) as v,
        talk(v.base_url, v.api_key, models={"wan": mine}) as t,
    ):
        ref = await t.accepted(create(model="wan", seconds=1, size=Size(128, 128), seed=7, extras={"fps": 12}))
        assert isinstance(await t.ended(ref), Finished)
        assert v.desk.jobs[str(ref["id"])].order.extras == {"fps": "12", "seed": "7"}


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(on="submit", do="refuse", status=400, code="moderation_blocked"), Why.BLOCKED),
        (Fault(on="submit", do="refuse", status=400, code="invalid_value"), Why.INVALID),
        (Fault(on="submit", do="refuse", status=401), Why.UNAUTHORISED),
        (Fault(on="submit", do="refuse", status=403), Why.UNAUTHORISED),
        (Fault(on="submit", do="refuse", status=404, code="model_not_found"), Why.NOT_FOUND),
        (
            Fault(on="submit", do="refuse", status=429, code="insufficient_quota", kind="insufficient_quota"),
            Why.NO_CREDIT,
        ),
        (throttle(retry_after="7"), Why.THROTTLED),
        (throttle(retry_after="soon"), Why.THROTTLED),
    ],
    ids=lambda value: getattr(value, "code", None) or str(value),
)
async def test_a_refusal_proves_that_nothing_was_made(v: Vendor, t: Talk, fault: Fault, why: Why) -> None:
    """A readable 4xx of the vendor's own is believed."""
    v.program(fault)
    refused = await t.submit(create())
    assert isinstance(refused, Refused) and refused.why is why
    assert refused.retry_after_s == (7.0 if fault.retry_after == "7" else None)
    assert v.counts["submissions"] == 1 and v.counts["renders"] == 0


@pytest.mark.parametrize(
    ("fault", "renders"),
    [
        (Fault(on="submit", do="refuse", at="after_making", status=500), 1),
        (Fault(on="submit", do="refuse", status=500, kind="server_error"), 0),
        (Fault(on="submit", do="close", at="before_body"), 0),
        (Fault(on="submit", do="close"), 0),
        (Fault(on="submit", do="close", reset=True, at="after_making"), 1),
        (Fault(on="submit", do="garbage", at="after_making"), 1),
        (Fault(on="submit", do="empty", at="after_making"), 1),
        (Fault(on="submit", do="half"), 1),
        (Fault(on="submit", do="html", status=502), 0),
        (Fault(on="submit", do="html", status=403), 0),
        (Fault(on="submit", do="hang", at="after_making", seconds=3), 1),
    ],
    ids=lambda value: f"{value.do}-{value.point}-{value.status}" if isinstance(value, Fault) else str(value),
)
async def test_what_proves_nothing_is_in_doubt(v: Vendor, t: Talk, fault: Fault, renders: int) -> None:
    """Whatever happened after the first byte without the vendor's own refusal may have made a job, and some did."""
    v.program(fault)
    assert isinstance(await t.submit(create(), timeout_s=1.0), InDoubt)
    assert v.counts["renders"] == renders


async def test_a_vendor_that_is_not_there_received_nothing() -> None:
    """Refused connections are NotSent: free, and free to repeat."""
    async with vendor() as gone:
        base_url = gone.base_url
    async with talk(base_url, "sk") as t:
        assert isinstance(await t.submit(create()), NotSent)
