"""Trouble on the way to Redis: lost answers, silence, restarts, refusals. Nothing is done twice or waits for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
import uvloop
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.store.errors import StoreAway
from gateway.store.lane import ErrorReply, LaneLost
from gateway.store.link import LANE_BYTES, LANES, SLOW_S, Link
from gateway.store.loader import SCRIPTS
from gateway.store.outcomes import Admitted, Committed, Rest
from gateway.store.store import Store
from tests.store.looks import counter, due_of
from tests.store.samples import (
    HASH,
    PRICE,
    T0,
    Clock,
    admission,
    apply,
    claimed,
    closed,
    following,
    let_in,
    seed,
    simulated,
    video,
)  # fmt: skip
from tests.store.wires import over_tls, proxied, says
from tests.support.gateway import free_port
from tests.support.redis import RedisServer

CERTIFICATE = Path(__file__).with_name("localhost.pem")


# --- answers that get lost ---------------------------------------------------------------------------------------


async def test_what_was_done_is_not_done_again_when_its_answer_is_lost(
    books: Store, empty_redis: RedisServer, folder: Path
) -> None:
    """Admission, commit and rest are repeated by the store until the answer is known."""
    async with proxied(empty_redis.socket, folder) as (proxy, url):
        store = Store(url, now_ms=Clock())
        made = video()
        # Taught before, or what is lost would be the answer that the script is unknown.
        await books.admit(admission(made, key_hash="unknown"))
        await apply(books, following(made))
        await books.rest([Rest(made.id, "x", T0)])
        proxy.lose = 2
        assert await store.admit(admission(made)) == Admitted(T0, 1)
        proxy.lose = 2
        one = (await books.claim(1, lease_ms=20_000, token_prefix="r")).videos[0]
        assert await store.rest([Rest(made.id, one.token, T0)]) == 0  # it had been done the first time
        assert due_of(empty_redis, made.id) == T0
        proxy.lose = 2
        settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
        assert await apply(store, following(closed(made), settle)) == Committed(T0, 2)
        assert counter(empty_redis, "gateway/total") == (0, PRICE)
        await store.close()


async def test_an_outcome_that_stays_unknown_is_the_store_away(
    books: Store, empty_redis: RedisServer, folder: Path
) -> None:
    """In bounded time; the same admission later finds what became of it."""
    async with proxied(empty_redis.socket, folder) as (proxy, url):
        store = Store(url, now_ms=Clock(), patience_s=0.3)
        proxy.lose = 10**6
        began = time.monotonic()
        with pytest.raises(StoreAway) as caught:
            await store.admit(admission(video()))
        assert time.monotonic() - began < 1.5
        assert isinstance(caught.value.__cause__, LaneLost)
        proxy.lose = 0
        assert await store.admit(admission(video())) == Admitted(T0, 1)
        await store.close()


async def test_silence_is_bounded(books: Store, empty_redis: RedisServer, folder: Path) -> None:
    """A server that takes the question and says nothing: the lane is given up, then the call."""
    async with proxied(empty_redis.socket, folder) as (proxy, url):
        store = Store(url, timeout_s=0.2, patience_s=0.3, reads_patience_s=0.1)
        proxy.hang = True
        began = time.monotonic()
        results = await asyncio.gather(*(store.standing(HASH) for _ in range(20)), return_exceptions=True)
        assert {type(one) for one in results} == {StoreAway}
        with pytest.raises(StoreAway):
            await store.admit(admission(video()))
        assert time.monotonic() - began < 3
        proxy.hang = False
        assert await store.standing(HASH) is not None
        await store.close()


async def test_a_server_that_sleeps_is_waited_for(books: Store, empty_redis: RedisServer) -> None:
    """A second of silence is not a loss."""
    store = Store(empty_redis.url, now_ms=Clock())
    sleep = asyncio.create_task(asyncio.to_thread(empty_redis.client.execute_command, "DEBUG", "SLEEP", "0.5"))
    await asyncio.sleep(0.1)
    assert isinstance(await store.admit(admission(video())), Admitted)
    await sleep
    await store.close()


async def test_what_the_server_would_not_read_in_one_turn_goes_beside_a_slow_lane(empty_redis: RedisServer) -> None:
    """What waits fills one lane's next batch after the other; the slow answer holds its own lane only."""
    link = Link(empty_redis.url)
    slow = asyncio.create_task(link.command("BLPOP", "later", "4"))
    await asyncio.sleep(0.05)
    filling = [asyncio.create_task(link.command("ECHO", "x" * LANE_BYTES)) for _ in range(LANES)]
    await asyncio.gather(*filling[1:])
    assert not slow.done() and not filling[0].done()
    empty_redis.client.rpush("later", "word")
    assert await asyncio.gather(*filling) == [b"x" * LANE_BYTES] * LANES
    assert await slow == [b"later", b"word"]
    await link.close()


async def test_a_slow_answer_holds_nobody_who_comes_later(empty_redis: RedisServer) -> None:
    """It may be that of a connection whose other end is gone: for seconds nobody would be answered."""
    link = Link(empty_redis.url)
    slow = asyncio.create_task(link.command("BLPOP", "later", "4"))
    await asyncio.sleep(2 * SLOW_S)
    assert await asyncio.gather(*(link.command("ECHO", n) for n in range(20))) == [b"%d" % n for n in range(20)]
    assert not slow.done()
    empty_redis.client.rpush("later", "word")
    assert await slow == [b"later", b"word"]
    await link.close()


async def test_few_callers_share_one_connection(empty_redis: RedisServer) -> None:
    """A batch costs the server and the loop the same with one command and with twenty."""
    link = Link(empty_redis.url)
    before = empty_redis.client.info("stats")["total_connections_received"]
    for _ in range(3):
        assert await asyncio.gather(*(link.command("ECHO", n) for n in range(20))) == [b"%d" % n for n in range(20)]
    assert empty_redis.client.info("stats")["total_connections_received"] == before + 1
    await link.close()


# --- servers that come and go ------------------------------------------------------------------------------------


async def test_a_killed_server_kept_what_it_acknowledged(folder: Path) -> None:
    """With every commit on disk before its answer: SIGKILL, restart, and every admitted video is there."""
    server = RedisServer(folder, appendonly="yes", appendfsync="always")
    clock = Clock()
    async with simulated(server.url, clock) as store:
        acknowledged: list[str] = []

        async def admit(number: int) -> None:
            outcome = await store.admit(admission(video(number)))
            assert isinstance(outcome, Admitted)
            acknowledged.append(video(number).id)

        tasks = [asyncio.create_task(admit(number)) for number in range(400)]
        while len(acknowledged) < 60:
            await asyncio.sleep(0)
        server.kill()
        before_the_restart = len(acknowledged)
        server.start()
        await asyncio.gather(*tasks)
        assert 60 <= before_the_restart <= 400
        assert len(acknowledged) == 400
        assert server.client.zcard("{telecine}:due") == 400
        assert counter(server, "gateway/total") == (400 * PRICE, 0)
        assert await store.verify() == []
        assert not store.rewound
    server.stop()


async def test_a_server_that_stays_away_is_said_so(folder: Path) -> None:
    """Reads give up sooner than writes: their caller can ask again."""
    server = RedisServer(folder)
    store = Store(server.url, patience_s=2.0, reads_patience_s=0.1)
    await store.open()
    server.kill()
    began = time.monotonic()
    with pytest.raises(StoreAway):
        await store.standing(HASH)
    assert time.monotonic() - began < 1
    with pytest.raises(StoreAway):
        await store.admit(admission(video()))
    assert 1.4 < time.monotonic() - began < 5
    server.start()
    assert await store.standing(HASH) is None
    await store.close()
    server.stop()


async def test_forgotten_scripts_are_taught_again(books: Store, empty_redis: RedisServer) -> None:
    """SCRIPT FLUSH or a restart: nobody notices, for any of the scripts."""
    empty_redis.client.script_flush()
    made = await let_in(books)
    for step in (
        lambda: books.standing(HASH),
        lambda: apply(books, following(made)),
        lambda: claimed(books),
        lambda: books.make_due(made.id),
        lambda: books.renew(made.id, "x", lease_ms=1),
        lambda: books.rest([Rest(made.id, "x", T0)]),
        lambda: seed(books, "proj_9", "key_9", "9" * 64),
        lambda: books.revoke_key("key_9"),
    ):
        empty_redis.client.script_flush()
        await step()
    known = empty_redis.client.script_exists(*(script.sha for script in SCRIPTS))
    assert known.count(True) == 1


@pytest.mark.parametrize(
    "answer", [b"-LOADING reading\r\n", b"-BUSY a script\r\n", b"-READONLY a replica\r\n", b"-TRYAGAIN later\r\n"]
)
async def test_a_server_that_is_not_ready_is_asked_again(folder: Path, answer: bytes) -> None:
    """It did nothing and will be well; one that turned into a replica is connected to anew."""
    async with says(folder, answer, answer, b"$1\r\n7\r\n") as (heard, url):
        link = Link(url)
        assert await link.command("GET", "x") == b"7"
        assert len(heard) == 3
        await link.close()


@pytest.mark.parametrize(
    "answer", [b"-OOM no memory\r\n", b"-MISCONF disk\r\n", b"-NOAUTH who\r\n", b"-WRONGTYPE x\r\n", b"-ERR x\r\n"]
)
async def test_a_refusal_is_the_store_away_at_once(folder: Path, answer: bytes) -> None:
    """Waiting would not help. The server's own words are the cause."""
    async with says(folder, answer) as (heard, url):
        link = Link(url)
        with pytest.raises(StoreAway) as caught:
            await link.command("GET", "x")
        assert isinstance(caught.value.__cause__, ErrorReply)
        assert len(heard) == 1
        await link.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$1\r\n7\r\n$1\r\n8\r\n", b"\xff\xfe"])
async def test_a_server_that_speaks_something_else_is_left(folder: Path, answer: bytes) -> None:
    """An answer too many, or no Redis at all: whatever it says next would belong to nobody."""
    async with says(folder, answer) as (_, url):
        link = Link(url, reads_patience_s=0.1, timeout_s=0.2)
        seen: list[object] = []
        for _ in range(LANES):
            seen += await asyncio.gather(link.command("GET", "x"), return_exceptions=True)
        assert {one if isinstance(one, bytes) else type(one) for one in seen} <= {b"7", StoreAway}
        await link.close()


# --- many at once ------------------------------------------------------------------------------------------------


def test_the_production_loop_serves_as_well(empty_redis: RedisServer, folder: Path) -> None:
    """uvloop, over a socket and through a wire that breaks."""

    async def walk() -> None:
        async with proxied(empty_redis.socket, folder) as (proxy, url):
            store = Store(url, now_ms=Clock())
            await store.open()
            await seed(store)
            proxy.lose = 3
            outcomes = await asyncio.gather(*(store.admit(admission(video(number))) for number in range(50)))
            assert {type(one) for one in outcomes} == {Admitted}
            assert (await store.face(HASH, video(7).id))[1] is not None
            await store.close()

    uvloop.run(walk())


async def test_calls_are_measured_by_name(empty_redis: RedisServer) -> None:
    """Failed ones too."""
    seen: list[tuple[str, bool]] = []
    store = Store(empty_redis.url, observe=lambda name, seconds: seen.append((name, 0 <= seconds < 5)))
    await store.standing(HASH)
    await store.claim(1, lease_ms=1_000, token_prefix="r")
    empty_redis.client.set("{telecine}:due", "x")
    with pytest.raises(StoreAway):
        await store.claim(1, lease_ms=1_000, token_prefix="r")
    assert seen == [("face", True), ("claim", True), ("claim", True)]
    await store.close()


# --- addresses ---------------------------------------------------------------------------------------------------


async def test_a_store_with_a_password_and_a_database(folder: Path) -> None:
    """Over TCP and a Unix socket. A wrong password is said without repeating it."""
    port = free_port()
    server = RedisServer(folder, port=str(port))
    server.client.execute_command("ACL", "SETUSER", "films", "on", ">p@ss/word", "~*", "+@all")
    for place in (f"redis://films:%s@127.0.0.1:{port}/3", f"unix://films:%s@{server.socket}?db=3"):
        link = Link(place.replace("%s", "p%40ss%2Fword"))
        await link.command("SET", "x", "1")
        assert server.client.dbsize() == 0
        await link.close()
        wrong = Link(place.replace("%s", "guess-work"))
        with pytest.raises(StoreAway, match="WRONGPASS") as caught:
            await wrong.command("GET", "x")
        assert "guess-work" not in str(caught.value)
        await wrong.close()
    server.stop()


async def test_a_store_over_tls(empty_redis: RedisServer) -> None:
    """Its certificate is checked, unless the URL says not to."""
    async with over_tls(empty_redis.socket, CERTIFICATE) as port:
        for options in (f"?ssl_ca_certs={CERTIFICATE}", "?ssl_cert_reqs=none"):
            link = Link(f"rediss://localhost:{port}{options}")
            assert await link.command("ECHO", "x") == b"x"
            await link.close()
        link = Link(f"rediss://localhost:{port}", reads_patience_s=0.1)
        with pytest.raises(StoreAway):
            await link.command("PING")
        await link.close()


async def test_the_everyday_life_of_a_video_over_a_short_lived_wire(
    books: Store, empty_redis: RedisServer, folder: Path
) -> None:
    """Every fifth answer is lost with its connection; the books are right and every commit happened once."""
    async with proxied(empty_redis.socket, folder) as (proxy, url):
        store = Store(url, now_ms=Clock())

        async def live(number: int) -> None:
            made = await let_in(store, number)
            for version in range(1, 5):
                proxy.lose += number % 2
                assert isinstance(await apply(store, following(replace(made, version=version))), Committed)
            void = ledger.void(made, made.attempts[0], "refused")
            await apply(store, following(replace(closed(made), version=5), void, due_ms=None))

        await asyncio.gather(*(live(number) for number in range(40)))
        assert empty_redis.client.get("{telecine}:seq") == str(40 * 6)
        assert counter(empty_redis, "gateway/total") == (0, 0)
        await store.close()


async def test_a_stopped_process_of_the_server_is_survived(folder: Path) -> None:
    """SIGSTOP and SIGCONT: what was asked meanwhile is done once."""
    server = RedisServer(folder)
    async with simulated(server.url, Clock()) as store:
        assert server._process is not None
        os.kill(server._process.pid, signal.SIGSTOP)
        admitting = asyncio.create_task(store.admit(admission(video())))
        await asyncio.sleep(0.2)
        os.kill(server._process.pid, signal.SIGCONT)
        assert await admitting == Admitted(T0, 1)
    server.stop()
