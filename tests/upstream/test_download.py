"""A vendor's file arrives whole or is known not to; the credential stays with the vendor."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from gateway.domain.verdicts import NoAnswer
from gateway.upstream.download import Downloaded, LinkStale, Pace
from gateway.upstream.driver import Driver
from providers.contract import AdapterSettings, Call, Why, replace
from tests.support.fault_proxy import At, Do, Fault, FaultProxy
from tests.support.http_desk import Asked, Desk, Say, say
from tests.upstream.house import KEY, Observed, Plain, endpoint, open_driver

CLIP = bytes(range(256)) * 1000
MP4 = "video/mp4"
TIGHT = Pace(window_s=0.3, bytes_min=1000)


class Sink:
    def __init__(self) -> None:
        self.data = b""

    async def __call__(self, chunk: bytes) -> None:
        assert chunk
        self.data += chunk


async def fetched(
    driver: Driver, base_url: str, path: str = "/clip", *, sink: Any = None, signed: bool = True, **options: Any
) -> Downloaded | LinkStale | NoAnswer:
    facts = {"timeout_s": 5.0, "bytes_max": 1_000_000, **options}
    place = facts.pop("place", None) or endpoint(base_url, connect_timeout_s=0.3)
    return await driver.download(place, Call(method="GET", path=path, signed=signed), sink or Sink(), **facts)


async def test_a_file_arrives_whole() -> None:
    """Every byte, its size and its media type; nothing is asked for beyond the adapter's headers and the key."""
    observed, sink = Observed(), Sink()
    async with Desk(lambda _: say(200, CLIP, content_type="Video/MP4; x=y")) as desk:
        async with open_driver(observe=observed) as driver:
            assert await fetched(driver, desk.url, sink=sink) == Downloaded(len(CLIP), MP4)
        assert sink.data == CLIP
        assert sorted(name for name, _ in desk.asked[0].headers) == ["authorization", "host", "user-agent"]
    assert observed.words == [("plain", "download", "downloaded")]


async def test_a_chunked_file_arrives_whole() -> None:
    """Without a length the end is marked by the protocol."""
    raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"
    sink = Sink()
    async with Desk(lambda _: Say(raw)) as desk, open_driver() as driver:
        assert await fetched(driver, desk.url, sink=sink) == Downloaded(10, "")
    assert sink.data == b"helloworld"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_stale_link_is_polled_again(status: int) -> None:
    """What the sink holds then is nothing."""
    sink = Sink()
    async with Desk(lambda _: say(status, b"<Error/>")) as desk, open_driver() as driver:
        assert await fetched(driver, desk.url, sink=sink) == LinkStale(status)
    assert sink.data == b""


@pytest.mark.parametrize("status", [304, 408, 409, 425, 429, 500, 502, 503, 504])
async def test_trouble_at_the_vendor_is_no_answer(status: int) -> None:
    """Try again later; the clip may well be there."""
    async with Desk(lambda _: say(status, b"" if status == 304 else b"oh")) as desk, open_driver() as driver:
        assert isinstance(await fetched(driver, desk.url), NoAnswer)


@pytest.mark.parametrize("do", [Do.RESET, Do.CLOSE])
async def test_a_file_that_breaks_off_is_truncated(do: Do) -> None:
    """What came proves nothing about the clip."""
    async with (
        Desk(lambda _: say(200, CLIP, content_type=MP4)) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(Fault(do, At.REPLY_BODY))
        outcome = await fetched(driver, proxy.url)
    assert isinstance(outcome, Downloaded)
    assert outcome.truncated
    assert outcome.size_bytes < len(CLIP)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 200 OK\r\ncontent-length: 100\r\n\r\n" + b"x" * 60,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
async def test_a_length_that_lies_is_truncated(raw: bytes) -> None:
    """A relay that gives up closes cleanly after a 200: only the length tells."""
    async with Desk(lambda _: Say(raw, "close")) as desk, open_driver() as driver:
        outcome = await fetched(driver, desk.url)
    assert isinstance(outcome, Downloaded)
    assert outcome.truncated


async def test_a_file_without_length_that_is_closed_is_taken_as_whole() -> None:
    """Old servers end a file so; the check of the clip itself decides."""
    async with Desk(lambda _: Say(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 60, "close")) as desk, open_driver() as driver:
        assert await fetched(driver, desk.url) == Downloaded(60, "")


@pytest.mark.parametrize("fault", [Fault(Do.RESET), Fault(Do.CLOSE), Fault(Do.CLOSE, At.REPLY_HEAD)])
async def test_a_failure_before_the_file_is_no_answer(fault: Fault) -> None:
    """Not a byte of it came."""
    async with (
        Desk(lambda _: say(200, CLIP)) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(fault)
        assert isinstance(await fetched(driver, proxy.url), NoAnswer)
        assert proxy.heads["GET"] == 1


@pytest.mark.parametrize("length", [True, False])
async def test_a_file_larger_than_allowed_is_not_read(length: bool) -> None:
    """By its length before the first byte, by its bytes at the bound."""
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + CLIP
    answer = say(200, CLIP) if length else Say(closing, "close")
    sink = Sink()
    async with Desk(lambda _: answer) as desk, open_driver() as driver:
        outcome = await fetched(driver, desk.url, sink=sink, bytes_max=1000)
    assert isinstance(outcome, NoAnswer)
    assert outcome.why is Why.UNREADABLE
    assert len(sink.data) <= 1000


async def test_a_file_that_drips_is_given_up() -> None:
    """One byte each 50 ms never times out between bytes; the pace does."""
    async with (
        Desk(lambda _: say(200, CLIP)) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(Fault(Do.DRIP, At.REPLY_BODY))
        began = asyncio.get_running_loop().time()
        assert await fetched(driver, proxy.url, pace=TIGHT) == NoAnswer("the file comes too slowly")
        assert asyncio.get_running_loop().time() - began < 3


async def test_a_file_that_stands_still_is_given_up() -> None:
    """Half of it, then silence."""
    async with (
        Desk(lambda _: say(200, CLIP)) as desk,
        FaultProxy("127.0.0.1", desk.port) as proxy,
        open_driver() as driver,
    ):
        proxy.next(Fault(Do.HANG, At.REPLY_BODY), Fault(Do.HANG, At.BODY))
        assert await fetched(driver, proxy.url, pace=TIGHT) == NoAnswer("the file comes too slowly")
        assert await fetched(driver, proxy.url, timeout_s=0.3) == NoAnswer("the file did not come in time")


async def test_a_slow_sink_is_not_the_vendors_fault() -> None:
    """Only waiting for the vendor counts for the pace."""

    async def slow(chunk: bytes) -> None:
        await asyncio.sleep(0.2)

    async with Desk(lambda _: say(200, CLIP)) as desk, open_driver() as driver:
        outcome = await fetched(driver, desk.url, sink=slow, pace=Pace(window_s=0.1, bytes_min=10_000_000))
        assert isinstance(outcome, Downloaded)


@pytest.mark.parametrize("error", [OSError(28, "no space left"), TimeoutError("the disk sleeps"), RuntimeError("x")])
async def test_what_the_sink_raises_passes_through(error: Exception) -> None:
    """Failing to store is ours, never a reason to leave the vendor."""

    async def broken(chunk: bytes) -> None:
        raise error

    async with Desk(lambda _: say(200, CLIP)) as desk, open_driver() as driver:
        with pytest.raises(type(error)) as caught:
            await fetched(driver, desk.url, sink=broken)
    assert caught.value is error


# --- redirects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_stays_with_the_vendor(status: int) -> None:
    """A redirect to a store is followed without it, and with it where the vendor is at home."""
    async with Desk(lambda _: say(200, CLIP)) as store, open_driver() as driver:
        ends = {"/clip": say(status, location="/moved"), "/moved": say(status, location=f"{store.url}/x?sig=a%2Bb")}
        async with Desk(lambda asked: ends[asked.target]) as vendor:
            assert await fetched(driver, vendor.url) == Downloaded(len(CLIP), "")
            assert [asked.header("authorization") for asked in vendor.asked] == [f"Bearer {KEY}"] * 2
        assert [(asked.target, asked.header("authorization")) for asked in store.asked] == [("/x?sig=a%2Bb", None)]


async def test_the_key_goes_to_hosts_that_are_declared_the_vendors_own() -> None:
    """`own_hosts`; and an unsigned call carries it nowhere."""
    async with Desk(lambda _: say(200, CLIP)) as files, open_driver() as driver:
        place = endpoint("http://127.0.0.1:1", own_hosts=(f"127.0.0.1:{files.port}",))
        await fetched(driver, "", f"{files.url}/x", place=place)
        await fetched(driver, "", f"{files.url}/x", place=place, signed=False)
        assert [asked.header("authorization") for asked in files.asked] == [f"Bearer {KEY}", None]


async def test_a_key_in_the_query_stays_with_the_vendor() -> None:
    """Some vendors take it there; it is not copied to the next address."""

    class InQuery(Plain):
        def sign(self, call: Call) -> Call:
            return replace(call, query=(*call.query, ("key", KEY)))

    async with Desk(lambda _: say(200, CLIP)) as store, open_driver() as driver:
        async with Desk(lambda _: say(302, location=f"{store.url}/x")) as vendor:
            place = endpoint(vendor.url, InQuery(AdapterSettings(), KEY))
            assert isinstance(await fetched(driver, "", place=place), Downloaded)
            assert vendor.asked[0].target == f"/clip?key={KEY}"
        assert store.asked[0].target == "/x"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "http://a:b@127.0.0.1/", "\x7f"])
async def test_a_redirect_out_of_the_web_is_not_followed(location: str) -> None:
    """http and https only."""
    async with Desk(lambda _: say(302, location=location)) as desk, open_driver() as driver:
        outcome = await fetched(driver, desk.url)
        assert (type(outcome), len(desk.asked)) == (NoAnswer, 1)


async def test_redirects_end() -> None:
    """A circle is left after five."""
    async with Desk(lambda _: say(302, location="/clip")) as desk, open_driver() as driver:
        outcome = await fetched(driver, desk.url)
        assert (outcome, len(desk.asked)) == (NoAnswer("a file behind too many redirects", Why.UNREADABLE), 6)


async def test_a_redirect_that_leads_nowhere_is_no_answer() -> None:
    """Without `Location`, or to a host that is not there."""
    async with open_driver() as driver:
        for answer in (say(302), say(302, location="http://127.0.0.1:1/")):
            async with Desk(lambda _, answer=answer: answer) as desk:  # type: ignore[misc]
                assert isinstance(await fetched(driver, desk.url), NoAnswer)


async def test_links_lead_inside_only_where_the_operator_allows_it() -> None:
    """A vendor's link, or its redirect, to a private address; the base URL itself may be private."""
    async with Desk(lambda _: say(200, CLIP)) as inside, open_driver() as driver:

        def answer(asked: Asked) -> Say:
            return say(302, location=f"{inside.url}/x") if asked.target == "/clip" else say(200, CLIP)

        async with Desk(answer) as vendor:
            for allowed, kind in ((False, NoAnswer), (True, Downloaded)):
                place = endpoint(vendor.url, allow_private=allowed)
                for path in ("/clip", f"{inside.url}/y"):
                    assert isinstance(await fetched(driver, "", path, place=place), kind)
                assert isinstance(await fetched(driver, "", "/direct", place=place), Downloaded)
        assert [asked.target for asked in inside.asked] == ["/x", "/y"]


# --- files inside the reply ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "data", "media_type"),
    [
        ("data:video/mp4;base64," + base64.b64encode(CLIP).decode(), CLIP, MP4),
        ("DATA:Video/MP4;codecs=x;base64,aGk%3D", b"hi", MP4),
        ("data:,hi%20there", b"hi there", ""),
        ("data:video/mp4;base64,", b"", MP4),
    ],
)
async def test_a_file_may_come_inside_the_reply(link: str, data: bytes, media_type: str) -> None:
    """A `data:` link needs no call."""
    sink = Sink()
    async with open_driver() as driver:
        outcome = await fetched(driver, "http://127.0.0.1:1", link, sink=sink)
    assert outcome == Downloaded(len(data), media_type)
    assert sink.data == data


@pytest.mark.parametrize(
    "link", ["data:", "data:video/mp4;base64", "data:x;base64,a", "data:x;base64,!!!!", "data:,é" * 3]
)
async def test_a_file_inside_the_reply_that_cannot_be_read(link: str) -> None:
    """NoAnswer, never an exception."""
    async with open_driver() as driver:
        outcome = await fetched(driver, "http://127.0.0.1:1", link, bytes_max=3)
    assert isinstance(outcome, NoAnswer)
    assert outcome.why is Why.UNREADABLE


async def test_a_file_inside_the_reply_is_bounded() -> None:
    """As any other."""
    async with open_driver() as driver:
        for link in ("data:,abcd", "data:;base64,YWJjZA==", "data:," + "%20" * 100):
            assert isinstance(await fetched(driver, "http://127.0.0.1:1", link, bytes_max=3), NoAnswer)


async def test_an_adapter_that_slips_at_signing_is_no_answer() -> None:
    """Counted as a bug; nothing is sent."""

    class Slips(Plain):
        def sign(self, call: Call) -> Call:
            raise KeyError(KEY)

    observed = Observed()
    async with Desk(lambda _: say(200, CLIP)) as desk, open_driver(observe=observed) as driver:
        outcome = await fetched(driver, "", place=endpoint(desk.url, Slips(AdapterSettings(), KEY)))
        assert (type(outcome), desk.asked) == (NoAnswer, [])
        assert KEY not in repr(outcome)
    assert observed.words == [("plain", "download", "bug")]
