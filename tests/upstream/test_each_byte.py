"""A connection that is reset after each byte of the request, and after each byte of the answer: always in doubt."""

from __future__ import annotations

import asyncio

from gateway.domain.verdicts import InDoubt, SubmitOutcome
from providers.contract import Accepted
from tests.support.fault_proxy import body_of, read_head, reset
from tests.support.http_desk import say
from tests.support.loopback import Loopback, Talk
from tests.upstream.house import ACCEPTED, open_driver, submitted

AT_ONCE = 20
ANSWER = say(200, ACCEPTED).raw


class Request:
    """How many bytes of it were on the wire."""

    length = 0


def broken_off(read: int | None, written: int = 0, request: Request | None = None) -> Talk:
    """A server that resets when it has read so many bytes (None: all) and written so many of its answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if read is not None:
            await reader.readexactly(read)
        else:
            head = await read_head(reader)
            length = len(head.raw) + sum([len(piece) async for piece in body_of(reader, head)])
            if request is not None:
                request.length = length
        writer.write(ANSWER[:written])
        await writer.drain()
        if written < len(ANSWER):
            reset(writer)

    return talk


async def outcomes(*talks: Talk) -> list[SubmitOutcome]:
    """Of one submission for each. Each is sent once."""
    async with open_driver() as driver:

        async def one(talk: Talk) -> SubmitOutcome:
            door = Loopback(talk)
            await door.listen()
            try:
                url = f"http://127.0.0.1:{door.port}"
                outcome = await submitted(driver, url, timeout_s=20, connect_timeout_s=10)
                assert door.connections == 1
                return outcome
            finally:
                await door.close()

        return [
            outcome
            for first in range(0, len(talks), AT_ONCE)
            for outcome in await asyncio.gather(*map(one, talks[first : first + AT_ONCE]))
        ]


async def test_a_reset_after_each_byte_of_the_request_is_in_doubt() -> None:
    request = Request()
    (whole,) = await outcomes(broken_off(None, len(ANSWER), request))
    assert isinstance(whole, Accepted)
    assert request.length > 100
    broken = await outcomes(*[broken_off(count) for count in range(1, request.length + 1)])
    assert {type(one) for one in broken} == {InDoubt}


async def test_a_reset_after_each_byte_of_the_answer_is_in_doubt() -> None:
    broken = await outcomes(*[broken_off(None, count) for count in range(len(ANSWER))])
    assert {type(one) for one in broken} == {InDoubt}
