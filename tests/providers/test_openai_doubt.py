"""What the openai adapter makes of doubt, of jobs that end badly and of files that are not what they seem, over a real
wire with the strict vendor."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.domain.verdicts import InDoubt, NoAnswer
from gateway.upstream.download import Downloaded, LinkStale
from providers.contract import (
    Accepted,
    Broken,
    Cancelled,
    CannotCancel,
    CannotTell,
    Finished,
    KeyUsed,
    NotReceived,
    Probably,
    Refused,
    TooLate,
    Why,
)
from tests.support.openai_talk import QUICK, Talk, create, now_ms, talk
from tests.support.vendor import Fault, Vendor, throttle, vendor, vendor_process

# --- doubt -------------------------------------------------------------------------------------------------------


async def test_a_lost_answer_is_found_in_the_list(v: Vendor, t: Talk) -> None:
    """Probably: there is no key on the wire. The one candidate is the job that was made."""
    since_ms = now_ms()
    v.program(Fault(on="submit", do="close", at="after_making"))
    assert isinstance(await t.submit(create()), InDoubt)
    await t.accepted(create("Another"))
    await t.accepted(create(seconds=8))
    found = await t.find(create(), since_ms=since_ms)
    made = next(iter(v.desk.jobs))
    assert found == Probably(({"id": made},))


async def test_an_empty_list_proves_something_only_where_somebody_vouches_for_it(v: Vendor) -> None:
    """Money is given back for NotReceived, so it is said only where `visible_after_s` is declared."""
    async with talk(v.base_url, v.api_key) as t:
        assert isinstance(await t.find(create(), since_ms=now_ms()), CannotTell)
    async with talk(v.base_url, v.api_key, visible_after_s=1) as t:
        assert await t.find(create(), since_ms=now_ms()) == NotReceived()


async def test_a_long_list_is_read_page_by_page(v: Vendor) -> None:
    """The hundred-and-first job is found too."""
    async with talk(v.base_url, v.api_key, visible_after_s=1) as t:
        since_ms = now_ms()
        await t.accepted(create("The first"))
        for number in range(105):
            await t.accepted(create(f"Number {number}"))
        assert isinstance(await t.find(create("The first"), since_ms=since_ms), Probably)
        assert await t.find(create("None"), since_ms=since_ms) == NotReceived()
    assert v.counts["list"] == 4


async def test_a_list_that_lags_hides_the_job(v: Vendor, t: Talk) -> None:
    """What `visible_after_s` is about: for a while a received job is in no list."""
    since_ms = now_ms()
    v.program(Fault(on="list", do="lag", seconds=60))
    await t.accepted(create())
    assert isinstance(await t.find(create(), since_ms=since_ms), CannotTell)
    assert isinstance(await t.find(create(), since_ms=since_ms), Probably)


async def test_a_list_that_is_away_is_no_answer(v: Vendor, t: Talk) -> None:
    """Trouble while looking is not "cannot tell": the question is asked again."""
    v.program(Fault(on="list", do="refuse", status=503, code="server_is_overloaded"))
    assert isinstance(await t.find(create(), since_ms=now_ms()), NoAnswer)


async def test_a_vendor_without_a_list_cannot_be_asked(tmp_path: Path) -> None:
    """404 on the list is an answer: never ask again."""
    async with vendor(lists=False, **QUICK) as v, talk(v.base_url, v.api_key, visible_after_s=1) as t:
        assert isinstance(await t.find(create(), since_ms=now_ms()), CannotTell)


async def test_the_same_key_makes_one_job(tmp_path: Path) -> None:
    """Where keys are honoured a resend is safe: equal bytes, the same job, one render."""
    async with (
        vendor(keys="replay", **QUICK) as v,
        talk(v.base_url, v.api_key, honours_idempotency_key=True) as t,
    ):
        v.program(Fault(on="submit", do="close", at="after_making"))
        assert isinstance(await t.submit(create()), InDoubt)
        again = await t.submit(create(), send="resend")
        assert again == Accepted({"id": next(iter(v.desk.jobs))})
        assert v.counts["renders"] == 1 and v.counts["submissions"] == 2
        assert isinstance(await t.submit(create("Another")), KeyUsed)
        assert t.adapter.abilities("sora-2").resend_safe_s == 600


async def test_a_used_key_is_evidence_that_the_first_sending_arrived(tmp_path: Path) -> None:
    """Some servers refuse a repetition instead of answering it."""
    async with (
        vendor(keys="refuse", **QUICK) as v,
        talk(v.base_url, v.api_key, honours_idempotency_key=True) as t,
    ):
        v.program(Fault(on="submit", do="hang", at="after_making", seconds=1))
        first = asyncio.create_task(t.submit(create()))
        async with asyncio.timeout(10):
            while not v.counts["renders"]:
                await asyncio.sleep(0.01)
        assert isinstance(await t.submit(create(), send="resend"), KeyUsed)
        assert isinstance(await first, Accepted)
        assert v.counts["renders"] == 1


# --- polls -------------------------------------------------------------------------------------------------------


async def test_a_failed_job_says_why(v: Vendor, t: Talk) -> None:
    """Moderation while rendering is a failed job inside a 200."""
    v.program(
        Fault(on="submit", do="fail", code="moderation_blocked", message="No."),
        Fault(on="submit", do="fail", code="gpu_on_fire"),
        Fault(on="submit", do="complete_with_error", code="render_failed"),
    )
    refs = [await t.accepted(create(f"Number {number}")) for number in range(3)]
    ends = [await t.ended(ref) for ref in refs]
    assert [end.why for end in ends if isinstance(end, Broken)] == [Why.BLOCKED, Why.INTERNAL, Why.INTERNAL]


async def test_a_forgotten_job_is_not_found(v: Vendor, t: Talk) -> None:
    """404 with the vendor's own error object; several in a row mean that it is lost."""
    v.program(Fault(on="submit", do="forget"))
    lost = await t.poll(await t.accepted(create()))
    assert isinstance(lost, Refused) and lost.why is Why.NOT_FOUND


@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="retrieve", do="html", status=404),
        Fault(on="retrieve", do="html", status=502),
        Fault(on="retrieve", do="garbage"),
        Fault(on="retrieve", do="empty"),
        Fault(on="retrieve", do="half"),
        Fault(on="retrieve", do="close", reset=True),
    ],
    ids=lambda fault: f"{fault.do}-{fault.status}",
)
async def test_a_poll_that_cannot_be_read_says_nothing_about_the_job(v: Vendor, t: Talk, fault: Fault) -> None:
    """A proxy's page is not the vendor's word: the job goes on and ends well."""
    ref = await t.accepted(create())
    v.program(fault)
    assert isinstance(await t.poll(ref), NoAnswer)
    assert isinstance(await t.ended(ref), Finished)


async def test_a_poll_that_is_throttled_waits(v: Vendor, t: Talk) -> None:
    ref = await t.accepted(create())
    v.program(throttle(on="retrieve", retry_after="2"))
    refused = await t.poll(ref)
    assert isinstance(refused, Refused) and refused.why is Why.THROTTLED and refused.retry_after_s == 2.0


# --- content -----------------------------------------------------------------------------------------------------


async def test_completed_without_a_clip_shows_at_the_content(v: Vendor, t: Talk) -> None:
    """The status alone proves no clip."""
    v.program(Fault(on="submit", do="complete_empty"))
    ref = await t.accepted(create())
    assert isinstance(await t.ended(ref), Finished)
    outcome, _ = await t.download(ref)
    assert isinstance(outcome, LinkStale)


async def test_a_clip_that_breaks_off_is_not_taken_for_whole(v: Vendor, t: Talk) -> None:
    """The connection ended before the promised length."""
    ref = await t.accepted(create())
    await t.ended(ref)
    v.program(Fault(on="content", do="truncate"))
    outcome, _ = await t.download(ref)
    assert isinstance(outcome, Downloaded) and outcome.truncated


async def test_wrong_clips_arrive_whole(v: Vendor, t: Talk) -> None:
    """Cut consistently, another size, another length: only a look into the file tells."""
    ref = await t.accepted(create())
    await t.ended(ref)
    right = await t.clip(ref)
    v.program(*(Fault(on="content", do=do) for do in ("cut", "wrong_size", "wrong_seconds")))
    cut, small, short = [await t.clip(ref) for _ in range(3)]
    assert cut == right[: len(right) // 2]
    assert right != small != short != right and small[4:8] == short[4:8] == b"ftyp"


async def test_a_slow_clip_arrives(v: Vendor, t: Talk) -> None:
    ref = await t.accepted(create())
    await t.ended(ref)
    right = await t.clip(ref)
    v.program(Fault(on="content", do="slow", seconds=0.01), Fault(on="content", do="refuse", status=404))
    outcome, _ = await t.download(ref)
    assert isinstance(outcome, LinkStale)
    assert await t.clip(ref) == right


# --- cancel ------------------------------------------------------------------------------------------------------


async def test_nothing_is_cancelled_by_default(v: Vendor, t: Talk) -> None:
    """DELETE erases ended jobs, so the contract knows no cancel; nothing is sent."""
    ref = await t.accepted(create())
    assert isinstance(await t.cancel(ref), CannotCancel)
    assert "delete" not in v.counts and v.counts["retrieve"] == 0


async def test_a_server_that_deletes_only_ended_jobs_cancels_nothing(v: Vendor) -> None:
    """The setting was wrong for this server; the job goes on."""
    async with talk(v.base_url, v.api_key, delete_cancels=True) as t:
        v.program(Fault(on="submit", do="never"))
        ref = await t.accepted(create())
        assert isinstance(await t.cancel(ref), CannotCancel)
        assert not isinstance(await t.poll(ref), Cancelled)


async def test_a_server_whose_delete_stops_a_job(tmp_path: Path) -> None:
    """A running one is stopped; a finished clip is not erased by a cancel that came late."""
    async with (
        vendor(clips=str(tmp_path), cancels=True, **QUICK) as v,
        talk(v.base_url, v.api_key, delete_cancels=True) as t,
    ):
        v.program(Fault(on="submit", do="never"))
        running, finished = await t.accepted(create("Running")), await t.accepted(create("Finished"))
        assert t.adapter.abilities("sora-2").cancels and isinstance(await t.cancel(running), Cancelled)
        await t.ended(finished)
        assert isinstance(await t.cancel(finished), TooLate) and v.counts["delete"] == 1
        assert await t.clip(finished)


# --- in another process ------------------------------------------------------------------------------------------


async def test_a_vendor_in_another_process_counts_for_itself(tmp_path: Path) -> None:
    """What it received is asked of it, whoever has died meanwhile; faults are told to it while it runs."""
    async with vendor_process(tmp_path, clips=str(tmp_path), **QUICK) as v:
        async with talk(v.base_url, v.api_key) as t:
            await v.program(Fault(on="create", do="close", at="after_making"))
            assert isinstance(await t.submit(create("Lost")), InDoubt)
            ref = await t.accepted(create("Kept"))
            await v.finish()
            assert isinstance(await t.poll(ref), Finished)
        counts = await v.counts()
        assert (counts["submissions"], counts["renders"], counts["faults_happened"]) == (2, 2, 1)
        assert [job["prompt"] for job in await v.jobs()] == ["Lost", "Kept"]
        assert [one["verb"] for one in await v.requests()] == ["create", "create", "retrieve"]
        assert v.api_key not in str(await v.requests())
        await v.change(render_s=1000)
        async with talk(v.base_url, v.api_key) as t:
            assert not isinstance(await t.poll(await t.accepted(create())), Finished)
