"""The driver: performs every call that an adapter asks for, and says what became of it.

    submission: the adapter's verdict, or NotSent, or InDoubt        everything else: its verdict, or NoAnswer

Belongs here: the order of things (sign, check the clock, send, read) and the limits in time. What a reply proves is
`judge`'s. Nothing here sends a call twice, follows a redirect of a call, or raises for what a vendor or an adapter did.
A caller that is cancelled while a submission runs must take it as in doubt.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import httpx
from msgspec.structs import replace

from gateway.clock import Clock
from gateway.domain.verdicts import CancelOutcome, FindOutcome, InDoubt, NoAnswer, NotSent, PollOutcome, SubmitOutcome
from gateway.killpoints import reach
from gateway.log import log, where
from gateway.upstream import bodies, download, images, judge
from gateway.upstream.addresses import Lookup, look_up
from gateway.upstream.bodies import Blobs
from gateway.upstream.clients import Clients, origin_of, own_origins
from gateway.upstream.download import Downloaded, LinkStale, Pace
from gateway.upstream.endpoints import Endpoint
from gateway.upstream.images import ImageRefused
from gateway.upstream.judge import Facts, NoVerdict, Proofs, Verdict
from gateway.upstream.replies import read
from gateway.upstream.wire import OwnFileBroken, SendByPassed, Wire
from providers.contract import (
    AccountVerdict,
    Call,
    CancelVerdict,
    CharacterVerdict,
    FindVerdict,
    Flow,
    LoadVerdict,
    PollVerdict,
    ProbeVerdict,
    Reply,
    SubmitVerdict,
    Unreadable,
    Why,
)

CALLS_MAX = 64  # of one flow

Observe: TypeAlias = Callable[[str, str, str, float], None]
"""(provider, verb, what came of it, seconds); both words from closed lists: `judge.VERDICTS`, `WORDS`."""
Judge: TypeAlias = Callable[[Verdict, Facts, Proofs], Any]

_PACE = Pace()
# The kill points of sends are fewer than the verbs: making a character is a submission, the others are looks.
_POINTS = {"character": "submit", "account": "poll", "load": "poll", "probe": "poll"}

WORDS: dict[str, str] = {
    name: "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
    for name in (
        "Accepted", "Finished", "Refused", "KeyUsed", "NotSent", "InDoubt", "Running", "Broken", "NoAnswer",
        "Cancelled", "TooLate", "CannotCancel", "Exactly", "Probably", "NotReceived", "CannotTell", "Account", "Load",
        "Probed",
        "Downloaded", "LinkStale",
    )
}  # fmt: skip
"""What can come of a call, in the words of metrics; beside these `cut` (the caller was cancelled) and `bug`."""


@dataclass(slots=True)
class _Trip:
    """One flow on its way."""

    endpoint: Endpoint
    verb: str
    flow: Flow[Any]
    may_leave: Callable[[], bool] | None = None
    wire: Wire | None = None  # of the call that starts work
    bug: bool = False
    facts: Facts = field(default_factory=Facts)


class Driver:
    """Vendors' HTTP for one process. `close` it in the loop that used it."""

    def __init__(
        self,
        blobs: Blobs,
        clock: Clock,
        *,
        observe: Observe = lambda *_: None,
        socket_timeout_s: float = 10.0,
        connections_per_host: int = 256,
        lookup: Lookup = look_up,
        as_public: frozenset[str] = frozenset(),
        image_ports: frozenset[int] = frozenset({443}),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.socket_timeout_s = socket_timeout_s
        """No kernel delivers a byte later than this after it was written."""
        self._blobs = blobs
        self._clock = clock
        self._observe = observe
        self._image_ports = image_ports
        self._clients = Clients(
            socket_timeout_s=socket_timeout_s,
            connections_per_host=connections_per_host,
            lookup=lookup,
            as_public=as_public,
            tls=tls,
        )

    async def submit(
        self,
        endpoint: Endpoint,
        flow: Flow[SubmitVerdict],
        *,
        send_by_boot_s: float,
        timeout_s: float,
        send: str = "submit",
    ) -> SubmitOutcome:
        """`send` is "submit", or "resend" for the same call under the same key once more."""
        trip = _Trip(endpoint, send, flow, lambda: self._clock.boot_s() < send_by_boot_s)
        return cast(SubmitOutcome, await self._run(trip, timeout_s, judge.submission))

    async def poll(self, endpoint: Endpoint, flow: Flow[PollVerdict], *, timeout_s: float) -> PollOutcome:
        return cast(PollOutcome, await self._run(_Trip(endpoint, "poll", flow), timeout_s, judge.look))

    async def cancel(self, endpoint: Endpoint, flow: Flow[CancelVerdict], *, timeout_s: float) -> CancelOutcome:
        return cast(CancelOutcome, await self._run(_Trip(endpoint, "cancel", flow), timeout_s, judge.as_said))

    async def find(self, endpoint: Endpoint, flow: Flow[FindVerdict], *, timeout_s: float) -> FindOutcome:
        return cast(FindOutcome, await self._run(_Trip(endpoint, "find", flow), timeout_s, judge.search))

    async def character(
        self, endpoint: Endpoint, flow: Flow[CharacterVerdict], *, timeout_s: float
    ) -> CharacterVerdict | NotSent | InDoubt:
        trip = _Trip(endpoint, "character", flow)
        return cast(CharacterVerdict | NotSent | InDoubt, await self._run(trip, timeout_s, judge.submission))

    async def account(
        self, endpoint: Endpoint, flow: Flow[AccountVerdict], *, timeout_s: float
    ) -> AccountVerdict | NoAnswer:
        trip = _Trip(endpoint, "account", flow)
        return cast(AccountVerdict | NoAnswer, await self._run(trip, timeout_s, judge.account))

    async def load(self, endpoint: Endpoint, flow: Flow[LoadVerdict], *, timeout_s: float) -> LoadVerdict | NoAnswer:
        return cast(LoadVerdict | NoAnswer, await self._run(_Trip(endpoint, "load", flow), timeout_s, judge.as_said))

    async def probe(self, endpoint: Endpoint, flow: Flow[ProbeVerdict], *, timeout_s: float) -> ProbeVerdict | NoAnswer:
        trip = _Trip(endpoint, "probe", flow)
        return cast(ProbeVerdict | NoAnswer, await self._run(trip, timeout_s, judge.as_said))

    async def download(
        self,
        endpoint: Endpoint,
        call: Call,
        sink: Callable[[bytes], Awaitable[None]],
        *,
        bytes_max: int,
        timeout_s: float,
        pace: Pace = _PACE,
    ) -> Downloaded | LinkStale | NoAnswer:
        """Stream a vendor's file into `sink`. What `sink` raises passes through: failing to store is ours."""
        began_s, word = time.perf_counter(), "cut"
        try:
            reach("before.send.download")
            outcome = await download.fetch(
                self._clients, self._blobs, endpoint, call, sink, bytes_max=bytes_max, timeout_s=timeout_s, pace=pace,
                now_ms=self._clock.now_ms(),
            )  # fmt: skip
            reach("after.send.download")
            word = WORDS[type(outcome).__name__]
            return outcome
        except NoVerdict as error:
            word = "bug"
            log(
                "adapter_failed",
                "error",
                provider=endpoint.provider,
                verb="download",
                **where(error.__cause__ or error),
            )
            return NoAnswer(str(error), error.why)
        finally:
            self._observe(endpoint.provider, "download", word, time.perf_counter() - began_s)

    async def fetch_image(
        self, url: str, *, hold: Callable[[int], None], bytes_max: int, timeout_s: float = 15.0
    ) -> bytes | ImageRefused:
        """Fetch a picture from an address that a client gave: https and public, whatever it redirects to. `hold` takes
        the memory for each piece; what it raises passes through."""
        return await images.fetch_image(
            self._clients, url, hold=hold, bytes_max=bytes_max, timeout_s=timeout_s, ports=self._image_ports
        )

    async def close(self) -> None:
        await self._clients.close()

    # --- one flow ------------------------------------------------------------------------------------------------

    async def _run(self, trip: _Trip, timeout_s: float, believe: Judge) -> Any:
        began_s, word = time.perf_counter(), "cut"
        try:
            outcome = await self._outcome(trip, timeout_s, believe)
            word = "bug" if trip.bug else WORDS[type(outcome).__name__]
            return outcome
        finally:
            self._observe(trip.endpoint.provider, trip.verb, word, time.perf_counter() - began_s)

    async def _outcome(self, trip: _Trip, timeout_s: float, believe: Judge) -> Any:
        try:
            async with asyncio.timeout(timeout_s):
                verdict = await self._follow(trip)
        except TimeoutError:
            return self._nothing(trip, NoVerdict("no answer in time", Why.OVERLOADED))
        except NoVerdict as error:
            return self._nothing(trip, error)
        finally:
            self._leave(trip)
        facts = trip.facts
        return judge.redacted(believe(verdict, facts, trip.endpoint.adapter.nothing_made), facts.signings)

    def _nothing(self, trip: _Trip, error: NoVerdict) -> NotSent | InDoubt | NoAnswer:
        """The outcome of a flow that brought no verdict."""
        if trip.wire is not None:
            trip.facts.sent = trip.wire.sent
        outcome: NotSent | InDoubt | NoAnswer
        if trip.verb in judge.STARTING_VERBS:
            # A machine that slept, a pool that was full, a disk and an adapter that failed say nothing of the vendor.
            ours = trip.bug or isinstance(error.__cause__, SendByPassed | httpx.PoolTimeout | OwnFileBroken)
            outcome = replace(judge.without_verdict(trip.facts, str(error)), ours=ours)
        else:
            outcome = NoAnswer(str(error), error.why)
        return cast(NotSent | InDoubt | NoAnswer, judge.redacted(outcome, trip.facts.signings))

    async def _follow(self, trip: _Trip) -> Verdict:
        reply: Reply | None = None
        for _ in range(CALLS_MAX):
            try:
                step = _step(trip.flow, reply)
                if not isinstance(step, Call):
                    return judge.sound(trip.verb, step[0])
                exchange = self._prepared(trip, step)
            except Unreadable as error:
                raise NoVerdict(f"an answer that cannot be understood: {error}", Why.UNREADABLE) from error
            except Exception as error:
                raise self._bug(trip, error) from error
            reply = await self._exchange(trip, *exchange)
        raise self._bug(trip, AssertionError("a flow without an end"))

    def _bug(self, trip: _Trip, error: BaseException) -> NoVerdict:
        trip.bug = True
        log("adapter_failed", "error", provider=trip.endpoint.provider, verb=trip.verb, **where(error))
        return NoVerdict(f"the adapter failed ({type(error).__name__})", Why.INTERNAL)

    def _prepared(self, trip: _Trip, call: Call) -> tuple[Call, httpx.Request]:
        """The call as it will be sent; signed last, and only for the vendor's own hosts."""
        endpoint, facts = trip.endpoint, trip.facts
        if call.starts_work:
            assert trip.verb in judge.STARTING_VERBS, f"{trip.verb} cannot start work"
            assert not facts.started, "a flow starts work once"
            facts.started = True
            trip.wire = Wire(trip.may_leave)
        plain = bodies.frozen(call)
        url = bodies.address(plain, endpoint.base_url)
        if call.signed and origin_of(url) in own_origins(endpoint):
            signed = endpoint.adapter.sign_at(plain, self._clock.now_ms())
            facts.signings.append((plain, signed))
            if (signed.path, signed.query) != (plain.path, plain.query):
                url = bodies.address(signed, endpoint.base_url)
                assert origin_of(url) in own_origins(endpoint), "signing changed the host"
            plain = signed
        return plain, bodies.request(plain, url, self._blobs)

    async def _exchange(self, trip: _Trip, call: Call, request: httpx.Request) -> Reply:
        """Send one call and read its whole reply."""
        facts, limit_s = trip.facts, trip.endpoint.connect_timeout_s
        point = _POINTS.get(trip.verb, trip.verb)
        request.extensions["timeout"] = {"connect": limit_s, "pool": limit_s}
        request.extensions["wire"] = trip.wire if call.starts_work and trip.wire else Wire()
        pool = self._clients.of(trip.endpoint, request.url, starts_work=call.starts_work)
        try:
            reach(f"before.send.{point}")
            response = await pool.handle_async_request(request)
            if call.starts_work:
                facts.status = response.status_code
            try:
                reply = await read(response, call.reply_bytes_max, self._clock.now_ms())
            finally:
                await response.aclose()
            reach(f"after.send.{point}")
        except SendByPassed as error:
            raise NoVerdict("its time to be sent had passed", Why.OVERLOADED) from error
        except httpx.TransportError as error:
            raise NoVerdict(f"{call.method} brought no answer ({type(error).__name__})", Why.OVERLOADED) from error
        except Unreadable as error:
            raise NoVerdict(str(error), Why.UNREADABLE) from error
        facts.last = reply
        if call.starts_work:
            facts.starter = reply
        return reply

    def _leave(self, trip: _Trip) -> None:
        """Close the flow; an adapter that objects has a bug, and nothing more."""
        try:
            trip.flow.close()
        except Exception as error:
            self._bug(trip, error)


def _step(flow: Flow[Any], reply: Reply | None) -> Call | tuple[object]:
    """The flow's next call, or its end in a tuple."""
    try:
        call = next(flow) if reply is None else flow.send(reply)
    except StopIteration as stop:
        return (stop.value,)
    assert isinstance(call, Call), "a flow yields calls"
    return call
