"""Clips that may be used again: a hint for each likeness of a project, and videos that are let in finished."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from gateway.domain.change import Admission, Change, Repeat
from gateway.domain.ledger import window_until_ms
from gateway.domain.limits import Limited, Limits
from gateway.domain.videos import Origin, State, Video
from gateway.store.outcomes import Admitted, KeyGone, Repeated
from gateway.store.store import Store
from tests.store.looks import due_of
from tests.store.samples import HASH, T0, Clock, let_in, video
from tests.support.redis import RedisServer

SWEEP_MS = T0 + 60_000


def finished(number: int, first: Video, *, repeat: Repeat | None = None) -> Admission:
    """The admission of a video that has got another's clip."""
    made = video(
        number,
        state=State.COMPLETED,
        attempts=(),
        reused_from=Origin(video=first.id, account="mock"),
        completed_ms=T0,
        sweep_ms=SWEEP_MS,
    )
    change = Change(label="admit", video=made, window_until_ms=window_until_ms(T0), due_ms=SWEEP_MS, over=True)
    return Admission(change=change, key_hash=HASH, repeat=repeat)


async def test_the_latest_clip_of_a_likeness_is_offered_for_its_time(books: Store) -> None:
    """Of this project and this likeness alone."""
    assert await books.offered_clip("proj_1", "like") is None
    await books.offer_clip("proj_1", "like", "video_1", life_ms=60_000)
    await books.offer_clip("proj_1", "like", "video_2", life_ms=1_500)
    assert await books.offered_clip("proj_1", "like") == "video_2"
    assert await books.offered_clip("proj_2", "like") is None
    assert await books.offered_clip("proj_1", "unlike") is None
    async with asyncio.timeout(10):
        while await books.offered_clip("proj_1", "like") is not None:
            await asyncio.sleep(0.05)


async def test_a_finished_video_is_let_in_without_money_or_a_place_in_flight(
    books: Store, empty_redis: RedisServer
) -> None:
    """Listed, due when its files go, counted as a request and as seconds of video; twice is once."""
    await books.limit_key("key_1", Limits(rpm=5, seconds_per_day=8))
    first = await let_in(books)
    counters = empty_redis.client.hgetall("{telecine}:counters")
    for _ in range(2):
        assert isinstance(await books.admit(finished(2, first)), Admitted)
    assert empty_redis.client.hgetall("{telecine}:counters") == counters
    assert empty_redis.client.xlen("{telecine}:ledger") == 1
    for scope in ("key/key_1", "project/proj_1"):
        assert empty_redis.client.smembers(f"{{telecine}}:in_flight:{scope}") == {first.id}
    assert due_of(empty_redis, video(2).id) == SWEEP_MS
    assert len((await books.page("proj_1", after=None, limit=5, descending=True)).faces) == 2
    assert isinstance(await books.admit(finished(3, first)), Limited)
    assert empty_redis.client.hget("{telecine}:seconds:2026-11-20", "key/key_1") == "8"


async def test_a_repeat_and_a_revoked_key_are_met_first(books: Store) -> None:
    first = await let_in(books)
    keyed = Repeat(key_name="idem", fingerprint="fp")
    assert isinstance(await books.admit(finished(2, first, repeat=keyed)), Admitted)
    assert await books.admit(finished(3, first, repeat=keyed)) == Repeated(video(2).id)
    await books.revoke_key("key_1")
    assert await books.admit(finished(4, first)) == KeyGone()


async def test_its_record_goes_like_any_other(books: Store, clock: Clock) -> None:
    """Nothing of it is open, and no entry needs it."""
    first = await let_in(books)
    admission = finished(2, first)
    assert isinstance(await books.admit(admission), Admitted)
    swept = replace(admission.change.video, version=2, sweep_ms=0)
    await books.commit(Change(label="sweep", video=swept, due_ms=None), commit_id="sweep", token=None)
    clock.now_ms += 10_000
    assert await books.remove(swept.id, swept, keep_ms=1)
    assert await books.read(swept.id) is None
