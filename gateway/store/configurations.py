"""The configuration as all replicas share it: the version that counts, its text, and those before it, in bounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from gateway.domain.audit import Deed
from gateway.domain.config_versions import (
    ConfigFacts,
    ConfigNow,
    ConfigVersion,
    encode_facts,
    version_of,
)
from gateway.domain.permits import ProviderLimits
from gateway.domain.videos import AttemptState, Video, decode_video
from gateway.killpoints import reach
from gateway.store.edits import deed_words
from gateway.store.loader import PUBLISH_CONFIG
from gateway.store.providers import limit_words
from gateway.store.room import Room

FACTS_KEPT: Final = 1_000
TEXTS_KEPT: Final = 100
"""Of so many versions the text is kept, and they can be rolled back to. At most 256 KiB each."""

PAGE: Final = 200
LOOKS_MAX: Final = 1_000_000
_PINNED: Final = (AttemptState.SENT, AttemptState.DOUBTFUL, AttemptState.RUNNING)


class Published(Struct, frozen=True):
    version: ConfigVersion


class Overtaken(Struct, frozen=True):
    """Another version counts than the one that was read; nothing was written. 0: there is none any more."""

    number: int


class Unchanged(Struct, frozen=True):
    """That version has this very text."""

    number: int


class Configurations(Room):
    async def config_version(self) -> int:
        """The version that counts; 0: none was ever made."""
        return int(await self._link.command("HGET", self._names.config, "version") or 0)

    async def config_now(self) -> ConfigNow | None:
        """The version that counts, with its text; None: none was ever made."""
        number = await self.config_version()
        return await self.config_at(number) if number else None

    async def config_at(self, number: int) -> ConfigNow | None:
        """A version with its text, while that is kept."""
        names = self._names
        reads = [("HGET", names.config_facts, number), ("HGET", names.config_texts, number)]
        facts, text = await self._link.many("config_at", reads)
        if facts is None or text is None:
            return None
        return ConfigNow(version=version_of(number, facts), text=text)

    async def config_versions(self) -> tuple[ConfigVersion, ...]:
        """All that are known, the newest first; at most FACTS_KEPT."""
        flat = await self._link.command("HGETALL", self._names.config_facts)
        found = (version_of(int(number), raw) for number, raw in zip(flat[::2], flat[1::2], strict=True))
        return tuple(sorted(found, key=lambda one: -one.number))

    async def publish_config(
        self, facts: ConfigFacts, text: bytes, deed: Deed, *, based_on: int, limits: Mapping[str, ProviderLimits]
    ) -> Published | Overtaken | Unchanged:
        """Make this text the version that counts, with the limits of its providers, unless another came first. Made
        again, because the answer was lost, it is unchanged."""
        names = self._names
        keys = (names.config, names.config_facts, names.config_texts, names.providers, names.audit)
        head = (self._now_ms(), based_on, encode_facts(facts), text, facts.digest, FACTS_KEPT, TEXTS_KEPT)
        reach("before.commit.config")
        match await self._link.run(PUBLISH_CONFIG, keys, (*head, *deed_words(deed), *limit_words(limits))):
            case [b"PUBLISHED", number, at_ms]:
                reach("after.commit.config")
                return Published(ConfigVersion(number=number, at_ms=at_ms, facts=facts))
            case [b"OVERTAKEN", number]:
                return Overtaken(number)
            case [b"UNCHANGED", number]:
                return Unchanged(number)
            case other:
                raise AssertionError(f"publish_config.lua answered {other!r}")

    async def open_at(self, accounts: Collection[str]) -> dict[str, str]:
        """Of these accounts those that have attempts sent and not closed, each with one of their videos."""
        needles = {account: msgspec.json.encode(account) for account in accounts}
        found: dict[str, str] = {}
        cursor, looks = b"0", 0
        while looks < LOOKS_MAX and len(found) < len(needles):
            cursor, flat = await self._link.command("ZSCAN", self._names.due, cursor, "COUNT", PAGE)
            ids = [one.decode() for one in flat[::2]]
            looks += len(ids)
            records = await self._read_many("open_at", [("HGET", self._names.video(one), "rec") for one in ids])
            for record in records:
                for account, video in _open_in(record, needles):
                    found.setdefault(account, video.id)
            if cursor == b"0":
                break
        return found


def _open_in(record: bytes | None, needles: Mapping[str, bytes]) -> list[tuple[str, Video]]:
    """Mostly without decoding the record."""
    if record is None or not any(one in record for one in needles.values()):
        return []
    try:
        video = decode_video(record)
    except msgspec.DecodeError:
        return []
    return [(one.account, video) for one in video.attempts if one.account in needles and one.state in _PINNED]
