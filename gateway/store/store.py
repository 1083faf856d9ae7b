"""The whole store, as the floors above see it.

Every method raises StoreAway for trouble with the infrastructure; expected outcomes are values (`outcomes`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.log import log
from gateway.store.budgets import Budgets
from gateway.store.characters import Characters
from gateway.store.checks import Fitness, inspect
from gateway.store.clips import Clips
from gateway.store.configurations import Configurations
from gateway.store.doubts import Doubts
from gateway.store.due import Due
from gateway.store.errors import StoreAway, StoreRefused
from gateway.store.events import Events
from gateway.store.faces import Faces
from gateway.store.folders import Folders
from gateway.store.link import Link, Observe, unobserved
from gateway.store.names import Names
from gateway.store.projects import Projects
from gateway.store.providers import Providers
from gateway.store.retention import Retention
from gateway.store.rewinds import Rewinds
from gateway.store.room import servers_own_time
from gateway.store.search import Search
from gateway.store.secrets import Secrets
from gateway.store.sequence import WRITE_EVERY_S, Remembered
from gateway.store.standings import Standings
from gateway.store.switches import Switches
from gateway.store.usage import Usage
from gateway.store.videos import Videos
from gateway.store.vitals import VitalSigns
from gateway.store.webhooks import Webhooks

CHECK_EVERY_S: Final = 5.0
REMIND_EVERY_S: Final = 30.0


class Store(
    Webhooks,
    Videos,
    Faces,
    Due,
    Doubts,
    Providers,
    Projects,
    Budgets,
    Characters,
    Clips,
    Usage,
    Retention,
    Search,
    Rewinds,
    Switches,
    Secrets,
    Standings,
    Events,
    Configurations,
    Folders,
    VitalSigns,
):
    """`open`, use, `close`; one per process. `remember`: the file in the data directory that outlives the process and
    knows how far the store had come. `now_ms` and `random` are a simulation's to replace."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "telecine",
        remember: Path | None = None,
        timeout_s: float = 5.0,
        patience_s: float = 5.0,
        reads_patience_s: float = 1.0,
        observe: Observe = unobserved,
        now_ms: Callable[[], int] = servers_own_time,
        random: Callable[[int], bytes] = os.urandom,
        wait_replicas: int = 0,
    ) -> None:
        link = Link(url, timeout_s=timeout_s, patience_s=patience_s, reads_patience_s=reads_patience_s, observe=observe)
        super().__init__(link, Names(name), Remembered(remember), now_ms=now_ms, random=random)
        self.wait_replicas = wait_replicas
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> Fitness:
        """Look at the server and at how far it has come. StoreRefused if it must not be used."""
        fitness = await self.check()
        if fitness.refusals:
            raise StoreRefused("; ".join(fitness.refusals))
        floor = self._sequence.seen
        self._sequence.meet(int(await self._link.command("GET", self._names.seq) or 0), floor)
        await self.watch()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="remember the sequence")
        return fitness

    async def check(self) -> Fitness:
        """Look at the server again. While it is unfit, nothing is admitted."""
        fitness = await inspect(self._link)
        self.unfit = fitness.refusals
        if fitness.replid:
            self._sequence.meet_server(fitness.replid, fitness.replid2)
        return fitness

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
            await asyncio.to_thread(self._write_down)
        await self._link.close()

    async def _keep(self) -> None:
        """Look again at what may change while we run, and write down what must outlive us."""
        turns = 0
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            turns += 1
            if self._sequence.dirty:
                await asyncio.to_thread(self._write_down)
            with suppress(StoreAway):  # whoever needs the store will say so
                await self.watch()
                if turns % round(REMIND_EVERY_S / WRITE_EVERY_S) == 1:
                    self._remind()
                if turns % round(CHECK_EVERY_S / WRITE_EVERY_S) == 0:
                    await self.check()

    def _remind(self) -> None:
        rewound = self.rewound
        if rewound is not None:
            log(
                "store_forgot_commits",
                level="error",
                remembered=rewound.remembered,
                met=rewound.met,
                promoted=rewound.promoted,
                todo="nothing is submitted until: telecine store accept",
            )

    def _write_down(self) -> None:
        # A disk that refuses is its owner's trouble elsewhere; here it only makes the memory older.
        with suppress(OSError):
            self._sequence.write()
