"""A webhook goes to a public address over TLS, and nowhere else; whatever its receiver does is an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.domain.deliveries import Answer, Heard
from gateway.upstream.webhooks import HOPS_MAX, Poster
from tests.support import http_desk
from tests.support.http_desk import Asked, Desk, Say, say
from tests.support.own_tls import server_context, trusting_context
from tests.upstream.test_images import INSIDE

HEADERS = [("webhook-id", "evt_1"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AA==")]
BODY = b'{"id":"evt_1"}'
NAMES = {"images.example": ["127.0.0.1"]}


@asynccontextmanager
async def receiver(
    folder: Path, answer: http_desk.Answer, names: dict[str, list[str]] | None = None
) -> AsyncIterator[tuple[Desk, Poster, str]]:
    known = {**NAMES, **(names or {})}
    poster = Poster(lookup=lambda name: known[name], as_public=frozenset({"127.0.0.1"}), tls=trusting_context())
    async with Desk(answer, tls=server_context(folder)) as desk:
        try:
            yield desk, poster, f"https://images.example:{desk.port}"
        finally:
            await poster.close()


async def posted(poster: Poster, url: str, *, allow_private: bool = False, timeout_s: float = 2.0) -> Answer:
    return await poster.post(url, HEADERS, BODY, timeout_s=timeout_s, allow_private=allow_private)


async def test_what_is_sent_is_the_body_and_its_signature(tmp_path: Path) -> None:
    """Connections are used again."""
    async with receiver(tmp_path, lambda _: say(200, b"thanks")) as (desk, poster, base):
        for _ in range(2):
            assert await posted(poster, f"{base}/hook?a=b") == Answer(Heard.DELIVERED, 200)
        first, second = desk.asked
        assert (first.method, first.target, first.body) == ("POST", "/hook?a=b", BODY)
        assert dict(first.headers) == {
            "host": f"images.example:{desk.port}",
            "user-agent": "telecine",
            "content-type": "application/json",
            "content-length": str(len(BODY)),
            **dict(HEADERS),
        }
        assert first.connection == second.connection


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (say(204), Answer(Heard.DELIVERED, 204)),
        (say(202, b"x" * 100_000), Answer(Heard.DELIVERED, 202)),
        (say(410), Answer(Heard.GONE, 410)),
        (say(500, b"oops"), Answer(Heard.REFUSED, 500)),
        (say(429, retry_after="120"), Answer(Heard.REFUSED, 429, 120)),
        (say(503, retry_after="Fri, 31 Dec 1999 23:59:59 GMT"), Answer(Heard.REFUSED, 503)),
        (say(302, location="/elsewhere"), Answer(Heard.REDIRECTED, 302)),
        (say(301, location="/elsewhere"), Answer(Heard.REDIRECTED, 301)),
        (say(308), Answer(Heard.REDIRECTED, 308)),
        (Say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe", "hang"), Answer(Heard.DELIVERED, 200)),
        (Say(b"nonsense\r\n\r\n", "close"), Answer(Heard.UNREACHABLE)),
        (Say(b"", "close"), Answer(Heard.UNREACHABLE)),
        (Say(b"", "reset"), Answer(Heard.UNREACHABLE)),
        (Say(b"HTTP/1.1 ", "hang"), Answer(Heard.TIMEOUT)),
    ],
)
async def test_every_answer_is_heard_as_what_it_is(tmp_path: Path, said: Say, heard: Answer) -> None:
    async with receiver(tmp_path, lambda _: said) as (_, poster, base):
        assert await posted(poster, base, timeout_s=1.5) == heard


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_that_keeps_the_post_is_followed_a_few_times(tmp_path: Path, status: int) -> None:
    def answer(asked: Asked) -> Say:
        left = int(asked.target[1:])
        return say(200) if left == 0 else say(status, location=f"/{left - 1}")

    async with receiver(tmp_path, answer) as (desk, poster, base):
        assert await posted(poster, f"{base}/{HOPS_MAX}") == Answer(Heard.DELIVERED, 200)
        assert {(one.method, one.body, one.header("webhook-id")) for one in desk.asked} == {("POST", BODY, "evt_1")}
        assert await posted(poster, f"{base}/{HOPS_MAX + 1}") == Answer(Heard.REDIRECTED, status)


@pytest.mark.parametrize(
    "location",
    ["https://127.0.0.2/", "https://169.254.169.254/", "http://images.example/", "file:///etc/passwd", "https://in.example/",
     "https://localhost/", "https://[::1]/", "//10.0.0.1/", "https://a:b@images.example/"],
)  # fmt: skip
async def test_a_redirect_that_leads_inside_is_not_followed(tmp_path: Path, location: str) -> None:
    names = {"in.example": ["10.0.0.1"]}
    async with receiver(tmp_path, lambda _: say(307, location=location), names) as (desk, poster, base):
        assert await posted(poster, base) == Answer(Heard.FORBIDDEN)
        assert len(desk.asked) == 1


@pytest.mark.parametrize("address", INSIDE)
async def test_no_name_leads_inside_whatever_it_led_to_before(tmp_path: Path, address: str) -> None:
    """Checked for the very address of the connection, so a name server may change its mind as it likes."""
    poster = Poster(lookup=lambda _: [address])
    assert poster.may_go("https://rebound.example/", allow_private=False)
    assert await posted(poster, "https://rebound.example/") == Answer(Heard.FORBIDDEN)
    await poster.close()


@pytest.mark.parametrize(
    "url",
    ["http://a.example/", "https://127.0.0.1/", "https://0x7f.1/", "https://[::1]/", "https://localhost/", "nonsense"],
)  # fmt: skip
async def test_what_is_inside_by_its_spelling_is_refused_before_anything_is_looked_up(url: str) -> None:
    poster = Poster(lookup=lambda _: [])
    assert not poster.may_go(url, allow_private=False)
    assert await posted(poster, url) == Answer(Heard.FORBIDDEN)
    await poster.close()


async def test_a_network_of_ones_own_may_be_allowed() -> None:
    """Then without TLS too; what is no address of the web still is none."""
    async with Desk(lambda _: say(200)) as desk:
        poster = Poster()
        assert await posted(poster, desk.url, allow_private=True) == Answer(Heard.DELIVERED, 200)
        assert not poster.may_go("ftp://a.example", allow_private=True)
        await poster.close()


async def test_nobody_there_and_a_name_without_address() -> None:
    def nobody(name: str) -> list[str]:
        raise OSError(name)

    poster = Poster(lookup=nobody)
    assert await posted(poster, "https://gone.example/") == Answer(Heard.UNREACHABLE)
    assert await posted(poster, "http://127.0.0.1:9/", allow_private=True) == Answer(Heard.UNREACHABLE)
    await asyncio.sleep(0)
    await poster.close()


@pytest.mark.parametrize("host", ["xn--a.example", "xn--ls8h.la"])
async def test_a_name_that_is_no_international_one_is_looked_up_as_it_is(tmp_path: Path, host: str) -> None:
    """Real sites have such names; nothing is raised."""
    async with receiver(tmp_path, lambda _: say(204), {host: []}) as (_, poster, base):
        assert await posted(poster, f"https://{host}/hook") == Answer(Heard.UNREACHABLE)
        assert await posted(poster, base.replace("images.example", host)) == Answer(Heard.UNREACHABLE)
