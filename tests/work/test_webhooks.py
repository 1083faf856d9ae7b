"""Webhooks through the whole house: each end of a video is told to whoever asked for it, whatever its receiver does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import targets
from gateway.domain.errors import BadInput
from gateway.domain.events import ENDS, Event
from gateway.domain.targets import Target
from gateway.store.store import Store
from gateway.work import delivering, targeting
from gateway.work.announce import announce
from gateway.work.hand import Hand
from gateway.work.targeting import Which, Wish
from tests.support.house import House, house, new_caller
from tests.support.http_desk import Say, say
from tests.support.receiver import Receiver, verified_by
from tests.support.redis import RedisServer

CONFIG = """
gateway: {deadline_s: 60}
webhooks: {allow_private: ALLOWED, timeout_s: 0.5WHOLE}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2]}
"""
VENDORS: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}}


@asynccontextmanager
async def houses(
    server: RedisServer, folder: Path, *, allowed: bool = True, whole: bool = False
) -> AsyncIterator[House]:
    text = CONFIG.replace("ALLOWED", str(allowed).lower()).replace("WHOLE", ", whole_video: true" if whole else "")
    async with house(server.url, folder, text, vendors=VENDORS) as one:
        try:
            yield one
        finally:
            await one.tools.poster.close()


def hand(one: House) -> Hand:
    return Hand("cli", one.tools.random, one.tools.clock.now_ms())


async def target_of(one: House, url: str, scope: str = "", events: tuple[Event, ...] = ENDS) -> tuple[Target, str]:
    wish = Wish(scope=scope or f"project/{one.caller.project}", url=url, events=events)
    made = await targeting.create(one.tools.store, wish, hand(one))
    await one.tools.hearers.refresh(one.tools.store)
    return made


async def secret_of_requests(one: House) -> str:
    return (await targeting.request_target(one.tools.store, one.caller.project, hand(one))).secrets[0].text


async def hurry(store: Store, server: RedisServer) -> None:
    """What waits for its next try is due now."""
    client, tag = server.client, "{telecine}:"
    for lane in client.zrange(f"{tag}lanes", 0, -1):
        for delivery in client.zrange(f"{tag}queue:{lane}", 0, -1):
            client.zadd(f"{tag}queue:{lane}", {delivery: 0})
        client.zadd(f"{tag}lanes", {lane: 0})


async def until_all_told(receiver: Receiver, server: RedisServer) -> None:
    """Every answer is noted, and nothing is left to send."""
    client, tag = server.client, "{telecine}:"
    await receiver.until(lambda: not client.hlen(f"{tag}deliveries") and not client.zcard(f"{tag}lanes"))


async def until_tried(receiver: Receiver, server: RedisServer) -> None:
    """A first answer that asks for another try is noted."""
    await receiver.until(lambda: any('"tries":1' in one for one in server.client.hvals("{telecine}:deliveries")))


async def test_an_end_is_told_to_project_key_gateway_and_the_address_of_the_request(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Once each, signed by the secret of each; others hear nothing."""
    async with Receiver() as receiver, houses(empty_redis, tmp_path) as one:
        other = await new_caller(one.tools, "other")
        mine = [
            await target_of(one, f"{receiver.url}/project"),
            await target_of(one, f"{receiver.url}/key", f"key/{one.caller.key_id}"),
            await target_of(one, f"{receiver.url}/gateway", "gateway"),
        ]
        await target_of(one, f"{receiver.url}/other", f"project/{other.project}")
        video = await one.create(webhook_url=f"{receiver.url}/request?a=b")
        face = await one.until(video)
        await receiver.count(4)
        await until_all_told(receiver, empty_redis)
        secrets = {f"/{name}": secret for name, (_, secret) in zip(("project", "key", "gateway"), mine, strict=True)}
        secrets["/request?a=b"] = await secret_of_requests(one)
        assert {asked.target for asked in receiver.asked} == set(secrets)
        for asked in receiver.asked:
            event = json.loads(asked.body)
            assert (event["type"], event["data"]) == (f"video.{face['status']}", {"id": video})
            assert asked.header("webhook-id") == event["id"]
            assert verified_by(asked, [secrets[asked.target]]) == [True]
        assert len({one.header("webhook-id") for one in receiver.asked}) == 1


async def test_who_has_no_target_pays_nothing(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with houses(empty_redis, tmp_path) as one:
        await one.until(await one.create())
        keys = set(empty_redis.client.keys())
        assert not keys & {f"{{telecine}}:{name}" for name in ("deliveries", "lanes", "targets", "dead_letters")}


async def test_a_start_a_failure_and_a_cancel_are_told_to_who_wants_them(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with Receiver() as receiver, houses(empty_redis, tmp_path) as one:
        await target_of(one, receiver.url, events=(Event.VIDEO_STARTED, *ENDS))
        good = await one.create()
        await one.until(good)
        await receiver.count(2)
        assert [(event["type"], event["data"]["id"]) for event in receiver.events] == [
            ("video.started", good),
            ("video.completed", good),
        ]


async def test_the_whole_video_is_sent_where_that_is_wanted(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with Receiver() as receiver, houses(empty_redis, tmp_path, whole=True) as one:
        video = await one.create("a canary", webhook_url=receiver.url)
        face = await one.until(video)
        await receiver.count(1)
        assert receiver.events[0]["data"] == face


SICK: dict[str, Say] = {
    "500": say(500), "404": say(404), "slow": Say(b"HTTP/1.1 ", "hang"), "cut": Say(b"", "reset"),
    "302": say(302, location="/"),
}  # fmt: skip


@pytest.mark.parametrize("how", [*SICK])
async def test_a_receiver_that_fails_hears_of_it_later_under_the_same_id(
    how: str, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """With a signature of the new moment; and its failing held up nobody else."""
    async with Receiver(SICK[how], say(200)) as sick, Receiver() as well, houses(empty_redis, tmp_path) as one:
        _, secret = await target_of(one, sick.url)
        await target_of(one, well.url)
        await one.until(await one.create())
        await well.count(1)
        await until_tried(sick, empty_redis)
        await asyncio.sleep(1.1)
        await hurry(one.tools.store, empty_redis)
        first, second = await sick.count(2)
        assert first.header("webhook-id") == second.header("webhook-id")
        assert first.header("webhook-timestamp") != second.header("webhook-timestamp")
        assert (first.body, verified_by(second, [secret])) == (second.body, [True])
        await until_all_told(sick, empty_redis)
        assert len(well.asked) == 1


async def test_a_receiver_that_is_down_is_told_when_it_is_back(empty_redis: RedisServer, tmp_path: Path) -> None:
    receiver = Receiver()
    await receiver.__aenter__()
    port, url = receiver.port, receiver.url
    await receiver.__aexit__(None, None, None)
    async with houses(empty_redis, tmp_path) as one:
        await target_of(one, url)
        client, began_ms = empty_redis.client, one.tools.clock.now_ms()
        await one.until(await one.create())
        await receiver.until(lambda: any("unreachable" in raw for raw in client.hvals("{telecine}:deliveries")))
        assert port
        waits = client.zrange("{telecine}:lanes", 0, -1, withscores=True)
        assert began_ms + 3_000 < waits[0][1] < one.tools.clock.now_ms() + 6_000


async def test_410_disables_the_target_and_says_so(empty_redis: RedisServer, tmp_path: Path) -> None:
    """What comes later is a dead letter; enabled again, it can be replayed, and is the same event."""
    async with Receiver(say(410), say(200)) as gone, Receiver() as watch, houses(empty_redis, tmp_path) as one:
        store = one.tools.store
        target, _ = await target_of(one, gone.url)
        await target_of(one, watch.url, "gateway", (Event.WEBHOOK_DISABLED,))
        first, second = await one.create(), ""
        await one.until(first)
        await watch.count(1)
        await watch.until(lambda: empty_redis.client.zcard("{telecine}:dead_letters") == 1)
        assert watch.events[0]["data"]["id"] == target.id
        after = await store.target(target.id)
        assert after is not None and after.disabled
        second = await one.create()
        await one.until(second)
        letters = (await store.dead_letters(after=None, limit=10)).letters
        assert [(letter.about, letter.status, letter.why) for letter in letters] == [
            (first, 410, "its receiver says that nobody is there any more (410)")
        ], "a disabled target hears nothing more"
        await targeting.enable(store, target.id, hand(one))
        await one.tools.hearers.refresh(store)
        assert await targeting.replay(store, Which(target=target.id, event=Event.VIDEO_FAILED), hand(one)) == 0
        assert await targeting.replay(store, Which(target=target.id), hand(one)) == 1
        await gone.count(2)
        assert gone.asked[0].header("webhook-id") == gone.asked[1].header("webhook-id")
        entries, _ = await store.audit_page(after=None, limit=20, descending=False)
        assert [entry.action for entry in entries if entry.object == f"webhook/{target.id}"] == [
            "webhook.create", "webhook.disable", "webhook.enable", "webhook.replay",
        ]  # fmt: skip


async def test_what_is_on_its_way_to_a_target_that_goes_becomes_a_dead_letter(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with Receiver(say(500)) as receiver, houses(empty_redis, tmp_path) as one:
        store = one.tools.store
        target, _ = await target_of(one, receiver.url)
        await one.until(await one.create())
        await until_tried(receiver, empty_redis)
        await targeting.remove(store, target.id, hand(one))
        await one.tools.hearers.refresh(store)
        await hurry(store, empty_redis)
        await receiver.until(lambda: empty_redis.client.zcard("{telecine}:dead_letters") == 1)
        assert (await store.dead_letters(after=None, limit=1)).letters[0].why == "its target was removed"
        assert len(receiver.asked) == 1


async def test_both_secrets_sign_while_one_takes_over_from_the_other(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with Receiver() as receiver, houses(empty_redis, tmp_path) as one:
        target, old = await target_of(one, receiver.url)
        _, new = await targeting.rotate(one.tools.store, target.id, hand(one), 60)
        await one.tools.hearers.refresh(one.tools.store)
        await one.until(await one.create())
        (asked,) = await receiver.count(1)
        assert verified_by(asked, [new, old, targets.new_secret(bytes(32)).text]) == [True, True, False]
        _, newest = await targeting.rotate(one.tools.store, target.id, hand(one), 0)
        await one.tools.hearers.refresh(one.tools.store)
        await one.until(await one.create())
        await receiver.count(2)
        assert verified_by(receiver.asked[1], [newest, new, old]) == [True, False, False]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "https://10.0.0.1/", "https://localhost/", "nonsense", "https://"]
)
async def test_an_address_inside_is_refused_before_anything_is_held(
    url: str, empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with houses(empty_redis, tmp_path, allowed=False) as one:
        with pytest.raises(BadInput) as refused:
            await one.create(webhook_url=url)
        assert refused.value.param == "webhook_url"
        assert empty_redis.client.xlen("{telecine}:ledger") == 0


async def test_a_target_inside_is_given_up_at_once_where_that_is_not_allowed(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with Receiver() as receiver, houses(empty_redis, tmp_path, allowed=False) as one:
        await target_of(one, receiver.url)
        await one.until(await one.create())
        await receiver.until(lambda: empty_redis.client.zcard("{telecine}:dead_letters") == 1)
        letters = (await one.tools.store.dead_letters(after=None, limit=1)).letters
        assert (letters[0].why, receiver.asked) == ("its address is not a public one", [])


async def test_a_slow_receiver_with_a_crowd_of_events_holds_up_nobody_else(
    empty_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where a worker has few places for all."""
    monkeypatch.setattr(delivering, "AT_ONCE", 20)
    async with Receiver(Say(b"HTTP/1.1 ", "hang")) as slow, Receiver() as well, houses(empty_redis, tmp_path) as one:
        await target_of(one, slow.url, "gateway", (Event.CONFIG_RELOADED,))
        for number in range(200):
            await announce(one.tools.store, Event.CONFIG_RELOADED, str(number), once=str(number))
        await slow.count(16)
        await target_of(one, well.url)
        await one.until(await one.create())
        await well.count(1, 3.0)
        assert empty_redis.client.hlen("{telecine}:deliveries") > 150
        assert 16 <= len(slow.asked) < 40


async def test_the_stream_of_events_goes_out_to_who_wants_it(empty_redis: RedisServer, tmp_path: Path) -> None:
    """From when its target was set, and once, whoever reads it."""
    async with Receiver() as receiver, houses(empty_redis, tmp_path) as one:
        await announce(one.tools.store, Event.CONFIG_RELOADED, "1", once="1")
        await asyncio.sleep(0.01)
        await target_of(one, receiver.url, "gateway", (Event.CONFIG_RELOADED, Event.PROVIDER_DOWN))
        for number in range(2, 80):
            await announce(one.tools.store, Event.CONFIG_RELOADED, str(number), once=str(number))
        await announce(one.tools.store, Event.PROVIDER_DRAINED, "a", once="a")
        await receiver.count(78)
        await until_all_told(receiver, empty_redis)
        assert sorted(int(event["data"]["id"]) for event in receiver.events) == [*range(2, 80)]


async def test_a_create_with_an_address_that_is_sent_again_is_the_same_and_with_another_is_not(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    from gateway.domain.requests import Hint

    async with Receiver() as receiver, houses(empty_redis, tmp_path) as one:
        first = await one.create("a boat", webhook_url=f"{receiver.url}/a")
        again = Hint(resend=True)
        assert await one.create("a boat", webhook_url=f"{receiver.url}/a", hint=again) == first
        assert await one.create("a boat", webhook_url=f"{receiver.url}/b", hint=again) != first
        assert await one.create("a boat", hint=again) != first
