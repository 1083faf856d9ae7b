"""No credential, no address and no sentence of a vendor's goes where it must not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.log import journal
from gateway.upstream import judge
from providers.contract import AdapterSettings, Broken, Call, Flow, Form, JsonBody, Ref, Refused, Why, replace
from tests.support.fault_proxy import At, Do, Fault, FaultProxy
from tests.support.http_desk import Desk, say
from tests.upstream.house import KEY, SPEC, Observed, Plain, endpoint, open_driver, soon

ID = "job-canary-5521"
TAIL = f"/jobs/{ID}?signature=canary-q"


class Careless(Plain):
    """Signs in a header of its own and in the query; repeats what it reads, and raises with it."""

    def sign(self, call: Call) -> Call:
        return replace(call, headers={**call.headers, "x-key": f"Token {KEY}"}, query=(*call.query, ("k", KEY + "q")))

    def poll(self, ref: Ref) -> Flow[Any]:
        reply = yield Call(method="GET", path=TAIL)
        text = reply.body.decode()
        if "raise" in text:
            raise KeyError(text)
        if "broken" in text:
            return Broken(why=Why.INTERNAL, message=text)
        return Refused(why=Why.UNAUTHORISED, message=text)


def careless() -> Careless:
    return Careless(AdapterSettings(), KEY)


@pytest.mark.parametrize("word", ["raise", "broken", "refused"])
async def test_a_vendor_that_repeats_the_key_teaches_nobody(word: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Error bodies that quote the key, a link, or control characters: the outcome and the log are clean."""
    body = f'{{"error":"{word}: wrong key Token {KEY} at https://v.test{TAIL}\\u001b[2J {KEY}q"}}'.encode()
    observed = Observed()
    async with Desk(lambda _: say(401, body)) as desk, open_driver(observe=observed) as driver:
        place = endpoint(desk.url, careless())
        outcome = await driver.poll(place, place.adapter.poll({}), timeout_s=1)
        assert desk.asked[0].header("x-key") == f"Token {KEY}"
        assert desk.asked[0].target == f"{TAIL}&k={KEY}q"
    journal.flush()
    seen = repr(outcome) + capfd.readouterr().err + repr(observed.words)
    assert "canary" not in seen
    assert "v.test" not in seen
    if word != "raise":
        assert "wrong key" in seen


@pytest.mark.parametrize("fault", [Fault(Do.RESET), Fault(Do.CLOSE, At.REPLY_BODY), Fault(Do.PAGE), Fault(Do.HANG)])
async def test_a_broken_call_names_the_class_only(fault: Fault, capfd: pytest.CaptureFixture[str]) -> None:
    """No address, no path with an id, no query in a message."""
    async with (
        Desk(lambda _: say(200, b"{}")) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(fault, fault)
        place = endpoint(proxy.url, careless())
        outcomes = [
            await driver.poll(place, place.adapter.poll({}), timeout_s=0.3),
            await driver.submit(place, place.adapter.submit(SPEC, "k"), send_by_boot_s=soon(), timeout_s=0.3),
        ]
    journal.flush()
    seen = repr(outcomes) + capfd.readouterr().err
    for secret in ("canary", "127.0.0.1", "/jobs"):
        assert secret not in seen


async def test_the_key_goes_to_the_vendors_own_hosts_only() -> None:
    """A follow-up address that a vendor names may be anybody's; signing comes last and sees the bytes."""

    class Follows(Plain):
        signed: tuple[Call, ...] = ()

        def sign(self, call: Call) -> Call:
            self.signed = (*self.signed, call)
            return super().sign(call)

        def poll(self, ref: Ref) -> Flow[Any]:
            yield Call(method="POST", path="/look", body=JsonBody({"a": 1}))
            yield Call(method="POST", path="/form", body=Form(fields=(("a", "1"),)))
            yield Call(method="GET", path=str(ref["next"]))
            return Refused(why=Why.THROTTLED)

    async with Desk(lambda _: say(200, b"{}")) as foreign, Desk(lambda _: say(200, b"{}")) as desk:
        async with open_driver() as driver:
            adapter = Follows(AdapterSettings(), KEY)
            place = endpoint(desk.url, adapter)
            await driver.poll(place, adapter.poll({"next": f"{foreign.url}/jobs/1"}), timeout_s=1)
        assert [asked.header("authorization") for asked in desk.asked] == [f"Bearer {KEY}"] * 2
        assert [asked.header("authorization") for asked in foreign.asked] == [None]
        assert [call.body for call in adapter.signed] == [b'{"a":1}', Form(fields=(("a", "1"),))]
        assert all("content-type" in call.headers for call in adapter.signed)


async def test_a_credential_may_name_the_time() -> None:
    """Of calls and of files, on the driver's clock."""

    class Dated(Plain):
        def sign_at(self, call: Call, now_ms: int) -> Call:
            return replace(call, headers={**call.headers, "x-date": str(now_ms)})

    before_ms = SystemClock().now_ms()
    async with Desk(lambda _: say(200, b"{}")) as desk, open_driver() as driver:
        place = endpoint(desk.url, Dated(AdapterSettings(), KEY))
        await driver.poll(place, place.adapter.poll({"id": "1"}), timeout_s=1)
        await driver.download(place, Call(method="GET", path="/x"), _ignore, bytes_max=10, timeout_s=1)
        dates = [int(asked.header("x-date") or 0) for asked in desk.asked]
    assert len(dates) == 2 and all(before_ms <= date <= SystemClock().now_ms() for date in dates)


async def test_an_adapter_cannot_sign_its_way_to_another_host() -> None:
    """A `sign` that changes the address is a bug; nothing is sent."""
    async with Desk(lambda _: say(200, b"{}")) as foreign, Desk(lambda _: say(200, b"{}")) as desk:

        class Turncoat(Plain):
            def sign(self, call: Call) -> Call:
                return replace(super().sign(call), path=f"{foreign.url}/steal")

        async with open_driver() as driver:
            place = endpoint(desk.url, Turncoat(AdapterSettings(), KEY))
            await driver.poll(place, place.adapter.poll({"id": "1"}), timeout_s=1)
            await driver.download(place, Call(method="GET", path="/x"), _ignore, bytes_max=10, timeout_s=1)
        assert desk.asked + foreign.asked == []


async def _ignore(chunk: bytes) -> None:
    pass


def test_short_values_are_no_secrets() -> None:
    """Signing also adds a scheme, a version, a date; blotting those out would spoil every message."""
    signed = {"a": "1", "v": "2", "authorization": "Bearer sk-123456"}
    before, after = (Call(method="GET", path="/", headers=headers) for headers in ({"a": "1"}, signed))
    assert judge.secrets_of([(before, after)]) == {"Bearer sk-123456", "sk-123456"}


@pytest.mark.parametrize("shown", range(8, 21))
async def test_a_key_that_was_clipped_with_its_sentence_is_hidden_too(shown: int) -> None:
    """Adapters keep the first half a thousand characters: what is left of the key at their end is a key's beginning."""
    long_key = "sk-canary-0123456789"
    call = Call(method="GET", path="/x")
    signed = replace(call, headers={"authorization": f"Key owner-canary:{long_key}"})
    told = judge.redacted(Refused(why=Why.UNAUTHORISED, message="wrong: " + long_key[:shown]), [(call, signed)])
    assert "canary" not in told.message and told.message.startswith("wrong: ")
    half = judge.redacted(Refused(why=Why.UNAUTHORISED, message="nobody is owner-canary here"), [(call, signed)])
    assert half.message == "nobody is [secret] here"
