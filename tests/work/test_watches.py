"""Following videos: one look for all followers of a process, whatever replica moves the video, and nobody hangs."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.videos import Video
from gateway.store.outcomes import GONE, Committed, Sight
from gateway.store.store import Store
from gateway.work.watches import Follower, Stopping, TooMany, Watches
from tests.store.samples import Clock, apply, following, let_in, seed
from tests.support.redis import RedisServer

EVERY_S = 0.02


class Counted:
    """A replica's store, with how often it was asked what has changed."""

    def __init__(self, url: str) -> None:
        self.looks = 0
        self.store = Store(url, now_ms=Clock(), patience_s=2.0, reads_patience_s=0.1, observe=self._note)

    def _note(self, operation: str, _: float) -> None:
        self.looks += operation == "changed"

    async def looked(self, times: int) -> None:
        """So often from now on, whatever came of it."""
        wanted = self.looks + times
        async with asyncio.timeout(30):
            while self.looks < wanted:
                await asyncio.sleep(EVERY_S)


@pytest.fixture
async def here(empty_redis: RedisServer) -> AsyncIterator[Counted]:
    """The replica that is followed at; the fixture `there` is the one that moves videos."""
    counted = Counted(empty_redis.url)
    await counted.store.open()
    await seed(counted.store)
    yield counted
    await counted.store.close()


@pytest.fixture
async def there(here: Counted, empty_redis: RedisServer) -> AsyncIterator[Store]:
    store = Store(empty_redis.url, now_ms=Clock(), patience_s=2.0)
    await store.open()
    yield store
    await store.close()


def follow(
    watches: Watches, store: Store, video: Video, *, key: str = "k", most: int = 1_000
) -> AbstractContextManager[Follower]:
    return watches.follow(store, video.id, key, most=most, most_of_key=most)


async def first(follower: Follower) -> Sight:
    sight = await follower.next(None, 5.0)
    assert sight is not None
    return sight


def sent_away(follower: Follower) -> bool:
    return follower.over


async def progress(store: Store, video: Video, percent: int) -> Video:
    """At the replica that has `store`."""
    change = following(replace(video, progress=percent, shown_in_progress=True))
    assert isinstance(await apply(store, change), Committed)
    return change.video


async def test_a_change_at_another_replica_is_seen(here: Counted, there: Store) -> None:
    """By all who follow, with the version of the record as its number."""
    video = await let_in(there)
    watches = Watches(every_s=EVERY_S)
    with follow(watches, here.store, video) as one, follow(watches, here.store, video) as other:
        before = await first(one)
        assert await first(other) == before
        assert before.version == 1
        await progress(there, video, 40)
        after = await one.next(before.face, 5.0)
        assert after is not None and after.version == 2 and b'"progress":40' in after.face
        assert await other.next(before.face, 5.0) == after


async def test_a_thousand_followers_cost_one_look(here: Counted, there: Store) -> None:
    """Not one more than a single follower costs in the same time."""
    video = await let_in(there)
    watches = Watches(every_s=EVERY_S)
    with ExitStack() as stack:
        crowd = [stack.enter_context(follow(watches, here.store, video)) for _ in range(1_000)]
        seen = await asyncio.gather(*(first(one) for one in crowd))
        assert here.looks == 1
        await progress(there, video, 40)
        await asyncio.gather(*(one.next(seen[0].face, 5.0) for one in crowd))
        assert here.looks < 50


async def test_what_nobody_follows_costs_nothing(here: Counted, there: Store) -> None:
    """Before the first and after the last follower nothing is asked, and a commit tells nobody anything."""
    watches = Watches(every_s=EVERY_S)
    video = await let_in(there)
    with follow(watches, here.store, video) as one:
        await first(one)
    await asyncio.sleep(3 * EVERY_S)
    looked = here.looks
    await progress(there, video, 40)
    await asyncio.sleep(5 * EVERY_S)
    assert here.looks == looked


async def test_a_commit_that_a_client_cannot_see_is_no_news(here: Counted, there: Store) -> None:
    video = await let_in(there)
    watches = Watches(every_s=EVERY_S)
    with follow(watches, here.store, video) as one:
        seen = await first(one)
        assert isinstance(await apply(there, following(video)), Committed)
        assert await one.next(seen.face, 10 * EVERY_S) is None
        assert not one.over


async def test_a_slow_follower_skips_what_came_between(here: Counted, there: Store) -> None:
    """It is shown the latest, not a queue."""
    video = await let_in(there)
    watches = Watches(every_s=EVERY_S)
    with follow(watches, here.store, video) as one:
        seen = await first(one)
        for percent in (20, 40, 60):
            video = await progress(there, video, percent)
            await asyncio.sleep(2 * EVERY_S)
        latest = await one.next(seen.face, 5.0)
        assert latest is not None and latest.version == 4


async def test_a_deleted_video_is_gone(here: Counted, there: Store) -> None:
    """While it is followed, and for who comes later."""
    video = await let_in(there)
    watches = Watches(every_s=EVERY_S)
    with follow(watches, here.store, video) as one:
        seen = await first(one)
        await apply(there, following(replace(video, deleted=True), unlist=True))
        gone = await one.next(seen.face, 5.0)
        assert gone is not None and gone.face == b""
    never = replace(video, id="video_" + "0" * 48)
    with follow(watches, here.store, never) as late:
        assert await late.next(None, 5.0) == GONE


async def test_followers_are_bounded_and_make_room_when_they_leave(here: Counted, there: Store) -> None:
    """All of them, and those of one key; what was refused counts for nothing."""
    video = await let_in(there)
    watches = Watches(every_s=EVERY_S)
    with follow(watches, here.store, video, key="a"):
        with pytest.raises(TooMany) as met, watches.follow(here.store, video.id, "a", most=9, most_of_key=1):
            pass
        assert met.value.of_key
        with pytest.raises(TooMany) as met, follow(watches, here.store, video, key="b", most=1):
            pass
        assert not met.value.of_key
    assert watches.count == 0
    with follow(watches, here.store, video, key="a", most=1):
        assert watches.count == 1


async def test_when_the_process_ends_everybody_is_sent_away(here: Counted, there: Store) -> None:
    video = await let_in(there)
    watches = Watches(every_s=EVERY_S)
    with follow(watches, here.store, video) as one:
        seen = await first(one)
        waiting = asyncio.create_task(one.next(seen.face, 60.0))
        await asyncio.sleep(0)
        watches.close()
        assert await asyncio.wait_for(waiting, 1.0) is None
        assert one.over
    with pytest.raises(Stopping), follow(watches, here.store, video):
        pass


async def test_a_store_that_goes_away_is_waited_for_and_nobody_hangs() -> None:
    """A short absence goes unnoticed; in a long one followers are sent away, and may come back afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    server = RedisServer(folder, appendonly="yes", appendfsync="always")
    here = Counted(server.url)
    try:
        await here.store.open()
        await seed(here.store)
        video = await let_in(here.store)
        patient, hasty = Watches(every_s=EVERY_S, away_s_max=60.0), Watches(every_s=EVERY_S, away_s_max=0.3)
        with follow(patient, here.store, video) as one:
            seen = await first(one)
            server.kill()
            await here.looked(3)  # the second and the third began without a server
            server.start()
            video = await progress(here.store, video, 40)
            after = await one.next(seen.face, 30.0)
            assert after is not None and not sent_away(one)
        with follow(hasty, here.store, video) as one:
            assert await first(one) == after
            server.kill()
            assert await asyncio.wait_for(one.next(after.face, 60.0), 30.0) is None
            assert sent_away(one)
        server.start()
        with follow(hasty, here.store, video) as again:
            assert (await first(again)).face == after.face
    finally:
        await here.store.close()
        server.stop()
        shutil.rmtree(folder)
