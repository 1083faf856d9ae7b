"""What was learnt from a vendor is not let go of while the video can still make use of it, however long the store is
away."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.clock import SystemClock
from gateway.store.errors import StoreAway
from gateway.work import book
from tests.support.house import House, house
from tests.support.redis import RedisServer

CONFIG = """
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}"}
models:
  sora-2: {routes: [a/sora-2]}
"""


class Away:
    """A store that is asked so often in vain, and a clock on which each time takes a minute."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.asked = 0

    async def ask(self) -> str:
        self.asked += 1
        if self.asked <= self.left:
            raise StoreAway("commit", "nobody there")
        return "booked"

    def boot_s(self) -> float:
        return 60.0 * self.asked


@pytest.mark.parametrize(("deadline_s", "booked"), [(3_600, True), (-1, False)])
async def test_the_store_is_waited_for_until_the_deadline_and_two_minutes_at_least(
    empty_redis: RedisServer, tmp_path: Path, deadline_s: int, booked: bool
) -> None:
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": {}}, running=False) as one:
        job = await job_of(one, deadline_s)
        away = Away(4)
        one.tools.clock = SystemClock(boot_s=away.boot_s)
        if booked:
            assert await book.answered(one.tools, job, away.ask) == "booked"
        else:
            with pytest.raises(StoreAway):
                await book.answered(one.tools, job, away.ask)
            assert away.asked > book.STORE_AWAY_S / 60


async def job_of(one: House, deadline_s: int) -> book.Job:
    video = await one.record(await one.create())
    late = replace(video, deadline_ms=one.tools.clock.now_ms() + 1_000 * deadline_s)
    snapshot = one.tools.snapshot()
    return book.Job(late, "token", snapshot, lease_ms=snapshot.lease_ms)
