"""Making a version of the configuration: from a file that was edited, over /admin/config, by `telecine config`.

A text is refused before anything is written: if it is wrong, if another version came first, or if it takes away or
re-points an account that has open attempts.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.problems import ConfigError
from gateway.config.unsaid import said, unsaid_of
from gateway.domain.audit import Deed
from gateway.domain.config_changes import ConfigChanges, told
from gateway.domain.config_versions import ConfigFacts, ConfigNow, config_digest
from gateway.domain.events import Event
from gateway.log import log
from gateway.store.configurations import Overtaken, Published, Unchanged
from gateway.store.store import Store
from gateway.work.announce import announce
from gateway.work.comparing import compare
from gateway.work.making import Made, Maker, title
from providers.contract import Json

Outcome: TypeAlias = Published | Overtaken | Unchanged


class AccountInUse(Exception):
    """One sentence that says what to do."""


class NoVersion(Exception):
    """One sentence."""


class By(Struct, frozen=True, kw_only=True):
    """Who makes a version. See `ConfigFacts`."""

    actor: str
    note: str = ""
    replica: str = ""
    restores: int = 0


async def publish(store: Store, maker: Maker, text: bytes, by: By, *, based_on: int) -> Outcome:
    """`based_on`: the version that was read, 0: none. ConfigError, AccountInUse."""
    made = await asyncio.to_thread(maker.make, text)
    now = await store.config_now()
    if (now.version.number if now is not None else 0) != based_on:
        return Unchanged(now.version.number) if now is not None and now.text == text else Overtaken(_number(now))
    if now is not None:
        await _refuse_to_strand(store, await _made_of(maker, now), made)
    facts = ConfigFacts(
        digest=config_digest(text), actor=by.actor, note=by.note, replica=by.replica, restores=by.restores
    )
    deed = _deed(facts, now, by)
    done = await store.publish_config(facts, text, deed, based_on=based_on, limits=made.snapshot.limits)
    if isinstance(done, Published):
        number = done.version.number
        log("config_published", version=number, digest=facts.digest, actor=by.actor, based_on=based_on)
        told = {"digest": facts.digest, "actor": by.actor}
        await announce(store, Event.CONFIG_RELOADED, str(number), told, once=f"config.{number}")
    return done


async def restore(store: Store, maker: Maker, number: int, by: By, *, based_on: int) -> Outcome:
    """Roll back: a new version with the text of an old one. NoVersion, ConfigError, AccountInUse."""
    found = await store.config_at(number)
    if found is None:
        raise NoVersion(f"There is no version {number} with its text; the history lists those that there are.")
    by = replace(by, restores=number)
    return await publish(store, maker, found.text, by, based_on=based_on)


async def difference(store: Store, maker: Maker, text: bytes) -> ConfigChanges:
    """What a text would change of what counts, without values that are secrets or the environment's. ConfigError for
    either; NoVersion."""
    now = await store.config_now()
    if now is None:
        raise NoVersion("No configuration counts yet: telecine serve makes the first version.")
    before = await asyncio.to_thread(maker.make, now.text, title(now.version.number))
    started = maker if maker.started is not None else dataclasses.replace(maker, started=before.file.config)
    after = await asyncio.to_thread(started.make, text)
    found = await asyncio.to_thread(compare, before, after)
    unsaid = {**unsaid_of(now.text, maker.environ), **unsaid_of(text, maker.environ)}
    return told(found, lambda words: said(words, unsaid))


def _deed(facts: ConfigFacts, now: ConfigNow | None, by: By) -> Deed:
    """The texts are the history's; the audit log says which of them."""
    number = _number(now)
    before: Json = {"version": number, "digest": now.version.facts.digest} if now is not None else None
    after: dict[str, Json] = {"version": number + 1, "digest": facts.digest, "note": by.note}
    if by.restores:
        after["restores"] = by.restores
    action = "config.rollback" if by.restores else "config.apply"
    return Deed(id=secrets.token_hex(8), actor=by.actor, action=action, object="config", before=before, after=after)


def _number(now: ConfigNow | None) -> int:
    return now.version.number if now is not None else 0


async def _made_of(maker: Maker, now: ConfigNow) -> Made | None:
    """None if this process cannot read what counts, for want of a variable or an adapter."""
    try:
        return await asyncio.to_thread(maker.make, now.text, title(now.version.number))
    except ConfigError:
        return None


async def _refuse_to_strand(store: Store, before: Made | None, after: Made) -> None:
    """AccountInUse. An attempt pins its account: without it nobody could look at what runs there, and is paid for."""
    if before is None:
        return
    kept = set(after.snapshot.accounts.values())
    gone = {account: name for name, account in before.snapshot.accounts.items() if account not in kept}
    held = await store.open_at(gone) if gone else {}
    if held:
        account, video = min(held.items())
        name = gone[account]
        raise AccountInUse(
            f"{name} has open attempts, {video} for one, and this would take its account away: "
            f"write `drain: true` for it, wait until they have ended, and then change it."
        )
