"""NotSent and InDoubt: what may be repeated freely is told from what may be paid twice, at every byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.domain.verdicts import InDoubt, NoAnswer, NotSent, SubmitOutcome
from gateway.upstream.driver import Driver
from providers.contract import (
    Accepted,
    AdapterSettings,
    Call,
    Finished,
    Flow,
    Form,
    JsonBody,
    KeyUsed,
    Part,
    Ref,
    Refused,
    Remote,
    Running,
    Spec,
    SubmitVerdict,
    Unreadable,
    Why,
)
from providers.toolbox import why_of_status
from tests.support.fault_proxy import At, Do, Fault, FaultProxy, silent_port
from tests.support.http_desk import Asked, Desk, Say, say
from tests.upstream.house import (
    ACCEPTED,
    KEY,
    SPEC,
    HandClock,
    Observed,
    Plain,
    endpoint,
    open_driver,
    read_submission,
    soon,
)


async def submitted(
    driver: Driver, base_url: str, adapter: Plain | None = None, timeout_s: float = 5.0
) -> SubmitOutcome:
    place = endpoint(base_url, adapter, connect_timeout_s=0.3)
    return await driver.submit(
        place, place.adapter.submit(SPEC, "attempt-1"), send_by_boot_s=soon(), timeout_s=timeout_s
    )


# --- nothing left: free to repeat ---------------------------------------------------------------------------------


async def test_a_refused_connection_is_not_sent() -> None:
    """Nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with open_driver() as driver:
            outcome = await submitted(driver, f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert outcome == NotSent("POST brought no answer (ConnectError)")


async def test_a_name_that_leads_nowhere_is_not_sent() -> None:
    """The name server knows no such host."""

    def lookup(name: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async with open_driver(lookup=lookup) as driver:
        assert isinstance(await submitted(driver, "http://vendor.example"), NotSent)


async def test_a_name_server_that_hangs_is_not_sent() -> None:
    """The limit for connecting covers the name too."""
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(name: str) -> list[str]:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return ["127.0.0.1"]

    async with open_driver(lookup=lookup) as driver:
        assert isinstance(await submitted(driver, "http://vendor.example"), NotSent)
        gate.set()
        await asyncio.sleep(0.05)


async def test_a_handshake_that_never_ends_is_not_sent() -> None:
    """TCP's as well as TLS's."""
    async with silent_port() as port, FaultProxy("127.0.0.1", 1) as mute, open_driver() as driver:
        assert isinstance(await submitted(driver, f"http://127.0.0.1:{port}"), NotSent)
        assert isinstance(await submitted(driver, f"https://127.0.0.1:{mute.port}"), NotSent)


async def test_a_tls_failure_is_not_sent() -> None:
    """A server that does not speak TLS gets no request."""
    async with Desk(lambda _: Say(b"not TLS at all\r\n", "close")) as desk, open_driver() as driver:
        assert isinstance(await submitted(driver, f"https://127.0.0.1:{desk.port}"), NotSent)
        assert desk.asked == []


async def test_a_full_pool_is_not_sent() -> None:
    """All connections to the vendor are busy."""
    async with Desk(lambda _: Say(b"", "hang")) as desk, open_driver(connections_per_host=1) as driver:
        first = asyncio.create_task(submitted(driver, desk.url, timeout_s=1.5))
        await asyncio.sleep(0.1)
        assert await submitted(driver, desk.url) == NotSent("POST brought no answer (PoolTimeout)")
        assert isinstance(await first, InDoubt)
        assert len(desk.asked) == 1


async def test_after_send_by_nothing_leaves() -> None:
    """The clock is asked last of all, on the connection that stands; a suspend during connecting is noticed."""
    clock = HandClock()
    clock.stopped_at = 100.0
    async with Desk(lambda _: say(200, ACCEPTED)) as desk, open_driver(clock=clock) as driver:
        place = endpoint(desk.url)
        for send_by, sent in ((100.0, False), (99.0, False), (100.1, True)):
            outcome = await driver.submit(place, place.adapter.submit(SPEC, "k"), send_by_boot_s=send_by, timeout_s=5)
            assert isinstance(outcome, Accepted if sent else NotSent)
        assert len(desk.asked) == 1


class Steps(Plain):
    """An upload, then the create, then a look: only the create starts work."""

    def submit(self, spec: Spec, key: str) -> Flow[SubmitVerdict]:
        reply = yield Call(method="POST", path="/upload", body=b"picture")
        if reply.status != 200:
            return Refused(why=why_of_status(reply.status), message="the picture was refused")
        reply = yield Call(method="POST", path="/jobs", body=JsonBody({}), starts_work=True)
        verdict = read_submission(reply)
        if isinstance(verdict, Accepted):
            reply = yield Call(method="GET", path="/jobs/job_1")
            if reply.status == 404:
                return Refused(why=Why.NOT_FOUND)
        return verdict


def steps() -> Steps:
    return Steps(AdapterSettings(), KEY)


@pytest.mark.parametrize("fault", [Fault(Do.RESET), Fault(Do.CLOSE), Fault(Do.HANG), Fault(Do.RESET, At.REPLY_BODY)])
async def test_a_failure_before_the_call_that_starts_work_is_not_sent(fault: Fault) -> None:
    """The upload may have arrived; it costs nothing."""
    async with (
        Desk(lambda _: say(200, b"{}")) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(fault)
        assert isinstance(await submitted(driver, proxy.url, steps(), timeout_s=0.5), NotSent)
        assert proxy.heads["POST"] == 1


@pytest.mark.parametrize("body", [b'{"error":"nudity"}', b"<html>no</html>", b""])
async def test_a_refusal_before_the_call_that_starts_work_is_believed(body: bytes) -> None:
    """Whatever it looks like: nothing was asked for yet."""
    async with Desk(lambda _: say(400, body)) as desk, open_driver() as driver:
        outcome = await submitted(driver, desk.url, steps())
    assert outcome == Refused(why=Why.INVALID, message="the picture was refused")


# --- something left: in doubt -------------------------------------------------------------------------------------

BREAKS = [
    *(Fault(do, at) for do in (Do.RESET, Do.CLOSE, Do.HANG) for at in At),
    Fault(Do.DRIP, At.ANSWERED),
    Fault(Do.DRIP, At.REPLY_HEAD),
]


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
        assert asyncio.get_running_loop().time() - began < 0.6
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


PAGE = b"<html><body>502 Bad Gateway</body></html>"


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
        task = asyncio.create_task(submitted(driver, desk.url))
        await asyncio.sleep(0.1)
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
        assert 0.45 < asyncio.get_running_loop().time() - began < 0.6


# --- adapters that slip -------------------------------------------------------------------------------------------


class Slip(Plain):
    """Breaks the contract at a chosen place."""

    def __init__(self, how: str) -> None:
        super().__init__(AdapterSettings(), KEY)
        self.how = how

    def submit(self, spec: Spec, key: str) -> Flow[Any]:
        if self.how == "before":
            raise KeyError("prompt")
        if self.how == "no work":
            yield Call(method="POST", path="/jobs", body=JsonBody({}))
            return Accepted({"id": "1"})
        path = {"address": "ftp://x/", "no host": "http:///x"}.get(self.how, "/jobs")
        headers = {"header": {"x": "a\r\nb: c"}, "length": {"content-length": "5"}}.get(self.how, {})
        yield Call(method="POST", path=path, headers=headers, body=JsonBody({}), starts_work=True)
        if self.how == "after":
            raise KeyError(KEY)
        if self.how == "unreadable":
            raise Unreadable("$.id is not a text")
        if self.how == "twice":
            yield Call(method="POST", path="/jobs", body=JsonBody({}), starts_work=True)
        if self.how == "big ref":
            return Accepted({"id": "x" * 5000})
        if self.how == "empty ref":
            return Accepted({})
        if self.how == "not a call":
            yield "GET /"  # type: ignore[misc]
        if self.how == "stubborn":
            try:
                yield Call(method="GET", path="/jobs/hang")
            finally:
                yield Call(method="GET", path="/jobs/again")
        if self.how == "endless":
            while True:
                yield Call(method="GET", path="/jobs/1")
        return Running(5) if self.how == "wrong kind" else None


@pytest.mark.parametrize("how", ["before", "address", "no host", "header", "length"])
async def test_an_adapter_that_slips_before_sending_costs_nothing(how: str) -> None:
    """NotSent, counted as a bug, and never an exception."""
    observed = Observed()
    async with Desk(lambda _: say(200, ACCEPTED)) as desk, open_driver(observe=observed) as driver:
        outcome = await submitted(driver, desk.url, Slip(how))
        assert (type(outcome), desk.asked) == (NotSent, [])
    assert observed.words == [("plain", "submit", "bug")]


@pytest.mark.parametrize(
    "how", ["after", "twice", "big ref", "empty ref", "not a call", "endless", "wrong kind", "nothing", "no work"]
)
async def test_an_adapter_that_slips_after_sending_leaves_doubt(how: str) -> None:
    """InDoubt, whatever went wrong; a second call that starts work never leaves."""
    async with Desk(lambda _: say(200, ACCEPTED)) as desk, open_driver() as driver:
        outcome = await submitted(driver, desk.url, Slip(how))
        assert isinstance(outcome, InDoubt)
        assert KEY not in repr(outcome)
        assert sum(asked.method == "POST" for asked in desk.asked) == 1
        assert len(desk.asked) <= 64


async def test_an_unreadable_answer_is_no_bug() -> None:
    """The adapter did its duty; the message says what was missing."""
    observed = Observed()
    async with Desk(lambda _: say(200, ACCEPTED)) as desk, open_driver(observe=observed) as driver:
        outcome = await submitted(driver, desk.url, Slip("unreadable"))
    assert outcome == InDoubt("an answer that cannot be understood: $.id is not a text", 200)
    assert observed.words == [("plain", "submit", "in_doubt")]


async def test_a_flow_that_will_not_be_closed_does_no_harm() -> None:
    """An adapter that yields while it is being closed has a bug, and that is all."""
    ends = {"/jobs": say(200, ACCEPTED), "/jobs/hang": Say(b"", "hang")}
    async with Desk(lambda asked: ends[asked.target]) as desk, open_driver() as driver:
        assert isinstance(await submitted(driver, desk.url, Slip("stubborn"), timeout_s=0.3), InDoubt)


# --- the other outcomes, and the other verbs ----------------------------------------------------------------------


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


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: f"{fault.do.value}-{fault.at.value}")
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
