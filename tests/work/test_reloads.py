"""A configuration that changes while videos are under way: no attempt loses its vendor, no new work goes astray."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.errors import Unavailable
from gateway.store.configurations import Overtaken, Published, Unchanged
from gateway.store.store import Store
from gateway.work.configure import AccountInUse, By, publish
from gateway.work.making import Maker
from tests.support.house import House, house
from tests.support.redis import RedisServer

HOUSE = """
gateway: {deadline_s: 60}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2, b/sora-2]}
"""
BY = By(actor="file")


def text_of(one: House, *changes: tuple[str, str]) -> bytes:
    text = HOUSE
    for name, vendor in one.vendors.items():
        text = text.replace("{" + name + "}", vendor.base_url).replace("{key}", vendor.api_key)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


MAKER = Maker("config.yaml", {})


def serve(one: House, *changes: tuple[str, str]) -> None:
    """As a worker does that took over this configuration."""
    snapshot = MAKER.make(text_of(one, *changes)).snapshot
    one.tools.snapshot = lambda: snapshot


WITHOUT_A = ("a/sora-2, ", "")
DRAINED = ("a: {adapter: openai, ", "a: {adapter: openai, drain: true, ")


async def test_what_runs_on_a_route_that_was_taken_away_is_followed_to_its_end(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """One render, at the route that began it."""
    vendors = {"a": {"render_s": 1.0}, "b": {}}
    async with house(empty_redis.url, tmp_path, HOUSE, vendors=vendors) as one:
        video = await one.create("a boat")
        await one.until(video, "in_progress")
        serve(one, WITHOUT_A)
        assert (await one.until(video, "completed", "failed"))["status"] == "completed"
        assert [attempt.route for attempt in (await one.record(video)).attempts] == ["a/sora-2"]


async def test_a_drained_provider_ends_what_it_has_and_gets_nothing_new(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """New videos go elsewhere, also those that were planned for it; with nobody else they are refused for now."""
    vendors = {"a": {"render_s": 1.0}, "b": {}}
    async with house(empty_redis.url, tmp_path, HOUSE, vendors=vendors) as one:
        first = await one.create("a boat")
        await one.until(first, "in_progress")
        serve(one, DRAINED)
        second = await one.create("a second boat")
        for video, route in ((first, "a/sora-2"), (second, "b/sora-2")):
            assert (await one.until(video, "completed", "failed"))["status"] == "completed"
            assert [attempt.route for attempt in (await one.record(video)).attempts] == [route]
        serve(one, DRAINED, (", b/sora-2", ""))
        with pytest.raises(Unavailable):
            await one.create("a third boat")


async def test_what_was_planned_for_a_drained_provider_goes_elsewhere(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Admitted before, not sent yet: no byte goes there, and its hold is void."""
    async with house(empty_redis.url, tmp_path, HOUSE, vendors={"a": {}, "b": {}}, running=False) as one:
        video = await one.create("a boat")
        serve(one, DRAINED)
        one.runner.start()
        assert (await one.until(video, "completed", "failed"))["status"] == "completed"
        await one.runner.stop(1.0)
        tried = {attempt.route: attempt.sendings for attempt in (await one.record(video)).attempts}
        assert tried == {"a/sora-2": 0, "b/sora-2": 1}


async def test_an_account_with_open_attempts_is_not_taken_away(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Nor pointed elsewhere; the sentence says what to do. Once they are over it may go. Its key may change always."""
    vendors = {"a": {"render_s": 1.5}, "b": {}}
    async with house(empty_redis.url, tmp_path, HOUSE, vendors=vendors) as one:
        store = one.tools.store
        await publish(store, MAKER, text_of(one), BY, based_on=0)
        video = await one.create("a boat")
        await one.until(video, "in_progress")
        lines = text_of(one).decode().splitlines()
        gone = "\n".join(line for line in lines if not line.startswith("  a:")).replace("a/sora-2, ", "").encode()
        moved = text_of(one, DRAINED, (one.vendors["a"].base_url, "https://else.where"))
        for text in (gone, moved):
            with pytest.raises(AccountInUse, match=f"a has open attempts, {video} for one, .*drain: true"):
                await publish(store, MAKER, text, BY, based_on=1)
        assert await store.config_version() == 1
        rotated = text_of(one, (one.vendors["a"].api_key, "sk-new"))
        assert isinstance(await publish(store, MAKER, rotated, BY, based_on=1), Published)
        await one.until(video, "completed")
        assert isinstance(await publish(store, MAKER, gone, BY, based_on=2), Published)


async def test_what_was_read_decides(empty_redis: RedisServer) -> None:
    """Another version meanwhile: refused. The same text: nothing to do."""
    store = Store(empty_redis.url)
    text = b"providers: {m: {adapter: mock}}\nmodels: {sora-2: {routes: [m/sora-2]}}\n"
    assert isinstance(await publish(store, MAKER, text, BY, based_on=0), Published)
    assert await publish(store, MAKER, text, BY, based_on=0) == Unchanged(1)
    assert await publish(store, MAKER, text + b"# more", BY, based_on=0) == Overtaken(1)
    assert isinstance(await publish(store, MAKER, text + b"# more", BY, based_on=1), Published)
    await store.close()
