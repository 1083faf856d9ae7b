"""A picture that a client names by its address is fetched from the internet, and from nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.upstream.addresses import is_public
from gateway.upstream.driver import Driver
from gateway.upstream.images import ImageRefused, Reason
from tests.support.http_desk import Answer, Asked, Desk, Say, say
from tests.support.own_tls import server_context, trusting_context
from tests.upstream.house import open_driver

PICTURE = b"\x89PNG" + bytes(1000)
INSIDE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "0.0.0.0", "192.0.0.8", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::", "fe80::1", "fe80::1%1", "fec0::1", "fc00::1", "fd12::1", "ff02::1",
    "2001:db8::1", "100::1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8"]


@asynccontextmanager
async def internet(
    tmp_path: Path, answer: Answer, names: dict[str, list[str]] | None = None
) -> AsyncIterator[tuple[Desk, Driver, str]]:
    """A loopback server that plays `images.example`, reached as the public would reach it; and its base address."""
    known = {"images.example": ["127.0.0.1"], **(names or {})}
    async with (
        Desk(answer, tls=server_context(tmp_path)) as desk,
        open_driver(
            lookup=lambda name: known[name],
            as_public=frozenset({"127.0.0.1"}),
            image_ports=frozenset({443, desk.port}),
            tls=trusting_context(),
        ) as driver,
    ):
        yield desk, driver, f"https://images.example:{desk.port}"


async def fetched(driver: Driver, url: str, bytes_max: int = 100_000, timeout_s: float = 2.0) -> bytes | ImageRefused:
    return await driver.fetch_image(url, hold=lambda _: None, bytes_max=bytes_max, timeout_s=timeout_s)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    """Private, local, shared, reserved, documentation, multicast; and what carries an IPv4 address in IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_public(address: str) -> None:
    """The internet."""
    assert is_public(address)


async def test_a_public_picture_is_fetched(tmp_path: Path) -> None:
    """Over TLS, by name, with nothing of ours in the request."""
    async with internet(tmp_path, lambda _: say(200, PICTURE)) as (desk, driver, base):
        assert await fetched(driver, f"{base}/a.png?x=1#frag") == PICTURE
        assert desk.asked[0].target == "/a.png?x=1"
        assert sorted(name for name, _ in desk.asked[0].headers) == ["accept", "host", "user-agent"]


async def test_a_picture_is_kept_piece_by_piece_as_far_as_there_is_memory(tmp_path: Path) -> None:
    """What is refused memory passes through, and nothing more is read."""
    large = PICTURE + bytes(2_000_000)
    taken: list[int] = []

    def hold(size: int) -> None:
        taken.append(size)
        if sum(taken) > 100_000:
            raise MemoryError

    async with internet(tmp_path, lambda _: say(200, large)) as (_, driver, base):
        with pytest.raises(MemoryError):
            await driver.fetch_image(f"{base}/a.png", hold=hold, bytes_max=10_000_000)
        assert sum(taken) < 1_000_000
        taken.clear()
        whole = await driver.fetch_image(f"{base}/a.png", hold=taken.append, bytes_max=10_000_000)
        assert whole == large and sum(taken) == len(large)


@pytest.mark.parametrize("host", ["xn--0.com", "xn--.com", "xn--a-ecp.ru", "xn--ls8h.la"])
async def test_a_name_that_is_no_international_one_is_looked_up_as_it_is(tmp_path: Path, host: str) -> None:
    """Real sites have such names; what cannot be reached is refused, and nothing is raised."""
    async with internet(tmp_path, lambda _: say(200, PICTURE), {host: []}) as (_, driver, base):
        assert await fetched(driver, f"https://{host}/a.png") == ImageRefused(Reason.UNREACHABLE)
        assert await fetched(driver, base.replace("images.example", host)) == ImageRefused(Reason.UNREACHABLE)


@pytest.mark.parametrize(
    "url",
    [
        "http://images.example/a.png",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
        "https://017700000001/", "https://0177.0.0.1/", "https://127.0.0.1./", "https://127.000.000.001/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[fe80::1%25eth0]/",
        "https://[::]/", "https://0/", "https://0.0.0.0/", "https://169.254.169.254/latest/meta-data/",
        "https://localhost/", "https://LOCALHOST./", "https://x.localhost/", "https://printer/", "https://printer.local/",
        "https://metadata.google.internal/", "https://10.0.0.1:443/",
        "https://user:pass@images.example/", "https://images.example@127.0.0.1/", "https://images.example:22/",
        "https://images.example:8443/", "https://images.example:0/", "https://images.example:99999/",
        "file:///etc/passwd", "gopher://images.example/", "ftp://images.example/", "data:image/png;base64,aGk=",
        "javascript:alert(1)", "//images.example/", "images.example/a.png", "", "https://", "https:///x", "https://[::1",
        "https://\uff11\uff12\uff17.0.0.1/", "https://\u2460\u2461\u2466.0.0.1/", "https://a\r\nb/", "https://a b/",
        "https://images.example/" + "x" * 9000, "https://" + "a" * 300 + ".example/", "https://.example/", "https://-/",
    ],
)  # fmt: skip
async def test_no_spelling_leads_inside(url: str) -> None:
    """Refused by its looks, or when its name is looked up; never a connection, never an exception."""
    asked: list[str] = []

    def lookup(name: str) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    async with open_driver(lookup=lookup) as driver:
        outcome = await fetched(driver, url)
    assert isinstance(outcome, ImageRefused)
    assert outcome.reason in (Reason.ADDRESS, Reason.UNREACHABLE)


@pytest.mark.parametrize("address", INSIDE)
async def test_no_name_leads_inside(address: str) -> None:
    """Where a name leads is checked for the very address of the connection; the reason gives nothing away."""
    async with open_driver(lookup=lambda name: [address]) as driver:
        assert await fetched(driver, "https://images.example/") == ImageRefused(Reason.UNREACHABLE)


async def test_a_name_that_leads_out_and_in_is_never_followed_in(tmp_path: Path) -> None:
    """Several addresses: the private ones are not tried, whichever come first."""
    async with (
        internet(tmp_path, lambda _: say(200, PICTURE)) as (desk, _, _),
        open_driver(
            lookup=lambda name: ["127.0.0.2", "127.0.0.1"],
            as_public=frozenset({"127.0.0.2"}),  # nobody listens there; the real one is 127.0.0.1
            image_ports=frozenset({desk.port}),
            tls=trusting_context(),
        ) as driver,
    ):
        outcome = await fetched(driver, f"https://images.example:{desk.port}/")
        assert (outcome, desk.asked) == (ImageRefused(Reason.UNREACHABLE), [])


async def test_a_name_server_that_changes_its_mind_gains_nothing(tmp_path: Path) -> None:
    """Public when asked first, private when asked again: each connection goes to the address that was checked."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]

    def lookup(name: str) -> list[str]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async with (
        Desk(lambda _: say(200, PICTURE, then="close"), tls=server_context(tmp_path)) as desk,
        open_driver(
            lookup=lookup,
            as_public=frozenset({"127.0.0.1"}),
            image_ports=frozenset({desk.port}),
            tls=trusting_context(),
        ) as driver,
    ):
        url = f"https://images.example:{desk.port}/"
        assert await fetched(driver, url) == PICTURE
        await asyncio.sleep(0.05)
        driver._clients.public()._ready().connector.clear_dns_cache()  # type: ignore[union-attr]
        assert await fetched(driver, url) == ImageRefused(Reason.UNREACHABLE)
        assert len(desk.asked) == 1


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://127.0.0.2/", Reason.ADDRESS),
        ("https://10.0.0.1/latest", Reason.ADDRESS),
        ("http://images.example/", Reason.ADDRESS),
        ("https://localhost/", Reason.ADDRESS),
        ("https://[::1]/", Reason.ADDRESS),
        ("file:///etc/passwd", Reason.ADDRESS),
        ("//inner.example/", Reason.UNREACHABLE),
        ("https://inner.example/", Reason.UNREACHABLE),
    ],
)
async def test_a_redirect_does_not_lead_inside(tmp_path: Path, location: str, reason: Reason) -> None:
    """Every stop is checked anew."""
    names = {"inner.example": ["10.0.0.1"]}
    async with internet(tmp_path, lambda _: say(302, location=location), names) as (desk, driver, base):
        assert await fetched(driver, base) == ImageRefused(reason)
        assert len(desk.asked) == 1


async def test_a_redirect_within_the_internet_is_followed(tmp_path: Path) -> None:
    """Five of them at most."""

    def answer(asked: Asked) -> Say:
        left = int(asked.target[1:])
        return say(302, location=f"/{left - 1}") if left else say(200, PICTURE)

    async with internet(tmp_path, answer) as (_, driver, base):
        assert await fetched(driver, f"{base}/5") == PICTURE
        assert await fetched(driver, f"{base}/6") == ImageRefused(Reason.STATUS)


@pytest.mark.parametrize("status", [204, 206, 304, 400, 404, 500])
async def test_another_status_is_no_picture(tmp_path: Path, status: int) -> None:
    """Only 200 is."""
    body = b"" if status in (204, 304) else b"x"
    async with internet(tmp_path, lambda _: say(status, body)) as (_, driver, base):
        assert await fetched(driver, base) == ImageRefused(Reason.STATUS)


@pytest.mark.parametrize(
    "answer",
    [
        say(200, PICTURE),
        Say(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + PICTURE, "close"),
        Say(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "hang"),
    ],
)
async def test_a_picture_is_bounded(tmp_path: Path, answer: Say) -> None:
    """With or without a length; a length beyond is refused before a byte is read."""
    async with internet(tmp_path, lambda _: answer) as (_, driver, base):
        assert await fetched(driver, base, bytes_max=999) == ImageRefused(Reason.TOO_LARGE)


@pytest.mark.parametrize(
    "answer",
    [Say(b"", "close"), Say(b"", "hang"), Say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", "close"), Say(b"?")],
)
async def test_a_server_that_breaks_is_unreachable(tmp_path: Path, answer: Say) -> None:
    """Closed, silent, cut short, garbage: within the limit, on the wall's clock."""
    async with internet(tmp_path, lambda _: answer) as (_, driver, base):
        assert await fetched(driver, base, timeout_s=0.3) == ImageRefused(Reason.UNREACHABLE)


async def test_a_certificate_nobody_vouches_for_is_unreachable(tmp_path: Path) -> None:
    """TLS is checked as everywhere."""
    async with (
        internet(tmp_path, lambda _: say(200, PICTURE)) as (desk, _, base),
        open_driver(
            lookup=lambda name: ["127.0.0.1"], as_public=frozenset({"127.0.0.1"}), image_ports=frozenset({desk.port})
        ) as driver,
    ):
        assert await fetched(driver, base) == ImageRefused(Reason.UNREACHABLE)
        assert desk.asked == []
