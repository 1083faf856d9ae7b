"""Adapters that break their contract: nothing is raised, nothing is sent twice, nothing is believed too much."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.verdicts import InDoubt, NotSent
from providers.contract import Accepted, AdapterSettings, Call, Flow, JsonBody, Running, Spec, Unreadable
from tests.support.http_desk import Desk, Say, say
from tests.upstream.house import ACCEPTED, KEY, Observed, Plain, open_driver, submitted


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
        assert outcome.ours or how == "no work"  # what an adapter does wrong is not held against the vendor
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
