"""What the tests of this room share: a plain vendor's adapter, a clock to wind by hand, a driver that is closed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from gateway.domain.verdicts import SubmitOutcome
from gateway.upstream.driver import Driver
from gateway.upstream.endpoints import Endpoint
from providers.contract import (
    Abilities,
    Accepted,
    Adapter,
    AdapterSettings,
    Call,
    Flow,
    JsonBody,
    NothingMade,
    PollVerdict,
    Ref,
    Refused,
    Reply,
    Running,
    Size,
    Spec,
    SubmitVerdict,
    Why,
)
from providers.toolbox import clean, read_json, why_of_status
from tests.support.fault_proxy import At, Do, Fault

KEY = "sk-canary-7f3a9b"
SPEC = Spec(model="plain-1", prompt="a heron at dawn", seconds=4, size=Size(1280, 720))
ACCEPTED = b'{"id":"job_1"}'


class Plain(Adapter[AdapterSettings]):
    """A vendor as simple as they come: POST /jobs, GET /jobs/<id>."""

    kind = "plain"
    nothing_made: ClassVar[dict[str, NothingMade]] = {
        "maintenance": NothingMade(status=503, source="docs/errors: 'maintenance' is sent before anything")
    }

    def models(self) -> tuple[str, ...]:
        return ("plain-1",)

    def abilities(self, model: str) -> Abilities:
        return Abilities(seconds=(4,), sizes=(Size(1280, 720),))

    def submit(self, spec: Spec, key: str) -> Flow[SubmitVerdict]:
        reply = yield Call(
            method="POST",
            path="/jobs",
            headers={"idempotency-key": key},
            body=JsonBody({"prompt": spec.prompt, "seconds": spec.seconds}),
            starts_work=True,
        )
        return read_submission(reply)

    def poll(self, ref: Ref) -> Flow[PollVerdict]:
        reply = yield Call(method="GET", path=f"/jobs/{ref['id']}")
        if reply.status != 200:
            return Refused(why=why_of_status(reply.status), message=clean(reply.body.decode(errors="replace")))
        return Running(read_json(reply)["progress"].percent())


def read_submission(reply: Reply) -> SubmitVerdict:
    if reply.status == 200:
        return Accepted({"id": read_json(reply)["id"].ident()})
    proof = "maintenance" if b"maintenance" in reply.body else None
    message = clean(reply.body.decode(errors="replace"))
    return Refused(why=why_of_status(reply.status), message=message, proof=proof)


class HandClock:
    """Boot seconds that a test may stop; Unix time as it is."""

    def __init__(self) -> None:
        self.stopped_at: float | None = None
        self.asked: list[float] = []

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_s(self) -> float:
        return time.monotonic() if self.stopped_at is None else self.stopped_at


async def no_blobs(name: str) -> AsyncIterator[bytes]:
    """An asset store without anything in it."""
    nothing: tuple[bytes, ...] = ()
    for data in nothing:
        yield data


def endpoint(base_url: str, adapter: Adapter[Any] | None = None, **facts: Any) -> Endpoint:
    return Endpoint("plain", base_url, adapter or Plain(AdapterSettings(), KEY), **facts)


class Observed:
    """What the driver reported: (provider, verb, outcome)."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str, str]] = []

    def __call__(self, provider: str, verb: str, word: str, seconds: float) -> None:
        assert seconds >= 0
        self.words.append((provider, verb, word))


@asynccontextmanager
async def open_driver(
    blobs: Callable[[str], AsyncIterator[bytes]] = no_blobs, clock: HandClock | None = None, **options: Any
) -> AsyncIterator[Driver]:
    driver = Driver(blobs, clock or HandClock(), **options)
    try:
        yield driver
    finally:
        await driver.close()


def soon() -> float:
    """A `send_by` that is far enough away."""
    return time.monotonic() + 60


async def submitted(
    driver: Driver,
    base_url: str,
    adapter: Plain | None = None,
    *,
    timeout_s: float = 5.0,
    connect_timeout_s: float = 0.3,
) -> SubmitOutcome:
    place = endpoint(base_url, adapter, connect_timeout_s=connect_timeout_s)
    return await driver.submit(
        place, place.adapter.submit(SPEC, "attempt-1"), send_by_boot_s=soon(), timeout_s=timeout_s
    )


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


PAGE = b"<html><body>502 Bad Gateway</body></html>"
BREAKS = [
    *(Fault(do, at) for do in (Do.RESET, Do.CLOSE, Do.HANG) for at in At),
    Fault(Do.DRIP, At.ANSWERED),
    Fault(Do.DRIP, At.REPLY_HEAD),
]
