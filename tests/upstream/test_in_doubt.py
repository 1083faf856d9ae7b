"""InDoubt: something left, and no answer proves what became of it. Never free, never sent twice."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.verdicts import InDoubt
from providers.contract import AdapterSettings, Call, Flow, Refused, Spec, SubmitVerdict, Why
from tests.support.fault_proxy import At, Do, Fault, FaultProxy
from tests.support.http_desk import Asked, Desk, Say, say
from tests.upstream.house import (
    ACCEPTED,
    BREAKS,
    KEY,
    PAGE,
    Observed,
    Plain,
    open_driver,
    read_submission,
    steps,
    submitted,
)


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: f"{fault.do.value}-{fault.at.value}")
async def test_a_break_after_the_first_byte_is_in_doubt(fault: Fault) -> None:
    """Reset, closed, hung or dripping at any place: never free, and sent once only."""
    async with (
        Desk(lambda _: say(200, ACCEPTED)) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(fault)
        began = asyncio.get_running_loop().time()
        assert isinstance(await submitted(driver, proxy.url, timeout_s=0.4), InDoubt)
        assert asyncio.get_running_loop().time() - began < 2
        assert (proxy.heads["POST"], len(desk.asked)) == (1, fault.at in AFTER)


AFTER = (At.ANSWERED, At.REPLY_HEAD, At.REPLY_BODY)


@pytest.mark.parametrize("fault", [Fault(Do.RESET, At.HALF), Fault(Do.CLOSE, At.HALF), Fault(Do.HANG, At.HALF)])
async def test_half_a_large_body_is_in_doubt(fault: Fault) -> None:
    """Far more than the buffers hold: the vendor saw a part of it, and who knows what it does with that."""

    class Large(Plain):
        def submit(self, spec: Spec, key: str) -> Flow[SubmitVerdict]:
            reply = yield Call(method="POST", path="/jobs", body=b"x" * 8_000_000, starts_work=True)
            return read_submission(reply)

    async with FaultProxy("127.0.0.1", 1) as proxy, open_driver() as driver:
        proxy.next(fault)
        assert isinstance(await submitted(driver, proxy.url, Large(AdapterSettings(), KEY), timeout_s=0.5), InDoubt)
        assert (proxy.heads["POST"], proxy.received["POST"]) == (1, 0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, b'{"error":"x"}') for status in (301, 302, 307, 408, 500, 502, 503, 504, 520, 524, 529)),
        *((status, PAGE) for status in (200, 400, 401, 403, 404, 429, 502)),
        *((status, b"") for status in (200, 202, 304, 400, 404)),
        *((status, b'"Forbidden"') for status in (400, 401, 403)),
        (200, b'{"id":'),
        (200, b'{"id":""}'),
        (200, b'{"no":"id"}'),
        (200, b"[" * 100_000),
        (400, b"[" * 100_000),
        (200, b"\xff\xfe"),
        (418, b'{"error":"a class that says nothing"}'),
    ],
)
async def test_an_answer_that_proves_nothing_is_in_doubt(status: int, body: bytes) -> None:
    """Only the vendor's own readable "no" is a refusal. The status is kept for whoever looks into it."""
    async with Desk(lambda _: say(status, body)) as desk, open_driver() as driver:
        outcome = await submitted(driver, desk.url)
    assert isinstance(outcome, InDoubt)
    assert outcome.status == status


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (400, Why.INVALID), (401, Why.UNAUTHORISED), (402, Why.NO_CREDIT), (403, Why.UNAUTHORISED),
        (404, Why.NOT_FOUND), (410, Why.NOT_FOUND), (413, Why.INVALID), (422, Why.INVALID), (429, Why.THROTTLED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b'{"error":"no"}', b'["no"]', b'  {"a":1}\n'])
async def test_a_readable_no_of_the_vendor_is_believed(status: int, why: Why, body: bytes) -> None:
    """A 4xx with a JSON object or array."""
    async with Desk(lambda _: say(status, body)) as desk, open_driver() as driver:
        outcome = await submitted(driver, desk.url)
    assert isinstance(outcome, Refused)
    assert outcome.why is why


async def test_a_declared_proof_is_believed_with_its_status_only() -> None:
    """The adapter says which answer outside the readable 4xx proves that nothing was made."""
    async with open_driver() as driver:
        async with Desk(lambda _: say(503, b"maintenance")) as desk:
            outcome = await submitted(driver, desk.url)
            assert isinstance(outcome, Refused)
            assert outcome.proof == "maintenance"
        async with Desk(lambda _: say(502, b"maintenance")) as desk:
            assert isinstance(await submitted(driver, desk.url), InDoubt)


async def test_a_reply_larger_than_allowed_is_in_doubt() -> None:
    """By its length at once, by its bytes when they are too many; it is never read whole."""
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 6
    for answer in (Say(endless, "hang"), say(200, content_length="100000000")):
        async with Desk(lambda _, answer=answer: answer) as desk, open_driver() as driver:  # type: ignore[misc]
            outcome = await submitted(driver, desk.url)
            assert outcome == InDoubt("a reply larger than allowed", 200)


async def test_trouble_after_the_acceptance_is_in_doubt() -> None:
    """The create was answered 200; what comes later in the flow cannot make it free."""
    for after in (say(404, b'{"error":"not yet"}'), Say(b"", "close"), Say(b"", "hang")):

        def answer(asked: Asked, after: Say = after) -> Say:
            return after if asked.method == "GET" else say(200, ACCEPTED)

        async with Desk(answer) as desk, open_driver() as driver:
            outcome = await submitted(driver, desk.url, steps(), timeout_s=0.5)
            assert isinstance(outcome, InDoubt)
            assert outcome.status == 200


async def test_being_cancelled_passes_through_and_seals_the_request() -> None:
    """A graceful stop: the caller sees the cancellation and takes the attempt as in doubt."""
    observed = Observed()
    async with Desk(lambda _: Say(b"", "hang")) as desk, open_driver(observe=observed) as driver:
        task = asyncio.create_task(submitted(driver, desk.url, timeout_s=20))
        async with asyncio.timeout(10):
            while not desk.asked:
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(desk.asked) == 1
    assert observed.words == [("plain", "submit", "cut")]


async def test_a_slow_loris_is_stopped_by_the_clock_on_the_wall() -> None:
    """One byte each 50 ms would take seconds; no timeout between bytes would notice."""
    async with (
        Desk(lambda _: say(200, ACCEPTED)) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(Fault(Do.DRIP, At.ANSWERED))
        began = asyncio.get_running_loop().time()
        outcome = await submitted(driver, proxy.url, timeout_s=0.5)
        assert outcome == InDoubt("no answer in time")
        assert 0.45 < asyncio.get_running_loop().time() - began < 2
