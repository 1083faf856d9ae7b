"""Versions of the configuration: one counts at a time, none is made over another, and those before it are kept."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.audit import Deed
from gateway.domain.config_versions import ConfigFacts, config_digest, is_edit, latest_with
from gateway.domain.permits import ProviderLimits
from gateway.domain.videos import AttemptState
from gateway.store import configurations
from gateway.store.configurations import Overtaken, Published, Unchanged
from gateway.store.store import Store
from tests.store.samples import PRICE, T0, admission, apply, attempt, closed, following, video
from tests.support.redis import RedisServer

DEED = Deed(id="d1", actor="key_1", action="config.apply", object="config")


def facts(text: bytes, **others: object) -> ConfigFacts:
    return replace(ConfigFacts(digest=config_digest(text), actor="file"), **others)


async def deeds(store: Store) -> int:
    """Entries of the audit log about it."""
    found, _ = await store.audit_page(after=None, limit=50, descending=True)
    return sum(1 for one in found if one.object == "config")


async def publish(store: Store, text: bytes, based_on: int, **limits: ProviderLimits) -> object:
    return await store.publish_config(facts(text), text, DEED, based_on=based_on, limits=limits)


async def test_a_version_counts_with_its_text_and_its_limits(books: Store, empty_redis: RedisServer) -> None:
    """Who made it and when are told; limits of the version before are gone."""
    assert (await books.config_version(), await books.config_now(), await books.config_versions()) == (0, None, ())
    made = await publish(books, b"one", 0, a=ProviderLimits(rpm=5), b=ProviderLimits(concurrency=2))
    assert isinstance(made, Published)
    assert (made.version.number, made.version.at_ms, made.version.facts.actor) == (1, T0, "file")
    await books.publish_config(facts(b"two", actor="key_1", note="why"), b"two", DEED, based_on=1, limits={})
    now = await books.config_now()
    assert now is not None
    assert (now.text, now.version.number, now.version.facts.note) == (b"two", 2, "why")
    assert [one.number for one in await books.config_versions()] == [2, 1]
    assert (await books.config_at(1)) is not None
    assert empty_redis.client.hgetall("{telecine}:providers") == {}
    assert await deeds(books) == 2


async def test_of_two_who_read_the_same_version_one_makes_the_next(books: Store) -> None:
    """The other is told, and nothing of it is written."""
    await publish(books, b"one", 0)
    done = await asyncio.gather(*(publish(books, b"two%d" % one, 1) for one in range(10)))
    assert sorted(type(one).__name__ for one in done) == ["Overtaken"] * 9 + ["Published"]
    assert {one.number for one in done if isinstance(one, Overtaken)} == {2}
    assert await books.config_version() == 2
    assert len(await books.config_versions()) == 2
    assert await deeds(books) == 2


async def test_a_text_that_counts_already_makes_no_version(books: Store) -> None:
    """So a repeat of a call whose answer was lost is harmless."""
    await publish(books, b"one", 0)
    assert await publish(books, b"one", 0) == Unchanged(1)
    assert await publish(books, b"one", 1) == Unchanged(1)


async def test_limits_of_a_version_that_is_over_are_not_written(books: Store, empty_redis: RedisServer) -> None:
    """A replica that starts late does not undo what was applied meanwhile."""
    await publish(books, b"one", 0, a=ProviderLimits(rpm=5))
    await publish(books, b"two", 1, a=ProviderLimits(rpm=6))
    await books.limit_providers({"a": ProviderLimits(rpm=5)}, version=1)
    assert empty_redis.client.hget("{telecine}:providers", "a:rpm") == "6"
    await books.limit_providers({"a": ProviderLimits(rpm=7)}, version=2)
    assert empty_redis.client.hget("{telecine}:providers", "a:rpm") == "7"


async def test_the_history_is_bounded(books: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts go before facts; the version that counts stays."""
    monkeypatch.setattr(configurations, "FACTS_KEPT", 5)
    monkeypatch.setattr(configurations, "TEXTS_KEPT", 3)
    for number in range(10):
        await publish(books, b"text %d" % number, number)
    assert [one.number for one in await books.config_versions()] == [10, 9, 8, 7, 6]
    assert [number for number in range(1, 11) if await books.config_at(number)] == [8, 9, 10]


async def test_an_account_with_an_attempt_that_was_sent_is_found(books: Store) -> None:
    """Whatever is open pins its account; what was only planned, or is closed, does not."""
    accounts = {one: f"{one}|https://{one}.test|" for one in ("a", "b", "mock")}
    states = {"a": AttemptState.RUNNING, "b": AttemptState.PLANNED}
    for number, (name, state) in enumerate(states.items(), 1):
        made = video(number)
        await books.admit(admission(made))
        tried = replace(attempt(provider=name), counters=made.attempts[0].counters, state=state)
        await apply(books, following(replace(made, attempts=(tried,))))
    over = video(3)
    await books.admit(admission(over))
    settle = ledger.settle(over, over.attempts[0], PRICE, presumed=False, reason="finished")
    await apply(books, following(closed(over), settle))
    assert await books.open_at(accounts.values()) == {accounts["a"]: video(1).id}
    assert await books.open_at([]) == {}


async def test_a_file_that_moves_on_to_a_known_text_follows_and_one_that_goes_back_was_edited(books: Store) -> None:
    """At a start nobody knows what it had before: then a known text is none that somebody wrote meanwhile."""
    for number, text in enumerate((b"one", b"two", b"three")):
        await publish(books, text, number)
    known = await books.config_versions()
    one, two, three = map(config_digest, (b"one", b"two", b"three"))
    assert not is_edit(two, one, known)
    assert is_edit(one, two, known)
    assert is_edit(config_digest(b"four"), three, known)
    assert not is_edit(one, "", known)
    found = latest_with(two, known)
    assert found is not None
    assert found.number == 2
