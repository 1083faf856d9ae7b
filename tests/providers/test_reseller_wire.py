"""The reseller adapter, the driver and strict vendors over a real wire, in every dialect: adapter and vendors were
written from the contract's pages, so agreement here means that both read them alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.verdicts import InDoubt, NoAnswer
from gateway.upstream.download import Downloaded, LinkStale
from providers.contract import (
    Account,
    Broken,
    Cancelled,
    CannotCancel,
    CannotTell,
    Charge,
    Exactly,
    Finished,
    Image,
    NotReceived,
    Refused,
    Running,
    Size,
    Sought,
    Spec,
    Unit,
    Why,
)
from providers.reseller import Reseller
from providers.reseller.presets import PRESETS
from providers.reseller.settings import ResellerSettings
from tests.support.openai_talk import TIMEOUT_S, Talk, talking
from tests.support.pictures import png
from tests.support.reseller_dialects import DIALECTS
from tests.support.reseller_vendor import ResellerVendor, reseller
from tests.support.vendor_faults import Fault, Point

HD = Size(1280, 720)
STILL = Image(png(64, 64), "image/png", 64, 64)
PICTURED = [name for name in DIALECTS if name not in ("kie", "kie-veo")]  # which take links, and have no upload
ENDING = [name for name in PICTURED if PRESETS[name]["create"]["fields"].get("last_image")]
USER = {"user_token": "u-token", "user_id": "17"}
every_dialect = pytest.mark.parametrize("preset", DIALECTS)


def create(preset: str = "newapi", **changes: Any) -> Spec:
    told = {"model": "m", "prompt": "A paper boat", "seconds": DIALECTS[preset].seconds, "size": HD}
    return Spec(**{**told, **changes})


@pytest.fixture(scope="package")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: a clip is made once."""
    return tmp_path_factory.mktemp("clips")


@asynccontextmanager
async def both(
    preset: str, folder: Path, settings: dict[str, Any] | None = None, *, last_image: bool = False, **options: Any
) -> AsyncIterator[tuple[ResellerVendor, Talk]]:
    """A vendor and an adapter of one dialect; its upload stands on the vendor's own port."""
    async with reseller(preset, clips=str(folder), **options) as v:
        await v.clips.path("1280x720", str(v.dialect.seconds))
        upload = {"create": {"upload": {"to": v.dialect.upload[0]}}} if v.dialect.upload is not None else {}
        model = {"seconds": [v.dialect.seconds], "sizes": ["1280x720"], "image": preset in PICTURED}
        model["last_image"] = last_image
        told = {"preset": preset, **USER, "models": {"m": model}, **upload, **(settings or {})}
        adapter = Reseller(ResellerSettings.model_validate(told), v.api_key)
        async with talking(adapter, v.base_url) as t:
            yield v, t


@every_dialect
async def test_a_clip_is_made_and_fetched(preset: str, clips: Path) -> None:
    """Create, look, fetch: one render, the MP4, nothing refused, and no key at the files' host."""
    async with both(preset, clips) as (v, t):
        ref = await t.accepted(create(preset))
        ended = await t.ended(ref)
        assert isinstance(ended, Finished), ended
        outcome, clip = await t.download(ref, ended.assets[0])
        assert clip[4:8] == b"ftyp", outcome
        assert v.counts["renders"] == v.counts["downloads"] == 1 and v.counts["refused"] == 0


@pytest.mark.parametrize("preset", PICTURED)
async def test_an_image_goes_where_the_dialect_wants_it(preset: str, clips: Path) -> None:
    """As a file, in the text, or left with the vendor first; the strict vendor finds nothing wrong."""
    async with both(preset, clips) as (v, t):
        await t.accepted(create(preset, image=STILL))
        (job,) = v.jobs.values()
        assert v.counts["files"] or any("image" in name or "frame" in name for name in job.body)
        assert v.counts["refused"] == 0 and v.counts["uploads"] == (v.dialect.upload is not None)


@pytest.mark.parametrize("preset", ENDING)
async def test_an_image_to_end_with_goes_along(preset: str, clips: Path) -> None:
    """Two images, two places; the strict vendor finds nothing wrong."""
    async with both(preset, clips, last_image=True) as (v, t):
        await t.accepted(create(preset, image=STILL, last_image=STILL))
        (job,) = v.jobs.values()
        told = [one for name, one in job.body.items() if any(word in name for word in ("image", "frame"))]
        assert len([one for value in told for one in (value if isinstance(value, list) else [value])]) == 2
        assert v.counts["refused"] == 0


@every_dialect
async def test_a_failed_job_is_broken_and_says_nothing_of_money(preset: str, clips: Path) -> None:
    """Moderation is told by words only, in English and in Chinese; all else is the vendor's own trouble. Whether it was
    free is for the settings and the operator to say."""
    said = {
        "flagged by content moderation": Why.BLOCKED,
        "内容审核不通过": Why.BLOCKED,
        "ran out of memory": Why.INTERNAL,
    }
    async with both(preset, clips) as (v, t):
        v.program(*(Fault(on="create", do="fail", message=words) for words in said))
        for words, why in said.items():
            ended = await t.ended(await t.accepted(create(preset)))
            assert isinstance(ended, Broken) and ended.free is None, ended
            assert (ended.why, words in ended.message) == (why, True)


@every_dialect
async def test_done_without_a_clip_is_no_success(preset: str, clips: Path) -> None:
    """Except where the clip has a path of its own, which then says so when it is fetched."""
    async with both(preset, clips) as (v, t):
        v.program(Fault(on="create", do="complete_empty"))
        ref = await t.accepted(create(preset))
        ended = await t.ended(ref)
        if "content" in t.adapter.settings.result.order:
            assert isinstance(ended, Finished)
        else:
            assert isinstance(ended, Broken) and ended.why is Why.INTERNAL


@every_dialect
async def test_a_wrong_key_is_the_operators_trouble(preset: str, clips: Path) -> None:
    """And made nothing."""
    async with both(preset, clips) as (v, t):
        stranger = Reseller(t.adapter.settings, "sk-other")
        async with talking(stranger, v.base_url) as other:
            refused = await other.submit(create(preset))
        assert isinstance(refused, Refused) and refused.why is Why.UNAUTHORISED
        assert v.counts["renders"] == 0


@every_dialect
async def test_an_empty_account_and_a_full_house_are_told_apart(preset: str, clips: Path) -> None:
    """402, in whatever form it comes, and 429 with its wait."""
    async with both(preset, clips) as (v, t):
        v.program(
            Fault(on="create", do="refuse", status=402, message="insufficient balance"),
            Fault(on="create", do="refuse", status=429, message="slow down", retry_after="3"),
        )
        poor, busy = await t.submit(create(preset)), await t.submit(create(preset))
        assert [poor.why, busy.why, busy.retry_after_s] == [Why.NO_CREDIT, Why.THROTTLED, 3.0]
        assert v.counts["renders"] == 0


@every_dialect
async def test_what_proves_nothing_is_in_doubt(preset: str, clips: Path) -> None:
    """Nobody in this family honours a key, so whatever may have arrived stays in doubt."""
    faults = (
        Fault(on="create", do="refuse", status=500, code="do_request_failed", at=Point.AFTER_MAKING),
        Fault(on="create", do="html", status=524, at=Point.AFTER_MAKING),
        Fault(on="create", do="html", status=301),
        Fault(on="create", do="html", status=200),
        Fault(on="create", do="close", at=Point.AFTER_MAKING),
        Fault(on="create", do="garbage", at=Point.AFTER_MAKING),
        Fault(on="create", do="empty", at=Point.AFTER_MAKING),
        Fault(on="create", do="half"),
    )
    async with both(preset, clips) as (v, t):
        for fault in faults:
            v.program(fault)
            assert isinstance(await t.submit(create(preset)), InDoubt), fault


@every_dialect
async def test_an_unknown_job_is_not_found(preset: str, clips: Path) -> None:
    """In every form: 404, 400 with a code, 422 inside a 200."""
    async with both(preset, clips) as (_, t):
        outcome = await t.poll({"id": "none-such/at:all"})
        assert isinstance(outcome, Refused) and outcome.why is Why.NOT_FOUND


@every_dialect
async def test_a_dead_link_is_renewed_by_looking_again(preset: str, clips: Path) -> None:
    """A stale link is not a lost clip."""
    async with both(preset, clips, link_s=0.0) as (v, t):
        ref = await t.accepted(create(preset))
        ended = await t.ended(ref)
        outcome, _ = await t.download(ref, ended.assets[0])
        if t.adapter.settings.result.order[0] == "content":
            assert isinstance(outcome, Downloaded)
        else:
            assert isinstance(outcome, LinkStale)
        v.options = type(v.options)(clips=str(clips))
        again = await t.poll(ref)
        assert isinstance((await t.download(ref, again.assets[0]))[0], Downloaded)


def test_every_preset_has_a_site_that_speaks_it() -> None:
    """A dialect that nobody speaks here is a dialect that nobody tried."""
    assert set(DIALECTS) == set(PRESETS)


# --- one dialect's own -------------------------------------------------------------------------------------------


async def test_new_api_s_record_ends_what_its_video_path_repeats_for_ever(clips: Path) -> None:
    """A stale body, and the charge, which only the record tells: 400,000 quota units are $0.80."""
    async with both("newapi", clips, stale=True) as (_, t):
        ended = await t.ended(await t.accepted(create()))
        assert isinstance(ended, Finished) and ended.charged == Charge("0.8")


async def test_content_may_lead_elsewhere(clips: Path) -> None:
    """302 to a signed link on another host, which never sees the key."""
    async with both("newapi", clips, redirects=True) as (v, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        outcome, clip = await t.download(ref, ended.assets[0])
        assert isinstance(outcome, Downloaded) and clip[4:8] == b"ftyp"
        assert v.counts["downloads"] == 1


async def test_content_that_is_not_ready_is_asked_for_again(clips: Path) -> None:
    """new-api says 400 where OpenAI says 404."""
    async with both("newapi", clips, run_s=30.0) as (_, t):
        ref = await t.accepted(create())
        assert isinstance((await t.download(ref))[0], LinkStale)


PLACES = {
    "data.result_url": {"data": {"status": "SUCCESS", "result_url": "{link}"}},
    "data.fail_reason": {"code": "success", "data": {"status": "SUCCESS", "fail_reason": "{link}"}},
    "metadata.url": {"status": "completed", "metadata": {"url": "{link}"}},
    "video_url": {"task_id": "t", "status": "completed", "video_url": "{link}"},
    "a list": {"status": "completed", "url": ["{link}"]},
    "an object": {"status": "completed", "video": {"url": "{link}"}},
    "JSON in a text": {"data": {"status": "SUCCESS", "result_url": '{"resultUrls":["{link}"]}'}},
}


@pytest.mark.parametrize("name", PLACES)
async def test_a_clip_is_fetched_from_wherever_its_link_stands(name: str, clips: Path) -> None:
    """Patched relays put it anywhere, in any form."""
    async with both("newapi-generations", clips, place=PLACES[name]) as (_, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert isinstance(ended, Finished), ended
        _, clip = await t.download(ref, ended.assets[0])
        assert clip[4:8] == b"ftyp"


async def test_a_progress_may_be_a_text(clips: Path) -> None:
    """Such as "30%", where others tell a number."""
    async with both("newapi-generations", clips, run_s=30.0) as (_, t):
        assert await t.poll(await t.accepted(create())) == Running(30)


async def test_a_word_that_nobody_knows_is_waited_out(clips: Path) -> None:
    """The job goes on, the word is told, and it ends in words that are known."""
    async with both("evolink", clips, odd_word=True, run_s=0.3) as (_, t):
        ref = await t.accepted(create())
        seen = await t.poll(ref)
        assert isinstance(seen, Running) and seen.odd_word == "pondering"
        assert isinstance(await t.ended(ref), Finished)


async def test_bad_input_behind_a_500_made_nothing(clips: Path) -> None:
    """CometAPI's own way; a 500 of another kind stays in doubt."""
    async with both("comet", clips) as (v, t):
        v.program(Fault(on="create", do="refuse", status=400, message="duration"))
        refused = await t.submit(create())
        assert isinstance(refused, Refused) and refused.why is Why.INVALID


async def test_no_channel_made_nothing(clips: Path) -> None:
    """new-api's 503 comes before any upstream is asked."""
    async with both("newapi", clips) as (v, t):
        v.program(Fault(on="create", do="refuse", status=503, code="model_not_found"))
        refused = await t.submit(create())
        assert isinstance(refused, Refused) and refused.why is Why.OVERLOADED


async def test_a_pending_job_can_be_stopped_and_a_running_one_not(clips: Path) -> None:
    """PiAPI."""
    async with both("piapi", clips, wait_s=30.0) as (_, t):
        assert isinstance(await t.cancel(await t.accepted(create())), Cancelled)
    async with both("piapi", clips, run_s=30.0) as (_, t):
        assert isinstance(await t.cancel(await t.accepted(create())), CannotCancel)


async def test_a_lost_answer_is_found_by_our_own_id(clips: Path) -> None:
    """AIMLAPI keeps it in its log, once the charge is recorded; before that an absent row proves nothing."""
    async with both("aimlapi", clips, run_s=30.0) as (v, t):
        v.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        assert isinstance(await t.submit(create(), key="att_9"), InDoubt)
        assert isinstance(await found(t, "att_9"), CannotTell)
        (job,) = v.jobs.values()
        job.ends_s = 0.0
        assert await found(t, "att_9") == Exactly({"id": job.id})


async def found(t: Talk, key: str) -> Any:
    sought = Sought(key=key, spec=create(), since_ms=0, until_ms=2**40)
    return await t.driver.find(t.endpoint, t.adapter.find(sought), timeout_s=TIMEOUT_S)


async def test_a_job_that_a_callback_names_is_looked_at(clips: Path) -> None:
    """It must exist and be of the model and length that were asked for; a look that fails is to be repeated."""
    async with both("evolink", clips) as (v, t):
        ref = await t.accepted(create())

        async def confirmed(named: dict[str, Any], **spec: Any) -> Any:
            sought = Sought(key="k", spec=create(**spec), since_ms=0, until_ms=1)
            return await t.driver.find(t.endpoint, t.adapter.confirm(named, sought), timeout_s=TIMEOUT_S)

        assert await confirmed(ref) == Exactly(ref)
        assert isinstance(await confirmed(ref, seconds=8), NotReceived)
        assert isinstance(await confirmed({"id": "none-such"}), NotReceived)
        for status in (401, 429, 503):
            v.program(Fault(on="retrieve", do="refuse", status=status))
            assert isinstance(await confirmed(ref), NoAnswer), status


@pytest.mark.parametrize(
    ("preset", "balance"),
    [
        ("newapi", Charge("15.245")),
        ("newapi-kling", Charge("15.245")),
        ("crazyrouter-wallet", Charge("7.5")),
        ("evolink", Charge("252.5", Unit.CREDITS)),
    ],
)
async def test_the_account_is_read_for_nothing(preset: str, balance: Charge | None, clips: Path) -> None:
    """Models where the site lists them, the balance where it tells one."""
    async with both(preset, clips) as (v, t):
        account = await t.driver.account(t.endpoint, t.adapter.account(), timeout_s=TIMEOUT_S)
        assert isinstance(account, Account) and account.balance == balance
        assert v.counts["renders"] == 0
