"""One lane: what leaves together, who gets which answer, who is told when there will be none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.store.address import parse
from gateway.store.lane import ErrorReply, Lane, LaneLost
from gateway.store.store import Store
from tests.store.wires import proxied, says
from tests.support.redis import RedisServer


async def test_only_what_waits_too_long_costs_the_lane(empty_redis: RedisServer) -> None:
    """One question's time begins when it leaves, however busy or idle the lane was before."""
    lane = Lane(parse(empty_redis.url), timeout_s=1.2)
    for _ in range(4):
        assert await lane.call("BLPOP", "nothing", "0.3") is None
    await asyncio.sleep(1.3)
    assert await lane.call("BLPOP", "nothing", "0.3") is None
    with pytest.raises(LaneLost):
        await lane.call("BLPOP", "nothing", 0)
    await lane.close()


async def test_silence_is_told_to_those_behind_it(empty_redis: RedisServer) -> None:
    """Whoever waits for a batch that is given up does not wait for the same silence again."""
    lane = Lane(parse(empty_redis.url), timeout_s=2.0)
    first = asyncio.create_task(lane.call("BLPOP", "nothing", 0))
    await asyncio.sleep(0)
    while lane.waiting_bytes:  # until it has left
        await asyncio.sleep(0.001)
    behind = [asyncio.create_task(lane.call("PING")) for _ in range(5)]
    await asyncio.wait([first])
    _, waiting = await asyncio.wait(behind, timeout=1.0)
    assert not waiting, "a silence of their own would take two seconds"
    assert {type(one.exception()) for one in behind} == {LaneLost}
    with pytest.raises(LaneLost, match="did not answer within"):
        await first
    assert await lane.call("PING") == b"PONG"
    await lane.close()


async def test_a_refusal_in_a_batch_is_its_own_commands(folder: Path) -> None:
    """Also one that the client library takes for a broken connection. Each has its first word."""
    answers = (
        b"$1\r\n7\r\n-LOADING x\r\n-NOSCRIPT y\r\n-ERR z\r\n-BROKEN the rule\r\n-NOAUTH a\r\n-BUSY b\r\n$1\r\n8\r\n"
    )
    async with says(folder, answers) as (heard, url):
        lane = Lane(parse(url))
        seen = await asyncio.gather(*(lane.call("GET", "x") for _ in range(8)), return_exceptions=True)
        assert (seen[0], seen[-1]) == (b"7", b"8")
        assert {type(one) for one in seen[1:-1]} == {ErrorReply}
        words = ["LOADING x", "NOSCRIPT y", "ERR z", "BROKEN the rule", "NOAUTH a", "BUSY b"]
        assert [str(one) for one in seen[1:-1]] == words
        assert len(heard) == 1
        await lane.close()


async def test_a_connection_that_ended_in_silence_costs_nothing(
    books: Store, empty_redis: RedisServer, folder: Path
) -> None:
    """A server that closes idle connections: the next call takes a new one, without a loss before it."""
    async with proxied(empty_redis.socket, folder) as (proxy, url):
        lane = Lane(parse(url))
        assert await lane.call("PING") == b"PONG"
        proxy.hang_up()
        await asyncio.sleep(0.05)
        assert await lane.call("PING") == b"PONG"
        assert proxy.connections == 2
        await lane.close()


async def test_a_dropped_lane_disturbs_nobody(empty_redis: RedisServer, folder: Path) -> None:
    """What is on its way is answered; what is asked next goes over a new connection."""
    async with proxied(empty_redis.socket, folder) as (proxy, url):
        lane = Lane(parse(url))
        slow = asyncio.create_task(lane.call("BLPOP", "nothing", "0.1"))
        await asyncio.sleep(0.05)
        lane.drop()
        assert await lane.call("PING") == b"PONG"
        assert await slow is None
        assert proxy.connections == 2
        await lane.close()


async def test_what_is_asked_together_leaves_together(folder: Path) -> None:
    """One write for a whole turn of the event loop and for all that was asked while an answer was awaited; the first
    thing that the server hears is the first question."""
    async with says(folder, b"+0\r\n", b"+1\r\n" * 20, b"+2\r\n" * 10) as (heard, url):
        lane = Lane(parse(url))
        assert await lane.call("GET", "hello") == b"0"
        first = [asyncio.create_task(lane.call("GET", "first")) for _ in range(20)]
        while len(heard) < 2:
            await asyncio.sleep(0)
        later = [asyncio.create_task(lane.call("GET", "later")) for _ in range(10)]
        assert await asyncio.gather(*first, *later) == [b"1"] * 20 + [b"2"] * 10
        ask = b"*2\r\n$3\r\nGET\r\n$5\r\n%s\r\n"
        assert heard == [ask % b"hello", ask % b"first" * 20, ask % b"later" * 10]
        await lane.close()


async def test_whoever_gives_up_before_its_turn_is_not_heard(empty_redis: RedisServer) -> None:
    """A command that nobody waits for any more is not sent."""
    lane = Lane(parse(empty_redis.url))
    slow = asyncio.create_task(lane.call("BLPOP", "nothing", "0.2"))
    await asyncio.sleep(0.05)
    tasks = [asyncio.create_task(lane.call("INCR", "x")) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    assert [await tasks[1], await tasks[3], await slow] == [1, 2, None]
    await lane.close()


async def test_a_command_that_cannot_be_written_is_its_callers_mistake(empty_redis: RedisServer) -> None:
    """Its neighbours are carried."""
    lane = Lane(parse(empty_redis.url))
    calls = (lane.call("ECHO", "a"), lane.call("ECHO", None), lane.call("ECHO", "b"))  # type: ignore[arg-type] # a mistake
    seen = await asyncio.gather(*calls, return_exceptions=True)
    assert (seen[0], type(seen[1]).__name__, seen[2]) == (b"a", "TypeError", b"b")
    await lane.close()


async def test_every_caller_gets_its_own_answer(empty_redis: RedisServer) -> None:
    """Also when its neighbours in the air were cancelled."""
    lane = Lane(parse(empty_redis.url))

    async def echo(number: int) -> bool:
        return bool(await lane.call("ECHO", f"n{number}") == f"n{number}".encode())

    tasks = [asyncio.create_task(echo(number)) for number in range(1_000)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in results[::3])
    assert all(one is True for index, one in enumerate(results) if index % 3)
    await lane.close()


async def test_what_waits_is_bounded(empty_redis: RedisServer) -> None:
    """More than a lane takes is refused before it is sent, so a store that is slow fills no memory."""
    lane = Lane(parse(empty_redis.url), in_air_max=5)
    await lane.call("PING")
    results = await asyncio.gather(*(lane.call("INCR", "x") for _ in range(9)), return_exceptions=True)
    assert results[:5] == [1, 2, 3, 4, 5]
    assert {type(one).__name__ for one in results[5:]} == {"LaneFull"}
    with pytest.raises(Exception, match="commands wait"):
        await lane.many([("INCR", "x")] * 6)
    assert await lane.call("GET", "x") == b"5"
    await lane.close()


async def test_a_closed_lane_tells_who_waits(empty_redis: RedisServer) -> None:
    """Nobody is left hanging at the end of a process."""
    lane = Lane(parse(empty_redis.url))
    await lane.call("PING")
    waiting = asyncio.create_task(lane.call("BLPOP", "nothing", 0))
    connecting = Lane(parse(empty_redis.url))
    early = asyncio.create_task(connecting.call("PING"))
    await asyncio.sleep(0.01)
    await lane.close()
    await connecting.close()
    with pytest.raises(LaneLost):
        await waiting
    await asyncio.wait([early])
    assert early.exception() is None or isinstance(early.exception(), LaneLost)
    at_once = Lane(parse(empty_redis.url))
    asked = asyncio.create_task(at_once.call("PING"))
    await asyncio.sleep(0)
    await at_once.close()
    with pytest.raises(LaneLost, match="was closed"):
        await asked
    with pytest.raises(LaneLost, match="was closed"):
        await lane.call("PING")
