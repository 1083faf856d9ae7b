"""What a worker holds for others has a bound: who does not fit comes again or waits its turn, and nothing is lost."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.requests import ask
from gateway.work.hand import Hand
from gateway.work.memory import Memory
from gateway.work.quote import quote_video
from gateway.work.retry import Wish, retry
from providers.contract import Verb
from tests.support.house import house
from tests.support.http_desk import say
from tests.support.pictures import png
from tests.support.redis import RedisServer
from tests.upstream.test_images import internet

PICTURE = png(720, 1280)
INLINE = {"image_url": "data:image/png;base64," + base64.b64encode(PICTURE).decode()}
SIZE = len(PICTURE)
CONFIG = """
gateway: {lease_s: 1, send_by_s: 0.5}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1, poll_timeout_s: 0.8}
  mock: {adapter: mock, base_url: "http://127.0.0.1:9", poll_timeout_s: 0.8}
models:
  sora-2: {routes: [a/sora-2, mock/sora-2]}
"""
VENDORS: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}}
LONG_S = 10.0


def test_requests_share_a_fixed_memory() -> None:
    """What does not fit comes again later; what has ended makes room."""
    memory = Memory(100)
    with memory.share("films") as one, memory.share("films") as other:
        one(60)
        other(40)
        with pytest.raises(Unavailable) as caught:
            other(1)
        assert caught.value.retry_after_s
    assert memory.held == 0


def test_one_project_leaves_room_for_the_others() -> None:
    """However many of its requests hold something."""
    memory = Memory(100, 60)
    with memory.share("films") as one, memory.share("films") as two, memory.share("news") as other:
        one(40)
        two(20)
        with pytest.raises(Unavailable):
            two(1)
        other(40)
    with memory.share("films") as again:
        again(60)


async def test_who_waits_gets_it_in_the_order_of_coming() -> None:
    """A large one is not overtaken for ever by small ones that would fit."""
    memory, order = Memory(100), list[str]()

    async def work(name: str, size: int) -> None:
        async with memory.turn(size, LONG_S) as ours:
            assert ours and memory.held <= 100
            order.append(name)
            await asyncio.sleep(0.01)

    with memory.share("films") as hold:
        hold(50)
        tasks = [asyncio.create_task(work(name, size)) for name, size in (("large", 90), ("small", 10), ("last", 90))]
        await asyncio.sleep(0.02)
        assert order == []
    await asyncio.gather(*tasks)
    assert order == ["large", "small", "last"] and memory.held == 0


async def test_what_is_larger_than_all_goes_alone() -> None:
    """It would wait for ever."""
    memory = Memory(100)
    async with memory.turn(101, LONG_S) as large, memory.turn(1, 0.01) as small:
        assert (large, small) == (True, False)
    async with memory.turn(1, LONG_S), memory.turn(101, 0.01) as large:
        assert not large


async def test_who_takes_nothing_never_waits() -> None:
    memory = Memory(100)
    async with memory.turn(100, LONG_S), memory.turn(0, LONG_S) as ours:
        assert ours


async def test_whoever_leaves_the_line_takes_nothing_along() -> None:
    """Cancelled or too late at any moment, also at the one of its turn."""
    memory = Memory(100)

    async def work() -> None:
        async with memory.turn(60, 0.003):
            await asyncio.sleep(0.001)

    for turns in range(200):
        tasks = [asyncio.create_task(work()) for _ in range(5)]
        for _ in range(turns % 20):
            await asyncio.sleep(turns % 3 / 2_000)
        tasks[turns % 5].cancel()
        await asyncio.wait(tasks)
    assert memory.held == 0
    async with memory.turn(100, LONG_S) as ours:
        assert ours


@pytest.mark.parametrize("fields", [("input_reference",), ("last_frame",), ("input_reference", "last_frame")])
async def test_a_linked_picture_that_does_not_fit_is_asked_for_again_and_leaves_nothing(
    fields: tuple[str, ...], empty_redis: RedisServer, tmp_path: Path
) -> None:
    """By a create and by a quote, which costs nothing; both pictures of one request count together."""
    async with (
        house(empty_redis.url, tmp_path, CONFIG, vendors=VENDORS, running=False) as one,
        internet(tmp_path, lambda _: say(200, PICTURE)) as (_, driver, base),
    ):
        one.tools.driver, one.tools.incoming = driver, Memory(len(fields) * SIZE)
        links: dict[str, Any] = {field: {"image_url": f"{base}/a.png"} for field in fields}
        asked = ask(Verb.CREATE, {"prompt": "it sails", **links}, {})
        with one.tools.incoming.share("films") as hold:
            hold(1)
            for wish in (quote_video(one.tools, one.caller, asked), one.create("it sails", **links)):
                with pytest.raises(Unavailable) as caught:
                    await wish
                assert caught.value.retry_after_s and one.tools.incoming.held == 1
        assert not list(tmp_path.rglob("*image*"))
        await quote_video(one.tools, one.caller, asked)
        await one.create("it sails", **links)
        assert one.tools.incoming.held == 0


async def test_a_retry_reads_its_pictures_only_where_there_is_memory(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=VENDORS) as one:
        video = await one.create("it sails", input_reference=INLINE)
        await one.until(video)
        one.tools.incoming = Memory(SIZE)
        hand = Hand("cli", one.tools.random, one.tools.clock.now_ms())
        with one.tools.incoming.share("films") as hold:
            hold(1)
            with pytest.raises(Unavailable):
                await retry(one.tools, Wish(of=video), hand)
        again = await retry(one.tools, Wish(of=video), hand)
        assert (await one.until(again))["status"] == "completed" and one.tools.incoming.held == 0


async def test_a_submission_waits_for_the_memory_of_its_pictures_and_is_sent_once(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Longer than its lease, and more often than a video is claimed in vain; what has no picture is sent meanwhile."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=VENDORS) as one:
        one.tools.outgoing = Memory(SIZE)
        with one.tools.outgoing.share("films") as hold:
            hold(1)
            waiting = await one.create("it sails", input_reference=INLINE)
            other = await one.create("it flies")
            assert (await one.until(other))["status"] == "completed"
            await asyncio.sleep(6)
            assert one.vendors["a"].counts["create"] == 1
            assert (await one.face(waiting))["status"] == "queued"
        assert (await one.until(waiting))["status"] == "completed"
        assert [kind for kind, _, _ in await one.money(waiting)] == ["hold", "settle"]
        assert one.vendors["a"].counts["create"] == 2 and one.tools.outgoing.held == 0


async def test_submissions_at_the_same_time_hold_no_more_than_there_is(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Many at once, and a part that has room for two: all are sent, one after the other."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors=VENDORS) as one:
        one.tools.outgoing = Memory(2 * SIZE)
        seen: set[int] = set()

        async def watch() -> None:
            while True:
                seen.add(one.tools.outgoing.held)
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        with one.tools.outgoing.share("films") as hold:
            hold(SIZE + 1)
            videos = [await one.create(f"boat {number}", input_reference=INLINE) for number in range(12)]
            await one.runner_turn()
        for video in videos:
            assert (await one.until(video))["status"] == "completed"
        watching.cancel()
        assert one.vendors["a"].counts["create"] == 12
        assert seen == {0, SIZE + 1, SIZE, 2 * SIZE}
