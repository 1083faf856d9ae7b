"""Following the configuration: one process looks at the version that counts, a few times a second, and swaps whole.

Requests and steps that have begun keep the snapshot that they began with. A version that this process cannot use, for
want of a variable or an adapter, is told once, and the last one that it could serves on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway import metrics
from gateway.config.problems import ConfigError
from gateway.log import log, where
from gateway.snapshot import Snapshot
from gateway.store.errors import StoreAway
from gateway.store.store import Store
from gateway.work.bounds import shut_unread
from gateway.work.making import Made, Maker, title

LOOK_EVERY_S: Final = 0.2


class Follower:
    """`first` serves until a look finds another version. `told` hears after each look whether the newest is served."""

    def __init__(self, store: Store, maker: Maker, first: Made, number: int, told: Callable[[Follower], None]) -> None:
        self.made = first
        self.number = number
        self.refused: ConfigError | None = None
        self._refused_number = 0
        self._store = store
        self._maker = maker
        self._told = told

    def snapshot(self) -> Snapshot:
        return self.made.snapshot

    async def look(self) -> bool:
        """Whether another version was taken over. StoreAway."""
        number = await self._store.config_version()
        if number in (0, self.number):
            self._forget()
            return False
        if number == self._refused_number:
            return False
        now = await self._store.config_at(number)
        if now is None:
            return False
        try:
            made = await asyncio.to_thread(self._maker.make, now.text, title(number))
        except ConfigError as error:
            self.refused, self._refused_number = error, number
            log("config_refused", level="error", version=number, reason=str(error), serving=self.number)
            metrics.config_reloaded("refused")
            return False
        await shut_unread(self._store, made.snapshot)
        self.made, self.number = made, number
        self._forget()
        metrics.config_reloaded("applied")
        log("config_reloaded", version=number, digest=now.version.facts.digest, needs_restart=", ".join(made.restart))
        return True

    async def follow(self) -> None:
        """For ever. A store that is away has other witnesses."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except StoreAway:
                continue
            except Exception as error:
                log("config_not_followed", level="error", **where(error))
            self._told(self)

    def _forget(self) -> None:
        self.refused, self._refused_number = None, 0
