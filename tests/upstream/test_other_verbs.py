"""What else a submission may end with, and the verbs that start nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.domain.verdicts import InDoubt, NoAnswer
from providers.contract import (
    Accepted,
    Account,
    AdapterSettings,
    Call,
    Cancelled,
    CannotCancel,
    Exactly,
    Finished,
    Flow,
    Form,
    JsonBody,
    KeyUsed,
    NotReceived,
    Part,
    Ref,
    Refused,
    Remote,
    Running,
    Spec,
    SubmitVerdict,
    TooLate,
    Why,
)
from providers.toolbox import why_of_status
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.http_desk import Desk, Say, say
from tests.upstream.house import (
    ACCEPTED,
    BREAKS,
    KEY,
    PAGE,
    Observed,
    Plain,
    endpoint,
    open_driver,
    read_submission,
    submitted,
)


class Says(Plain):
    """Ends every flow as it was told to."""

    def __init__(self, verdict: Any, *, starts_work: bool = True) -> None:
        super().__init__(AdapterSettings(), KEY)
        self.verdict = verdict
        self.starts_work = starts_work

    def submit(self, spec: Spec, key: str) -> Flow[Any]:
        yield Call(method="POST", path="/jobs", body=JsonBody({}), starts_work=self.starts_work)
        return self.verdict

    def poll(self, ref: Ref) -> Flow[Any]:
        yield Call(method="POST", path="/look", starts_work=self.starts_work)
        return self.verdict


@pytest.mark.parametrize("verdict", [KeyUsed(), KeyUsed({"id": "1"}), Finished(assets=(Remote(link="/x"),))])
async def test_other_ends_of_a_submission_pass(verdict: SubmitVerdict) -> None:
    """A key that was used, a clip that came at once."""
    async with Desk(lambda _: say(200, b"{}")) as desk, open_driver() as driver:
        assert await submitted(driver, desk.url, Says(verdict)) == verdict


async def test_a_poll_that_would_start_work_is_never_sent() -> None:
    """A bug of the adapter: NoAnswer, and not a byte leaves."""
    observed = Observed()
    async with Desk(lambda _: say(200, b"{}")) as desk, open_driver(observe=observed) as driver:
        place = endpoint(desk.url, Says(Running(1)))
        outcome = await driver.poll(place, place.adapter.poll({}), timeout_s=1)
        assert (type(outcome), desk.asked) == (NoAnswer, [])
    assert observed.words == [("plain", "poll", "bug")]


@pytest.mark.parametrize("fault", BREAKS[::3], ids=lambda fault: f"{fault.do.value}-{fault.at.value}")
async def test_a_poll_that_breaks_is_no_answer(fault: Fault) -> None:
    """Nothing is known of the job, and the same poll asks again later; the driver itself asks once."""
    async with (
        Desk(lambda _: say(200, b'{"progress":40}')) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(fault)
        place = endpoint(proxy.url)
        outcome = await driver.poll(place, place.adapter.poll({"id": "1"}), timeout_s=0.3)
        assert isinstance(outcome, NoAnswer)
        assert outcome.why is Why.OVERLOADED
        assert proxy.heads["GET"] == 1


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_polls_refusal_that_says_nothing_of_the_job_passes(status: int) -> None:
    """The adapter's word, whoever wrote the body."""
    async with Desk(lambda _: say(status, PAGE)) as desk, open_driver() as driver:
        place = endpoint(desk.url)
        outcome = await driver.poll(place, place.adapter.poll({"id": "1"}), timeout_s=1)
    assert isinstance(outcome, Refused)
    assert outcome.why is why_of_status(status)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
async def test_a_proxys_page_does_not_end_a_job(status: int) -> None:
    """A 404 page while the vendor deploys is not "this job is unknown"; the vendor's own JSON is."""
    async with open_driver() as driver:
        for body, kind in ((PAGE, NoAnswer), (b"", NoAnswer), (b'{"error":"gone"}', Refused)):
            async with Desk(lambda _, body=body: say(status, body)) as desk:  # type: ignore[misc]
                place = endpoint(desk.url)
                assert isinstance(await driver.poll(place, place.adapter.poll({"id": "1"}), timeout_s=1), kind)


async def test_a_character_is_fenced_like_a_submission() -> None:
    """Making one may cost: sent once, and in doubt when the answer is lost."""

    def flow(form: Form) -> Flow[Any]:
        reply = yield Call(method="POST", path="/characters", body=form, starts_work=True)
        return read_submission(reply)

    async def blobs(name: str) -> AsyncIterator[bytes]:
        yield name.encode()

    form = Form(files=(Part("video", "clip.mp4", "video/mp4", b"data"),))
    ends = iter([Say(b"", "close"), say(200, ACCEPTED)])
    async with Desk(lambda _: next(ends)) as desk, open_driver(blobs) as driver:
        place = endpoint(desk.url)
        assert isinstance(await driver.character(place, flow(form), timeout_s=1), InDoubt)
        assert await driver.character(place, flow(form), timeout_s=1) == Accepted({"id": "job_1"})
        assert len(desk.asked) == 2


async def test_a_submission_never_uses_a_connection_that_slept() -> None:
    """A vendor that closes idle connections does it in the very moment of a submission sooner or later."""
    async with Desk(lambda _: say(200, ACCEPTED)) as desk, open_driver() as driver:
        await submitted(driver, desk.url)
        await asyncio.sleep(1.1)
        await submitted(driver, desk.url)
        assert desk.connections == 2


async def test_polls_do_not_stand_in_the_way_of_submissions() -> None:
    """The pools are apart: a vendor whose polls all hang still gets submissions."""
    ends = {"GET": Say(b"", "hang"), "POST": say(200, ACCEPTED)}
    async with Desk(lambda asked: ends[asked.method]) as desk, open_driver(connections_per_host=1) as driver:
        place = endpoint(desk.url)
        poll = asyncio.create_task(driver.poll(place, place.adapter.poll({"id": "1"}), timeout_s=0.5))
        await asyncio.sleep(0.1)
        assert isinstance(await submitted(driver, desk.url), Accepted)
        assert isinstance(await poll, NoAnswer)


async def test_httpx_errors_never_reach_the_caller() -> None:
    """Inside, only our own outcomes exist."""
    async with open_driver() as driver:
        place = endpoint("http://127.0.0.1:1")
        try:
            await driver.poll(place, place.adapter.poll({"id": "1"}), timeout_s=1)
        except httpx.HTTPError:  # pragma: no cover
            pytest.fail("a foreign error came through")


@pytest.mark.parametrize(
    ("verb", "verdict"),
    [
        ("cancel", Cancelled(free=True)),
        ("cancel", TooLate()),
        ("cancel", CannotCancel("not now")),
        ("find", Exactly({"id": "1"})),
        ("find", NotReceived()),
        ("account", Account(models=("plain-1",))),
    ],
)
async def test_the_other_verbs_pass_on_what_the_vendor_says(verb: str, verdict: Any) -> None:
    """A name instead of an address this time: the system's own resolver leads there."""

    def flow() -> Flow[Any]:
        reply = yield Call(method="GET", path="/x", query=(("limit", "5"),))
        return verdict if reply.status == 200 else Refused(why=Why.OVERLOADED)

    async with Desk(lambda _: say(200, b'{"models": 1}')) as desk, open_driver() as driver:
        place = endpoint(f"http://localhost:{desk.port}", connect_timeout_s=2.0)
        assert await getattr(driver, verb)(place, flow(), timeout_s=3) == verdict
        assert desk.asked[0].target == "/x?limit=5"
    for verb_again in ("cancel", "find", "account"):
        async with open_driver() as driver:
            nowhere = endpoint("http://127.0.0.1:1")
            assert isinstance(await getattr(driver, verb_again)(nowhere, flow(), timeout_s=1), NoAnswer)
