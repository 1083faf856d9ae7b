"""Permits and lines: no provider gets more than its limits allow, from whatever side, and nobody is passed over."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.change import AtProviders
from gateway.domain.permits import ProviderLimits
from gateway.domain.videos import State, Video
from gateway.store.outcomes import Busy, Claimed, CommitOutcome, Committed, RoomAt
from gateway.store.store import Store
from tests.store.looks import due_of, everything
from tests.store.samples import T0, Clock, apply, following, let_in, simulated
from tests.support.redis import RedisServer

MINUTE = 60_000


def of_attempt(made: Video) -> str:
    return f"{made.id}.1"


async def ask(store: Store, made: Video, provider: str = "a", *, again: bool = False) -> CommitOutcome:
    """A submission leaves, if it may."""
    at = AtProviders(again=provider) if again else AtProviders(ask=provider, begin=((of_attempt(made), provider),))
    version = (await _now(store, made)).version
    change = following(replace(made, version=version, state=State.SUBMITTING), label="ask", at=_with_lines(at))
    return await apply(store, change, commit_id=f"{made.id}:{version}:{provider}")


async def wait(store: Store, made: Video, *providers: str, priority: int = 5, project: str = "proj_1") -> None:
    """The video joins the lines."""
    version = (await _now(store, made)).version
    video = replace(made, version=version, priority=priority, project=project, lined=providers)
    change = following(video, label="lined", at=AtProviders(lines=providers, waits=True), due_ms=T0 + 300_000)
    assert isinstance(await apply(store, change, commit_id=f"{made.id}:{version}:lined"), Committed)


async def end(store: Store, made: Video, *, paused: tuple[str, int] | None = None) -> None:
    """The attempt is in flight no more."""
    version = (await _now(store, made)).version
    change = following(replace(made, version=version), at=AtProviders(done=(of_attempt(made),), paused=paused))
    assert isinstance(await apply(store, change, commit_id=f"{made.id}:{version}:end"), Committed)


async def _now(store: Store, made: Video) -> Video:
    video = await store.read(made.id)
    assert video is not None
    return video


def _with_lines(at: AtProviders) -> AtProviders:
    return replace(at, lines=("a", "b"))


async def called(store: Store, provider: str = "a", **limit: int) -> list[str]:
    """Who is called, in the order in which they are claimed."""
    await store.call(provider, **limit)
    claims = await store.claim(1_000, lease_ms=20_000, token_prefix="runner")
    await _let_go(store, claims.videos)
    return [one.video.id for one in claims.videos]


async def _let_go(store: Store, claims: list[Claimed]) -> None:
    for one in claims:
        await store.rest_one(one.video.id, one.token, T0 + 300_000)


async def asleep(store: Store, number: int) -> Video:
    """A queued video that is not due for long."""
    made = await let_in(store, number)
    claims = await store.claim(10, lease_ms=20_000, token_prefix="x")
    await _let_go(store, claims.videos)
    return made


# --- permits -----------------------------------------------------------------------------------------------------


async def test_concurrency_is_never_passed_and_an_end_makes_room(books: Store) -> None:
    """A refused submission has written nothing, and is not in flight."""
    await books.limit_providers({"a": ProviderLimits(concurrency=2)})
    videos = [await let_in(books, number) for number in range(1, 5)]
    asked = [await ask(books, one) for one in videos]
    assert [type(one) for one in asked] == [Committed, Committed, Busy, Busy]
    assert asked[2] == Busy("concurrency", 0)
    assert await books.in_flight() == {"a": 2}
    assert (await _now(books, videos[2])).version == 1
    await end(books, videos[0])
    assert await books.in_flight() == {"a": 1}
    assert isinstance(await ask(books, videos[2]), Committed)
    assert isinstance(await ask(books, videos[3], "b"), Committed)


async def test_the_requests_of_any_minute_are_never_more_than_the_limit(books: Store, clock: Clock) -> None:
    """Not of a minute by the clock on the wall: of any."""
    await books.limit_providers({"a": ProviderLimits(rpm=2)})
    videos = [await let_in(books, number) for number in range(1, 5)]
    assert isinstance(await ask(books, videos[0]), Committed)
    clock.now_ms += 50_000
    assert isinstance(await ask(books, videos[1]), Committed)
    assert await ask(books, videos[2]) == Busy("rpm", T0 + MINUTE)
    clock.now_ms = T0 + MINUTE
    assert isinstance(await ask(books, videos[2]), Committed)
    assert await ask(books, videos[3]) == Busy("rpm", T0 + 50_000 + MINUTE)


async def test_a_resend_takes_of_the_minute_and_waits_for_no_turn(books: Store, clock: Clock) -> None:
    await books.limit_providers({"a": ProviderLimits(rpm=2, concurrency=1)})
    one, other = await let_in(books, 1), await let_in(books, 2)
    await ask(books, one)
    await wait(books, other, "a")
    assert isinstance(await ask(books, one, again=True), Committed)
    assert await ask(books, one, again=True) == Busy("rpm", T0 + MINUTE)
    assert await books.waiting() == {"a": 1}


async def test_a_pause_is_kept_and_never_shortened(books: Store, clock: Clock) -> None:
    one, other = await let_in(books, 1), await let_in(books, 2)
    await ask(books, one)
    await end(books, one, paused=("a", T0 + 30_000))
    await end(books, one, paused=("a", T0 + 10_000))
    assert await ask(books, other) == Busy("paused", T0 + 30_000)
    assert await books.room_at(other.id, ["a"]) == RoomAt(None, T0 + 30_000, "paused")
    clock.now_ms += 30_000
    assert isinstance(await ask(books, other), Committed)


async def test_a_pause_ends_where_an_operator_says_so(books: Store) -> None:
    one, other = await let_in(books, 1), await let_in(books, 2)
    await ask(books, one)
    await end(books, one, paused=("a", T0 + 30_000))
    await books.resume("a")
    assert isinstance(await ask(books, other), Committed)


async def test_fifty_at_once_get_as_many_permits_as_there_are(books: Store) -> None:
    await books.limit_providers({"a": ProviderLimits(concurrency=7)})
    videos = [await let_in(books, number) for number in range(1, 51)]
    asked = await asyncio.gather(*(ask(books, one) for one in videos))
    assert Counter(type(one) for one in asked) == {Committed: 7, Busy: 43}
    assert await books.in_flight() == {"a": 7}


async def test_the_same_commit_made_again_takes_one_permit(books: Store) -> None:
    await books.limit_providers({"a": ProviderLimits(rpm=1)})
    one = await let_in(books)
    at = AtProviders(ask="a", begin=((of_attempt(one), "a"),))
    for _ in range(3):
        assert isinstance(await apply(books, following(one, at=at), commit_id="same"), Committed)
    assert await books.in_flight() == {"a": 1}


async def test_limits_that_left_the_configuration_are_gone_and_what_is_in_flight_stays(
    books: Store, empty_redis: RedisServer
) -> None:
    await books.limit_providers({"a": ProviderLimits(rpm=1, concurrency=1, polls_per_minute=1)})
    one, other = await let_in(books, 1), await let_in(books, 2)
    await ask(books, one)
    await books.limit_providers({"b": ProviderLimits(rpm=5)})
    assert everything(empty_redis)["{telecine}:providers"] == {"a:in_flight": "1", "b:rpm": "5"}
    assert isinstance(await ask(books, other), Committed)


@given(limit=st.integers(1, 40), waits=st.lists(st.integers(0, 9_000), min_size=1, max_size=60))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_minute_has_more_polls_than_the_limit(empty_redis: RedisServer, limit: int, waits: list[int]) -> None:
    """And whoever waits as long as it was told may poll then."""
    empty_redis.client.flushall()
    clock = Clock()
    async with simulated(empty_redis.url, clock) as books:
        await books.limit_providers({"a": ProviderLimits(polls_per_minute=limit)})
        sent: list[int] = []
        for wait_ms in waits:
            clock.now_ms += wait_ms
            free_ms = await books.pace_poll("a")
            if free_ms:
                assert T0 < clock.now_ms < free_ms <= clock.now_ms + MINUTE
                clock.now_ms = free_ms
                assert await books.pace_poll("a") == 0
            sent.append(clock.now_ms)
        assert all(sum(at <= other < at + MINUTE for other in sent) <= limit for at in sent)


async def test_polls_are_paced_over_all_replicas(books: Store, clock: Clock) -> None:
    assert await books.pace_poll("a") == 0
    await books.limit_providers({"a": ProviderLimits(polls_per_minute=2)})
    assert [await books.pace_poll("a") for _ in range(2)] == [0, T0 + MINUTE // 2]
    clock.now_ms += MINUTE // 2
    assert await books.pace_poll("a") == 0


async def test_a_clock_that_steps_back_closes_no_provider(books: Store, clock: Clock) -> None:
    """What was noted is of no time at all."""
    await books.limit_providers({"a": ProviderLimits(polls_per_minute=1)})
    await books.pace_poll("a")
    clock.now_ms -= 3_600_000
    assert await books.pace_poll("a") == 0


# --- lines -------------------------------------------------------------------------------------------------------


async def test_who_waits_is_called_when_there_is_room_and_nobody_comes_between(books: Store) -> None:
    """The place that became free belongs to who was called, for a while."""
    await books.limit_providers({"a": ProviderLimits(concurrency=1)})
    one, waits, late = [await asleep(books, number) for number in (1, 2, 3)]
    await ask(books, one)
    await wait(books, waits, "a")
    assert await called(books) == []
    await end(books, one)
    assert await ask(books, late) == Busy("line", 0)
    assert await called(books) == [waits.id]
    assert await called(books) == []
    assert await ask(books, late) == Busy("line", 0)
    assert isinstance(await ask(books, waits), Committed)
    assert await books.waiting() == {}
    assert await ask(books, late) == Busy("concurrency", 0)


async def test_a_turn_that_nobody_took_passes_on(books: Store, clock: Clock) -> None:
    """Its runner may have died. It keeps its place, and is called again."""
    await books.limit_providers({"a": ProviderLimits(concurrency=1)})
    first, second = await asleep(books, 1), await asleep(books, 2)
    await wait(books, first, "a")
    await wait(books, second, "a")
    assert await called(books) == [first.id]
    clock.now_ms += 10_000
    assert await called(books) == [first.id]
    assert await ask(books, second) == Busy("line", 0)
    assert isinstance(await ask(books, first), Committed)


async def test_a_video_waits_in_several_lines_and_leaves_them_all_at_once(
    books: Store, empty_redis: RedisServer
) -> None:
    await books.limit_providers({"a": ProviderLimits(concurrency=1), "b": ProviderLimits(concurrency=1)})
    one = await asleep(books, 1)
    await wait(books, one, "a", "b")
    assert await books.waiting() == {"a": 1, "b": 1}
    assert await called(books, "b") == [one.id]
    assert isinstance(await ask(books, one, "b"), Committed)
    assert await books.waiting() == {}
    left = everything(empty_redis)
    assert not [key for key in left if key.partition(":")[2].startswith(("waiting", "called", "turns", "awaited"))]


async def test_a_projects_many_do_not_delay_the_first_of_another(books: Store) -> None:
    """Three hundred wait, and the line has come a little way; the other project's then have every second turn."""
    await books.limit_providers({"a": ProviderLimits(concurrency=1)})
    there = {one.id: one for one in [await asleep(books, number) for number in range(1, 304)]}
    big, small = list(there.values())[:300], list(there.values())[300:]
    for one in big:
        await wait(books, one, "a", project="big")
    order = [await _turn(books, there) for _ in range(2)]
    assert order == big[:2]
    for one in small:
        await wait(books, one, "a", project="small")
    order = [await _turn(books, there) for _ in range(7)]
    assert [one in small for one in order[:6]].count(True) == 3, order
    assert small[0] in order[:2]
    assert order[6] in big


async def _turn(store: Store, there: dict[str, Video]) -> Video:
    """Who is called next, sends and ends."""
    (name,) = await called(store)
    assert isinstance(await ask(store, there[name]), Committed)
    await end(store, there[name])
    return there[name]


async def test_the_more_urgent_come_first(books: Store) -> None:
    await books.limit_providers({"a": ProviderLimits(concurrency=1)})
    batch, standard, urgent = [await asleep(books, number) for number in (1, 2, 3)]
    await wait(books, batch, "a", priority=2)
    await wait(books, standard, "a", priority=5)
    await wait(books, urgent, "a", priority=9)
    there = {one.id: one for one in (batch, standard, urgent)}
    assert [await _turn(books, there) for _ in range(3)] == [urgent, standard, batch]


async def test_who_leaves_the_line_without_a_turn_leaves_nothing(books: Store, empty_redis: RedisServer) -> None:
    """A cancel, a deadline."""
    one = await asleep(books, 1)
    await wait(books, one, "a", "b")
    now = await _now(books, one)
    await apply(books, following(now, at=AtProviders(lines=("a", "b"))), commit_id="gone")
    assert await books.waiting() == {}
    assert "{telecine}:turns:a" not in everything(empty_redis)


async def test_a_call_never_shortens_a_lease(books: Store, empty_redis: RedisServer) -> None:
    one = await asleep(books, 1)
    await wait(books, one, "a")
    await books.make_due(one.id)
    (claim,) = (await books.claim(1, lease_ms=20_000, token_prefix="holder")).videos
    assert await books.call("a") == 1
    assert due_of(empty_redis, one.id) == T0 + 20_000
    await books.rest_one(one.id, claim.token, T0 + 300_000)
    assert due_of(empty_redis, one.id) == T0


async def test_no_more_are_called_than_the_minute_has_room_for(books: Store, clock: Clock) -> None:
    await books.limit_providers({"a": ProviderLimits(rpm=3)})
    videos = [await asleep(books, number) for number in range(1, 8)]
    await ask(books, videos[0])
    for one in videos[1:]:
        await wait(books, one, "a")
    assert len(await called(books)) == 2
    assert len(await called(books)) == 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(["ask", "wait", "end", "call", "tick"]), st.integers(0, 11)), max_size=60),
    concurrency=st.integers(1, 3),
    rpm=st.integers(1, 6),
)
async def test_whatever_happens_no_limit_is_passed_and_nobody_is_forgotten(
    empty_redis: RedisServer, steps: list[tuple[str, int]], concurrency: int, rpm: int
) -> None:
    """In the end everybody has had a turn."""
    empty_redis.client.flushall()
    clock = Clock()
    async with simulated(empty_redis.url, clock) as books:
        await books.limit_providers({"a": ProviderLimits(concurrency=concurrency, rpm=rpm)})
        videos = [await asleep(books, number) for number in range(1, 13)]
        state = dict.fromkeys(range(12), "new")
        sent: list[int] = []

        async def submit(number: int) -> None:
            if isinstance(await ask(books, videos[number]), Committed):
                state[number] = "sent"
                sent.append(clock.now_ms)
            elif state[number] == "new":
                await wait(books, videos[number], "a", priority=number % 3, project=f"p{number % 3}")
                state[number] = "waits"

        async def turn(what: str, number: int) -> None:
            if what == "ask" and state[number] in ("new", "waits"):
                await submit(number)
            elif what == "wait" and state[number] == "new":
                await wait(books, videos[number], "a", project=f"p{number % 3}")
                state[number] = "waits"
            elif what == "end" and state[number] == "sent":
                await end(books, videos[number])
                state[number] = "done"
            elif what == "call":
                for one in await called(books):
                    await submit(next(at for at, made in enumerate(videos) if made.id == one))
            elif what == "tick":
                clock.now_ms += 7_000

        for what, number in steps:
            await turn(what, number)
            assert list(state.values()).count("sent") <= concurrency
            assert (await books.in_flight()).get("a", 0) == list(state.values()).count("sent")
        for _ in range(200):
            await turn("call", 0)
            for number in range(12):
                await turn("end", number)
                if state[number] == "new":
                    await turn("ask", number)
            await turn("tick", 0)
            if set(state.values()) == {"done"}:
                break
        assert set(state.values()) == {"done"}
        assert all(sum(at - MINUTE < one <= at for one in sent) <= rpm for at in sent)
        assert await books.waiting() == {}
